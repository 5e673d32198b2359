"""Which memories a text is about: the near ones, of the right tree and speaker, from vectors made once."""

import pytest

from proxy.domain.memory import Memory, Origin, Told
from proxy.domain.tree import TreeId, UserId
from proxy.routing.embedder import embedder
from proxy.routing.recall import Recall

pytestmark = pytest.mark.anyio

ADA, HOME, WORK = UserId("ada"), TreeId("home"), TreeId("work")
TOLD = {
    "bread": Told("A pale crust of sourdough bread", "The crust stays pale.", "Bake it hotter and longer in the oven."),
    "train": Told(
        "Night trains to Venice", "Which train has sleeping cars?", "The one from Vienna at nine in the evening."
    ),
    "tax": Told("Tax return of a freelancer", "When is it due?", "In July, and in February with an adviser."),
}


class Feed:
    """A store of memories that counts how often it is read."""

    def __init__(self) -> None:
        self.memories: list[Memory] = []
        self.mark = 0
        self.reads = 0

    def put(self, name: str, told: Told, at: float = 1.0, **origin) -> None:
        self.memories = [one for one in self.memories if one.id != name]
        self.memories.append(Memory(name, told, Origin(**origin), 0, 1.0, at))
        self.mark += 1

    async def memories_mark(self, user_id: UserId) -> int:
        return self.mark if user_id == ADA else 0

    async def all_memories(self, user_id: UserId) -> list[Memory]:
        self.reads += 1
        return list(self.memories) if user_id == ADA else []


class Counting:
    """The light embedder, and how many texts it was given."""

    name = "static"
    size = 256

    def __init__(self) -> None:
        self.inner = embedder("static")
        self.texts = 0

    def embed(self, texts):
        self.texts += len(texts)
        return self.inner.embed(texts)


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    for name, told in TOLD.items():
        feed.put(name, told)
    return feed


@pytest.mark.parametrize("vectors", ["static", "minilm"])
async def test_the_memory_that_a_text_is_about_comes_first(feed: Feed, vectors: str):
    recall = Recall(feed, embedder(vectors))
    for asked, wanted in (
        ("Why is my sourdough bread so pale on top?", "bread"),
        ("Is there a sleeping car on the train to Venice?", "train"),
        ("When do I have to hand in my tax return?", "tax"),
    ):
        found = await recall.search(ADA, asked, 3)
        assert found[0].memory.id == wanted
        assert 0 < found[0].score <= 1
        assert [piece.source for piece in await recall.relevant(ADA, HOME, asked, most=3)] == [f"memory:{wanted}"]
        assert len(await recall.search(ADA, asked, 1)) == 1


@pytest.mark.parametrize("vectors", ["static", "minilm"])
async def test_a_text_about_nothing_known_recalls_nothing(feed: Feed, vectors: str):
    recall = Recall(feed, embedder(vectors))
    for asked in ("What is the capital of Mongolia?", "ok", "", "Thanks a lot!"):
        assert list(await recall.relevant(ADA, HOME, asked, most=3)) == []
    assert list(await recall.search(UserId("bob"), "sourdough bread", 3)) == []


async def test_memories_of_other_trees_and_other_speakers_stay_away(feed: Feed):
    asked = "Why is my sourdough bread so pale on top?"
    recall = Recall(feed, embedder("static"))
    feed.put("bread", TOLD["bread"], tree_id=WORK)
    assert list(await recall.relevant(ADA, HOME, asked, most=3)) == []
    assert [one.memory.id for one in await recall.search(ADA, asked, 1, WORK)] == ["bread"]
    assert "bread" not in [one.memory.id for one in await recall.search(ADA, asked, 9, HOME)]
    feed.put("bread", TOLD["bread"], tree_id=HOME, personality="pirate")
    assert list(await recall.relevant(ADA, HOME, asked, most=3)) == []
    assert list(await recall.relevant(ADA, HOME, asked, most=3, personality="monk")) == []
    assert [one.text for one in await recall.relevant(ADA, HOME, asked, most=3, personality="pirate")] == [
        TOLD["bread"].text
    ]


async def test_only_what_changed_is_read_and_embedded_again(feed: Feed):
    vectors = Counting()
    recall = Recall(feed, vectors)
    await recall.search(ADA, "bread", 3)
    assert (feed.reads, vectors.texts) == (1, 4)
    await recall.search(ADA, "bread", 3)
    assert (feed.reads, vectors.texts) == (1, 5)
    feed.put("bread", Told("Rye bread"), at=2.0)
    assert (await recall.search(ADA, "rye bread", 3))[0].memory.told.title == "Rye bread"
    assert (feed.reads, vectors.texts) == (2, 7)

"""After a restart the vectors of a tree come from the store; only what it lacks is embedded, and within the deadline."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import anyio
import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.decision import Weights
from proxy.routing.embedded import HURRIED, EmbeddedScorer
from proxy.routing.embedder import embedder as embedder_of
from proxy.routing.embedder import is_quick
from proxy.routing.grove import Grove
from proxy.routing.keeping import Keeping
from proxy.routing.limits import RoutingLimits
from proxy.routing.router import GraftRouter
from tests.bench.invented import Feed, Vectors

pytestmark = pytest.mark.anyio

USER, TREE = UserId("ada"), TreeId("t")


class Counting(Vectors):
    """Writes down what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]):
        self.asked += texts
        return super().embed(texts)


class Stored:
    """Implements `keeping.VectorStore` in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, NodeId], bytes] = {}

    async def vectors(self, user_id: UserId, embedder: str, nodes: Sequence[NodeId]) -> Mapping[NodeId, bytes]:
        return {node: self.rows[embedder, node] for node in nodes if (embedder, node) in self.rows}

    async def keep_vectors(self, user_id, embedder, bodies, outdated) -> None:
        for node in outdated:
            self.rows.pop((embedder, node), None)
        self.rows |= {(embedder, node): body for node, body in bodies.items()}


class Book:
    """A tree that any number of processes read."""

    def __init__(self, count: int, page: int | None = None) -> None:
        feed = Feed("book")
        feed.grow(count)
        self.nodes: list[FeedNode] = list(feed._waiting)
        self.pages: list[int] = []
        self._page = page
        self.gate: anyio.Event | None = None

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        if self.pages and self.gate is not None:
            await self.gate.wait()
        seen = mark.seen if mark else 0
        news = self.nodes[seen:][: self._page]
        self.pages.append(len(news))
        to = seen + len(news)
        return TreeSlice(Mark(0, to), news, reset=mark is None, more=to < len(self.nodes))


def process(book: Book, stored: Stored, *, maker: str = "m-1", limits: RoutingLimits | None = None, waits_s=None):
    """A router as a new process has it, and its embedder."""
    embedder = Counting()
    scorer = EmbeddedScorer(embedder, Weights.shipped("minilm"), waits_s=waits_s)
    grove = Grove(book, scorer.model)
    return GraftRouter(grove, scorer, limits, keeping=Keeping(stored, scorer, lambda: maker)), embedder


def asked(book: Book, **more) -> Question:
    words = book.nodes[4].text.split()[:12]
    return Question(USER, TREE, " ".join(words) + "?", book.nodes[-1].id, **more)


async def test_after_a_restart_nothing_but_the_turn_is_embedded_and_it_goes_where_it_went():
    book, stored = Book(60), Stored()
    first, embedder = process(book, stored)
    await first.warm(USER, TREE)
    before = await first.attach(asked(book))
    assert len(embedder.asked) > 100
    second, embedder = process(book, stored)
    after = await second.attach(asked(book))
    assert embedder.asked == [asked(book).new_turn]
    assert [one.parent_id for one in after.candidates] == [one.parent_id for one in before.candidates]
    assert after.confidence == pytest.approx(before.confidence, abs=0.01)
    await second.warm(USER, TREE)
    assert embedder.asked == [asked(book).new_turn]


async def test_only_what_is_lacking_is_embedded():
    book, stored = Book(30), Stored()
    await process(book, stored)[0].warm(USER, TREE)
    lost = list(stored.rows)[5]
    del stored.rows[lost]
    router, embedder = process(book, stored)
    await router.warm(USER, TREE)
    assert 2 <= len(embedder.asked) <= 3
    assert lost in stored.rows


@pytest.mark.parametrize("damage", ["another embedder's", "of another text", "cut short"])
async def test_vectors_that_are_not_of_this_text_and_embedder_are_made_anew(damage: str):
    book, stored = Book(10), Stored()
    await process(book, stored)[0].warm(USER, TREE)
    good, maker = dict(stored.rows), "m-1"
    if damage == "another embedder's":
        maker = "m-2"
    elif damage == "of another text":
        names = list(stored.rows)
        stored.rows = dict(zip(names, [stored.rows[name] for name in (*names[1:], names[0])], strict=True))
    else:
        stored.rows = {name: body[:-1] for name, body in stored.rows.items()}
    router, embedder = process(book, stored, maker=maker)
    await router.warm(USER, TREE)
    assert len(embedder.asked) > 20
    assert {(maker, node): body for (_, node), body in good.items()}.items() <= stored.rows.items()


async def test_an_exchange_that_goes_on_leaves_no_row_behind():
    book, stored = Book(3), Stored()
    last = book.nodes[-1]
    router, _ = process(book, stored)
    await router.warm(USER, TREE)
    book.nodes.append(replace(last, id=NodeId("more"), parent_id=last.id, text="And one thing more."))
    await router.warm(USER, TREE)
    assert ("m-1", NodeId("more")) in stored.rows
    assert ("m-1", last.id) not in stored.rows


async def test_what_another_process_computed_is_read_and_not_computed_again():
    book, stored = Book(5), Stored()
    one, _ = process(book, stored)
    other, embedder = process(book, stored)
    await one.warm(USER, TREE)
    await other.attach(asked(book))
    more = Book(6).nodes[10:]
    book.nodes += more
    await one.warm(USER, TREE)
    embedder.asked.clear()
    await other.attach(replace(asked(book), new_turn="Which of them is it?"))
    assert embedder.asked == ["Which of them is it?"]


async def test_a_tree_that_takes_too_long_to_read_costs_the_turn_no_more_than_the_deadline():
    book, stored = Book(60, page=20), Stored()
    book.gate = anyio.Event()
    router, _ = process(book, stored, limits=RoutingLimits(mode="tournament", deadline_s=0.3))
    found = await router.attach(asked(book))
    assert (found.parent_id, found.route, found.degraded) == (book.nodes[-1].id, "continue", True)
    assert "still being read" in found.reason
    new = await router.attach(asked(book, fresh="auto"))
    assert (new.parent_id, new.route, new.degraded) == (None, "root", True)
    book.gate.set()
    await router.warm(USER, TREE)
    assert not (await router.attach(asked(book))).degraded
    assert [count for count in book.pages if count] == [20] * 6  # none of them twice


async def test_a_request_waits_for_few_vectors_where_time_is_short():
    book = Book(60)
    hurried, embedder = process(book, Stored(), waits_s=0.0)
    await hurried.attach(asked(book))
    assert len(embedder.asked) <= 3 * HURRIED + 1
    patient, embedder = process(book, Stored(), waits_s=60.0)
    await patient.attach(asked(book))
    assert len(embedder.asked) > 3 * HURRIED + 1


async def test_nobody_waits_behind_what_is_computed_ahead_for_others():
    """While one tree's history is embedded, a turn of another user is placed."""
    started, go_on = anyio.Event(), anyio.Event()
    books = {USER: Book(30), UserId("bob"): Book(3)}

    class Both:
        async def slice(self, user_id, tree_id, mark):
            return await books[user_id].slice(user_id, tree_id, mark)

    class Waiting(EmbeddedScorer):
        def warm(self, model):
            anyio.from_thread.run_sync(started.set)
            anyio.from_thread.run(go_on.wait)
            return super().warm(model)

    scorer = Waiting(Vectors(), Weights.shipped("minilm"))
    router = GraftRouter(Grove(Both(), scorer.model), scorer)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(router.warm, USER, TREE)
        tasks.start_soon(router.warm, USER, TreeId("another"))
        with anyio.fail_after(60):
            await started.wait()
            question = replace(asked(books[USER]), user_id=UserId("bob"), cursor=books[UserId("bob")].nodes[-1].id)
            assert not (await router.attach(question)).degraded
        go_on.set()


async def test_vectors_that_cost_little_are_written_several_at_a_time():
    book, stored = Book(3), Stored()
    scorer = EmbeddedScorer(Vectors(), Weights.shipped("minilm"))
    router = GraftRouter(Grove(book, scorer.model), scorer, keeping=Keeping(stored, scorer, lambda: "m-1", least=4))
    await router.warm(USER, TREE)
    assert stored.rows == {}
    book.nodes += Book(6).nodes[6:]
    await router.warm(USER, TREE)
    assert len(stored.rows) == 6
    await router.warm(USER, TREE)
    assert len(stored.rows) == 6


class Quick(EmbeddedScorer):
    """A scorer that is quick where it is told to be, and notes the threads on which it works."""

    def __init__(self, *, quick: bool) -> None:
        super().__init__(Vectors(), Weights.shipped("minilm"))
        self.quick = quick
        self.threads: list[int] = []

    def is_quick(self, model):
        return self.quick

    def attach(self, model, question, until=math.inf):
        self.threads.append(threading.get_ident())
        return super().attach(model, question, until)

    def warm(self, model):
        self.threads.append(threading.get_ident())
        return super().warm(model)


@pytest.mark.parametrize("quick", [True, False])
async def test_what_is_quick_is_computed_where_it_is_asked_and_all_else_on_a_thread(quick: bool):
    book = Book(8)
    scorer = Quick(quick=quick)
    router = GraftRouter(Grove(book, scorer.model), scorer)
    await router.warm(USER, TREE)
    await router.attach(asked(book))
    assert {thread == threading.get_ident() for thread in scorer.threads} == {quick}


async def test_nodes_that_come_while_a_tree_is_warmed_are_taken_in_by_who_is_at_it():
    book = Book(4)
    later = Book(9).nodes[8:]

    class Adding(EmbeddedScorer):
        def warm(self, model):
            if later:
                book.nodes += later
                later.clear()
                anyio.from_thread.run(router.warm, USER, TREE)  # comes back at once: somebody is at it
            return super().warm(model)

    embedder = Counting()
    scorer = Adding(embedder, Weights.shipped("minilm"))
    router = GraftRouter(Grove(book, scorer.model), scorer)
    await router.warm(USER, TREE)
    assert len(embedder.asked) == 3 * 9


def test_static_vectors_are_quick_once_they_are_loaded_in_trees_that_are_not_too_large():
    pytest.importorskip("wordllama")
    vectors = embedder_of("static")
    assert not is_quick(vectors)
    vectors.embed(["warm"])
    assert is_quick(vectors)
    assert not is_quick(Vectors())
    assert not is_quick(embedder_of("minilm"))
    scorer = EmbeddedScorer(vectors, Weights.shipped("static"))
    model = scorer.model(None)
    model.apply(TreeSlice(Mark(0, 8), Book(4).nodes, reset=True))
    assert not scorer.is_quick(model)  # four exchanges have no vectors yet
    assert scorer.warm(model) == 0
    assert scorer.is_quick(model)


async def test_what_was_said_is_taken_in_with_the_next_turn_where_that_is_quick():
    book, scorer = Book(4), Quick(quick=True)
    router = GraftRouter(Grove(book, scorer.model), scorer)
    await router.warm(USER, TREE)
    book.nodes += Book(5).nodes[8:]
    await router.warm(USER, TREE)
    assert sum(book.pages) == 8  # nothing is read for a turn that may never come
    found = await router.attach(asked(book))
    assert sum(book.pages) == 10
    assert book.nodes[-1].id in {one.parent_id for one in found.candidates}


async def test_what_was_quickly_computed_is_written_as_soon_as_it_is_worth_it():
    book, stored, scorer = Book(3), Stored(), Quick(quick=True)
    router = GraftRouter(Grove(book, scorer.model), scorer, keeping=Keeping(stored, scorer, lambda: "m-1", least=4))
    await router.warm(USER, TREE)
    book.nodes += Book(4).nodes[6:]
    await router.attach(asked(book))
    assert stored.rows == {}
    await router.warm(USER, TREE)
    assert len(stored.rows) == 4

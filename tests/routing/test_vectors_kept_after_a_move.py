"""What was computed for a tree outlives a move, which begins its index anew."""

from collections.abc import Sequence

import numpy as np
import pytest

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.tree import NodeId
from proxy.routing.embedder import Vectors
from proxy.routing.grove import TreeModel
from proxy.routing.pairs import PairIndex

WORDS = ["bread", "light", "train", "chess", "cello", "paint", "river", "steel", "clock", "honey"]


class Counting:
    """Another vector for every text; it writes down what it was asked."""

    name = "counting"
    size = 64

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = [np.random.default_rng(list(text.encode())).normal(size=self.size) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


def talk(word: str, system: str | None = None) -> list[FeedNode]:
    asked = FeedNode(NodeId(f"{word}-1"), None, "user", f"What about the {word}?", 0.0, system)
    return [asked, FeedNode(NodeId(f"{word}-2"), asked.id, "assistant", f"Much can be said about {word}.", 0.0, system)]


def slice_of(talks: list[list[FeedNode]], *, reset: bool) -> TreeSlice:
    nodes = [node for said in talks for node in said]
    return TreeSlice(Mark(0, len(nodes)), nodes, reset=reset)


@pytest.fixture
def embedder() -> Counting:
    return Counting()


@pytest.fixture
def index(embedder: Counting) -> PairIndex:
    return PairIndex(embedder.size, embedder.name)


@pytest.fixture
def model(index: PairIndex) -> TreeModel:
    model = TreeModel()
    model.listen(index)
    return model


def compared(index: PairIndex, embedder: Counting, text: str) -> dict[NodeId, list[float]]:
    similar, _ = index.vectors.similarities(embedder.embed([text])[0], len(index))
    return {index.end(pair): row.round(2).tolist() for pair, row in enumerate(similar.T)}


def test_after_a_move_no_text_is_embedded_again_and_all_compare_as_before(model, index, embedder):
    talks = [talk(word) for word in WORDS]
    model.apply(slice_of(talks, reset=False))
    index.refresh(embedder)
    before = compared(index, embedder, "the river")
    embedder.asked.clear()
    model.apply(slice_of(talks[::-1], reset=True))
    assert index.refresh(embedder) == 0
    assert embedder.asked == []
    assert compared(index, embedder, "the river") == before


def test_what_came_or_changed_with_the_move_is_embedded_and_what_went_is_forgotten(model, index, embedder):
    model.apply(slice_of([talk("bread"), talk("light")], reset=False))
    index.refresh(embedder)
    embedder.asked.clear()
    asked, _ = talk("light")
    other = [asked, FeedNode(NodeId("light-3"), asked.id, "assistant", "It is fast.", 0.0)]
    model.apply(slice_of([other, talk("chess")], reset=True))
    assert index.refresh(embedder) == 2
    assert not [text for text in embedder.asked if "bread" in text]
    model.apply(slice_of([talk("bread")], reset=True))
    model.apply(slice_of([talk("bread"), talk("light")], reset=True))
    assert index.refresh(embedder) == 2


def test_texts_that_had_no_vectors_yet_are_not_taken_for_known(model, index, embedder):
    talks = [talk(word) for word in WORDS]
    model.apply(slice_of(talks, reset=False))
    assert index.refresh(embedder, newest=4) == 4
    model.apply(slice_of(talks, reset=True))
    assert index.refresh(embedder) == 6
    assert compared(index, embedder, "the bread")[NodeId("bread-2")] != [0.0, 0.0, 0.0]


def test_two_moves_in_a_row_lose_nothing(model, index, embedder):
    talks = [talk(word) for word in WORDS]
    model.apply(slice_of(talks, reset=False))
    index.refresh(embedder)
    for order in (talks[::-1], talks):
        model.apply(slice_of(order, reset=True))
    assert index.refresh(embedder) == 0


def test_system_texts_still_tell_branches_apart_after_a_move(model, index, embedder):
    talks = [talk("bread", "You bake."), talk("chess", "You play.")]
    model.apply(slice_of(talks, reset=False))
    index.refresh(embedder)
    model.apply(slice_of(talks, reset=True))
    assert index.refresh(embedder) == 0
    assert index.has_speakers
    assert index.system_vector(0) is not None

"""Nodes, texts and vectors of large trees are packed, and come back as they were."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.tree import NodeId
from proxy.routing.grove import TreeModel
from proxy.routing.ids import Ids
from proxy.routing.nodes import Nodes
from proxy.routing.pairs import PairIndex
from proxy.routing.shelf import Shelf, Space
from proxy.routing.vectors import VIEWS, PairVectors
from tests.bench.invented import Vectors, exchanges


def node(id: str, parent: str | None, **more: object) -> FeedNode:
    return replace(FeedNode(NodeId(id), None if parent is None else NodeId(parent), "user", id, 1.0), **more)  # type: ignore[arg-type]


def test_ids_are_numbered_in_the_order_in_which_they_come():
    ids = Ids()
    names = [NodeId(f"n_{number}") for number in range(5_000)]
    assert [ids.add(name) for name in names] == list(range(5_000))
    assert [ids.add(name) for name in names[::7]] == list(range(0, 5_000, 7))
    assert [ids.find(name) for name in names] == list(range(5_000))
    assert ids.find(NodeId("n_5000")) is None


def test_nodes_come_back_as_they_were():
    nodes = Nodes()
    odd = node("b", "a", text="half a \ud83d character", system="Be brief.", personality="cook")
    for one in (node("a", None), odd, node("c", "a", system="Be brief."), node("d", None)):
        nodes.add(one)
    assert nodes[NodeId("b")] == odd
    assert list(nodes) == ["a", "b", "c", "d"]
    assert NodeId("e") not in nodes
    with pytest.raises(KeyError):
        nodes[NodeId("e")]
    assert nodes.children(NodeId("a")) == ["b", "c"]
    assert nodes.children(None) == ["a", "d"]
    assert nodes.children(NodeId("e")) == []
    assert nodes.tips() == ["b", "c", "d"]
    nodes.clear()
    assert len(nodes) == 0
    assert nodes.children(None) == []


def test_a_full_shelf_goes_to_a_file_without_a_name(tmp_path: Path):
    shelf = Shelf(tmp_path, in_memory=5_000)
    chance = random.Random(1)
    pieces = [chance.randbytes(chance.choice((0, 1, 300, 9_000))) for _ in range(60)]
    places = [shelf.put(piece) for piece in pieces]
    assert shelf._space.is_spilled
    assert list(tmp_path.iterdir()) == []
    assert [shelf.get(place) for place in places] == pieces


def test_without_a_folder_that_can_be_written_to_all_stays_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for folder in (None, tmp_path / "missing"):
        space = Space(folder, in_memory=10)
        space.write(0, b"a" * 40)
        space.write(20, b"b" * 40)
        assert not space.is_spilled
        assert space.read(18, 100) == b"aa" + b"b" * 40
    assert "stay in memory" in caplog.text


def test_the_file_goes_with_its_tree(tmp_path: Path):
    space = Space(tmp_path, in_memory=1)
    space.write(0, b"text")
    file = space._file
    assert file is not None
    assert space.read(0, 9) == b"text"
    del space
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_vectors_are_the_same_in_memory_and_in_a_file(tmp_path: Path):
    chance = np.random.default_rng(3)
    near, far = PairVectors(96), PairVectors(96, tmp_path)
    far._values = Space(tmp_path, in_memory=100)
    for vectors in (near, far):
        vectors.reserve(40)
    rows = chance.standard_normal((30 * VIEWS, 96), dtype=np.float32)
    pairs = [*range(20), *range(30, 40)]  # ten are not computed yet
    for vectors in (near, far):
        vectors.keep(pairs, rows)
        vectors.keep([3], rows[-VIEWS:])
    assert far._values.is_spilled
    (turn,) = chance.standard_normal((1, 96), dtype=np.float32)
    for some in (None, np.array([3, 4, 5, 22, 39], np.int32)):
        for one, other in zip(near.similarities(turn, 40, some), far.similarities(turn, 40, some), strict=True):
            assert np.allclose(one, other)
    assert not near.similarities(turn, 40)[0][:, 20:30].any()
    assert np.array_equal(near.apart(turn, 40), far.apart(turn, 40))


def test_vectors_that_come_after_a_file_was_read_are_read_too(tmp_path: Path):
    chance = np.random.default_rng(4)
    near, far = PairVectors(64), PairVectors(64, tmp_path)
    far._values = Space(tmp_path, in_memory=100)
    (turn,) = chance.standard_normal((1, 64), dtype=np.float32)
    for start in range(0, 200, 7):
        rows = chance.standard_normal((7 * VIEWS, 64), dtype=np.float32)
        for vectors in (near, far):
            vectors.reserve(start + 7)
            vectors.keep(range(start, start + 7), rows)
        some = np.array([0, start // 2, start + 6], np.int32)
        for pairs in (None, some):
            assert np.allclose(
                far.similarities(turn, start + 7, pairs)[0], near.similarities(turn, start + 7, pairs)[0]
            )


def test_a_grown_tree_is_read_whole_by_who_comes_later():
    nodes = [one for pair in islice(exchanges("late"), 700) for one in pair]
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=True))
    early, late = PairIndex(384, "minilm"), PairIndex(384, "minilm")
    early.add(nodes)
    model.listen(late)
    assert len(early) == len(late) == 700
    assert [late.end(pair) for pair in range(700)] == [early.end(pair) for pair in range(700)]
    assert late.texts(5) == (nodes[10].text, nodes[11].text)
    assert late.refresh(Vectors(), 48) == 48


def test_texts_of_a_pair_keep_their_ends():
    index = PairIndex(384, "minilm")
    index.add([node("a", None, text="x" * 9_000), node("b", "a", role="assistant", text="begin" + "y" * 9_000)])
    index.add([node("c", "b", role="assistant", text="the end")])
    asked, replied = index.texts(0)
    assert asked == "x" * 4_000
    assert replied.startswith("beginy")
    assert replied.endswith("y\nthe end")
    assert index.end(0) == "c"

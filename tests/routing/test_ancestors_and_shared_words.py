"""What stands above a pair is told alike however its ancestors were come by, and of few words as of many."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from proxy.routing.ancestors import KEPT, Ancestors, jumps_of
from proxy.routing.pairs import PairIndex
from proxy.routing.part import _joined, whole
from proxy.routing.reading.text import read
from proxy.routing.shared import ASKED, CONVERSATION, HERE, PATH, share
from tests.bench.invented import Vectors, exchanges

VECTORS = Vectors()


def grown(count: int, *, chain: bool = False) -> tuple[PairIndex, list[str]]:
    """An index of so many exchanges, and what users said in them."""
    pairs = list(islice(exchanges("ancestors", chain=chain), count))
    index = PairIndex(VECTORS.size, VECTORS.name)
    index.add([node for pair in pairs for node in pair])
    return index, [asked.text for asked, _ in pairs]


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 40, KEPT])
def test_the_ancestors_of_a_tree_that_grew_are_those_of_the_tree_as_it_is(count: int, chain: bool):
    index, _ = grown(count, chain=chain)
    assert index.ancestors is not None
    for (ancestors, kept), (expected, left) in zip(
        index.ancestors.jumps(), jumps_of(index.parent, index.depth), strict=True
    ):
        assert ancestors.tolist() == expected.tolist()
        assert np.array_equal(kept, left)


def test_jumps_lead_as_far_as_paths_reach_and_count_no_pair_twice():
    tree = Ancestors()
    for pair in range(20):
        tree.add(max(0, pair - 1), pair)
    total = np.ones(20, np.float32)
    for ancestors, kept in tree.jumps():
        total += total.take(ancestors) * kept[1]
    assert total.tolist() == list(range(1, 21))


def test_of_a_large_tree_no_ancestors_are_kept():
    index, _ = grown(KEPT + 1)
    assert index.ancestors is None
    assert len(whole(index)) == KEPT + 1


@pytest.mark.parametrize("many", [5, 32, 38])
def test_a_word_stands_in_a_pair_on_its_path_and_in_its_conversation(many: int):
    index, said = grown(60)
    words = list(dict.fromkeys(stem for text in said for stem in read(text).stems))[:many]
    turn = read(" ".join(words))
    part = whole(index)
    found = share(index, turn, part)
    assert found.count == len(turn.stems) >= many - 3
    for at, word in enumerate(turn.stems):
        held = set(index.postings.numbers(word).tolist())
        assert found.frequency[at] == len(held) > 0
        for pair in range(60):
            flags = found.flags[:, pair, at].tolist()
            assert flags[HERE] == (pair in held)
            assert flags[ASKED] == (pair in index.asked_postings.numbers(word))
            assert flags[PATH] == (not held.isdisjoint(index.path(pair)))
            assert flags[CONVERSATION] == (index.root[pair] in {index.root[one] for one in held})
    same = share(index, turn, _joined(index, np.arange(60, dtype=np.int32)))
    assert np.array_equal(found.flags, same.flags)

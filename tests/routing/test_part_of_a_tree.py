"""A large tree is searched, and what was found is compared as all of a small one is."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing import embedded, features, part
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.evidence import earlier_nodes, other_tips
from proxy.routing.grove import TreeModel
from proxy.routing.pairs import PairIndex
from tests.bench.invented import Vectors, exchanges

VECTORS = Vectors()


def grown(count: int, *, chain: bool = False) -> tuple[TreeModel, PairIndex, list[FeedNode]]:
    """A tree of so many exchanges, its pairs with their vectors, and its nodes."""
    nodes = [node for pair in islice(exchanges("part", chain=chain), count) for node in pair]
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=True))
    index = PairIndex(VECTORS.size, VECTORS.name)
    model.listen(index)
    index.refresh(VECTORS)
    return model, index, nodes


@pytest.fixture(scope="module")
def woods() -> tuple[TreeModel, PairIndex, list[FeedNode]]:
    return grown(400)


def asked(text: str, cursor: NodeId) -> Question:
    return Question(UserId("u"), TreeId("t"), text, cursor)


def test_any_ancestor_is_found_by_its_depth(woods):
    _, index, _ = woods
    for pair in range(0, 400, 7):
        path = index.path(pair)
        assert [index.above(pair, depth) for depth in range(len(path))] == path
        assert all(index.is_above(one, pair) for one in path)
        assert index.path(pair, 2) == path[-2:]
    assert not any(index.is_above(pair, 5) for pair in range(400) if pair not in index.path(5))


def test_a_jump_on_a_path_of_thousands_takes_few_steps():
    index = PairIndex(VECTORS.size, VECTORS.name)
    index.add([node for pair in islice(exchanges("long", chain=True), 3_000) for node in pair])
    assert int(index.depth.max()) == 2_999
    pair, steps = 2_999, 0
    while pair > 17:
        jump = int(index._jump[pair])
        pair, steps = (jump if jump >= 17 else pair - 1), steps + 1
    assert steps < 40
    assert index.above(2_999, 17) == 17
    assert earlier_nodes(index, 2_999).tolist() == [0, 1, *range(2_991, 2_999)]


def test_a_part_of_all_pairs_has_the_features_of_the_whole(woods):
    _, index, nodes = woods
    turn = nodes[50].text
    (vector,) = VECTORS.embed([turn])
    whole = features.look(index, turn, vector)
    everything = np.arange(400, dtype=np.int32)
    same = features.look(index, turn, vector, part._joined(index, everything))
    told = [name for name in features.PLACE if name != "above average"]  # which a large tree tells from a sample
    columns = [features.PLACE.index(name) for name in told]
    assert np.allclose(whole.columns[columns], same.columns[columns], atol=1e-5)


def test_pairs_of_a_part_hang_from_the_nearest_kept_pair_above(woods):
    _, index, _ = woods
    kept = np.unique(np.append(np.arange(0, 400, 3), index.root)).astype(np.int32)
    found = part._joined(index, kept)
    for place, pair in enumerate(kept.tolist()):
        above = [one for one in index.path(pair)[:-1] if one in kept]
        strand = [one for one in above if index.strand[one] == index.strand[pair]]
        expected = strand[-1] if strand else int(index.root[pair])
        if int(index.parent[pair]) in above:
            expected = int(index.parent[pair])
        assert kept[found.parent[place]] == expected
        assert kept[found.root[place]] == index.root[pair]
        assert found.parent[place] <= place


def test_a_search_finds_the_place_that_comparing_all_finds(woods, monkeypatch):
    model, _, nodes = woods
    scorer = EmbeddedScorer(VECTORS, Weights.shipped("minilm"))
    cursor = nodes[-1].id
    turns = [f"Back to {' '.join(node.text.split()[3:14])}?" for node in nodes[1::16]]
    compared = [scorer.attach(model, asked(turn, cursor)).parent_id for turn in turns]
    monkeypatch.setattr(embedded, "WHOLE", 0)
    for name, value in (("FOUND", 40), ("TIPS", 12), ("NEWEST", 8)):
        monkeypatch.setattr(part, name, value)
    searched = [scorer.attach(model, asked(turn, cursor)).parent_id for turn in turns]
    assert sum(one == other for one, other in zip(compared, searched, strict=True)) >= 0.9 * len(turns)
    assert len(set(compared)) > 5


def test_what_is_compared_stays_small_on_an_endless_path():
    model, index, nodes = grown(2_500, chain=True)
    (vector,) = VECTORS.embed(["What was that?"])
    found, tips = part.near(index, ("nothing",), vector, 2_499, other_tips(index, 2_499))
    assert len(tips) == 0
    assert 2_499 in found.pairs
    assert {0, 1, 2} <= set(found.pairs.tolist())
    assert len(found) <= part.ABOVE + 3 * part.FOUND
    scorer = EmbeddedScorer(VECTORS, Weights.shipped("minilm"))
    placed = scorer.attach(model, asked("And what else can you say about it?", nodes[-1].id))
    assert placed.parent_id == nodes[-1].id


def test_a_rare_word_leads_to_its_pair_whatever_the_vectors_say():
    _, index, _ = grown(1_200)
    word = next(word for word, pairs in index.postings.items() if len(pairs) == 1 and pairs[0] < 300)
    (pair,) = index.postings[word]
    tips = other_tips(index, 1_199)
    _, chosen = part.near(index, (word,), -index.vectors.mean(), 1_199, tips)
    assert index.strand[pair] in index.strand[chosen]


def test_a_shortlist_of_a_large_tree_begins_as_that_of_a_small_one(woods, monkeypatch):
    model, index, nodes = woods
    scorer = EmbeddedScorer(VECTORS, Weights.shipped("minilm"))
    question = asked(f"Back to {' '.join(nodes[100].text.split()[3:14])}?", nodes[-1].id)
    tips = [index.end(tip) for tip in other_tips(index, 399).tolist()]
    compared = scorer.shortlist(model, question, tips, 8)
    monkeypatch.setattr(embedded, "WHOLE", 0)
    monkeypatch.setattr(part, "AROUND", 24)
    searched = scorer.shortlist(model, question, tips, 8)
    assert searched[0] == compared[0]
    assert len({*searched} & {*compared}) >= 5
    everything = scorer.shortlist(model, question, tips, len(tips))
    assert sorted(everything) == sorted(tips)

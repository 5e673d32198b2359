"""The simulated scorers run, a perfect one is told apart from a poor one, and crowds hold no dialogue of their stream."""

import pytest

from proxy.domain.placement import Attachment, FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix
from proxy.routing.limits import MODES, RoutingLimits
from proxy.routing.scene import see
from tests.bench.crowded import crowded
from tests.bench.scorers import Judged, Prepared, asked, costs, judged, right, shares
from tests.doubles.scenery import FakeGate, Planting

pytestmark = pytest.mark.anyio


def prepared(topics: int, gate: FakeGate | None = None, only: int | None = None) -> list[Prepared]:
    """Turns that go back to each of some conversations, all of them unsure."""
    planting = Planting()
    for number in range(topics):
        planting.talk(f"topic{number}", pairs=4)
    model = planting.model()
    last = NodeId(f"topic{topics - 1}-4a")
    found = []
    for number in range(topics) if only is None else [only]:
        end, first = NodeId(f"topic{number}-4a"), NodeId(f"topic{number}-1u")
        case = Case(f"c{number}", "made", "return", (), "?", last, (end,), frozenset([first]), planting.nodes)
        limits = {mode: RoutingLimits(mode=mode) for mode in MODES}
        liked = gate or FakeGate(favourites=[end])
        scenes = {mode: see(model, case.question, liked, None, limits[mode]) for mode in MODES}
        embedded = Attachment(last, "continue", "", 0.4, "embedded", unsure=True)
        found.append(Prepared(case, embedded, scenes, frozenset(model.tips())))
    return found


async def outcomes(found: list[Prepared], seeds: int = 1) -> list[Judged]:
    return [await judged(one, seed) for one in found for seed in range(seeds)]


@pytest.mark.parametrize("mode", MODES)
async def test_better_scorers_place_better(mode):
    found = await outcomes(prepared(8), 4)
    shown = [shares(found, right(found, mode, accuracy, 0.9))[0] for accuracy in (0.7, 0.97, 1.0)]
    assert shown[0] < shown[1] <= shown[2] == 100.0


@pytest.mark.parametrize("branches", [4, 64])
async def test_three_rounds_and_the_ceiling_hold(branches):
    found = await outcomes(prepared(branches, only=1), 6)
    for mode, most in (("tournament", 12), ("listwise", 2)):
        _, calls, _, _, rounds = costs(found, mode, 0.9, 0.9)
        assert int(calls) <= most
        assert int(rounds) <= 3


async def test_a_gate_asks_about_turns_below_it_and_about_unsure_ones_alone():
    sure = Judged("continue", 0.95, False, True, {}, {}, {("listwise", 0.9): None}, 4)
    doubtful = Judged("continue", 0.5, False, False, {}, {}, {("listwise", 0.9): None}, 4)
    unseen = Judged("continue", 0.5, True, False, {}, {}, {}, 4)
    assert [one.is_asked(0.9) for one in (sure, doubtful, unseen)] == [False, True, False]
    assert asked([sure, doubtful], 0.9) == 50.0
    assert asked([sure, doubtful], 0.99) == 100.0


def test_a_crowd_is_as_large_as_was_asked_for_and_leaves_the_stream_its_turns():
    said = ["How do I bake rye bread?", "Slowly.", "And wheat?", "Faster."]
    nodes = [
        FeedNode(NodeId(f"n{at}"), NodeId(f"n{at - 1}") if at else None, "user", text, 0.0)
        for at, text in enumerate(said)
    ]
    case = Case("c", "core", "continue", (), "And?", NodeId("n1"), (NodeId("n1"),), frozenset(), Prefix(nodes, 2))
    dialogues = {
        "how do i bake rye bread?": [tuple(said)],
        **{f"talk {n}": [(f"talk {n}", "yes", f"more {n}", "no")] for n in range(6)},
    }
    for conversations in (4, 12):
        [found] = crowded([case], dialogues, conversations, 1)
        history = list(found.history)
        assert [node.id for node in history[-2:]] == ["n0", "n1"]
        assert sum(node.parent_id is None for node in history) == conversations
        assert sum(node.text == said[0] for node in history) == 1
        assert len({node.id for node in history}) == len(history)

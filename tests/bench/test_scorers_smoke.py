"""The simulated scorers run, and a perfect one is told apart from a poor one."""

import pytest

from proxy.domain.placement import Attachment
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case
from proxy.routing.limits import MODES, RoutingLimits
from proxy.routing.scene import see
from tests.bench.scorers import Prepared, grown, measure
from tests.doubles.scenery import FakeGate, Planting

pytestmark = pytest.mark.anyio


def prepared(topics: int) -> list[Prepared]:
    """Turns that go back to each of some conversations, all of them unsure."""
    planting = Planting()
    for number in range(topics):
        planting.talk(f"topic{number}", pairs=4)
    model = planting.model()
    last = NodeId(f"topic{topics - 1}-4a")
    found = []
    for number in range(topics):
        end, first = NodeId(f"topic{number}-4a"), NodeId(f"topic{number}-1u")
        case = Case(f"c{number}", "made", "return", (), "?", last, (end,), frozenset([first]), planting.nodes)
        scenes = {mode: see(model, case.question, FakeGate(), None, RoutingLimits(mode=mode)) for mode in MODES}
        embedded = Attachment(last, "continue", "", 0.4, "embedded", unsure=True)
        found.append(Prepared(case, embedded, scenes, frozenset(model.tips())))
    return found


@pytest.mark.parametrize("mode", MODES)
async def test_better_scorers_place_better(mode):
    found = prepared(8)
    right = [float((await measure(found, mode, accuracy, 0.9, 4))[0]) for accuracy in (0.7, 0.97, 1.0)]
    assert right[0] < right[1] <= right[2] == 100.0


@pytest.mark.parametrize("branches", [4, 64])
async def test_three_rounds_and_the_ceiling_hold(branches):
    for mode, most in (("tournament", 12), ("listwise", 2)):
        _, _, calls, _, _, rounds = await grown(branches, mode, 6)
        assert int(calls) <= most
        assert int(rounds) <= 3

import json

import pytest

from proxy.domain.tree import NodeId
from proxy.routing.answers import Choice
from proxy.routing.explore import by_preference, place, points_along
from proxy.routing.limits import RoutingLimits
from proxy.routing.scene import Point, see
from proxy.routing.tournament import Verdict
from tests.doubles.scenery import FakeGate, Planting, ask

pytestmark = pytest.mark.anyio


def scene_of(planting, cursor=None, gate=None, leaning=None, limits=None, **more):
    return see(
        planting.model(),
        ask(cursor=cursor, **more),
        gate or FakeGate(),
        leaning,
        limits or RoutingLimits(mode="tournament"),
    )


def judging(roots=None, tips=None):
    """A judge that likes root and tip windows by the id of their point."""
    likes = {"root": roots or {}, "tip": tips or {}}

    async def judge(windows):
        shares = [likes[window.kind].get(window.point, 0.1) for window in windows]
        return [Verdict(window, share, 1, "so it is") for window, share in zip(windows, shares, strict=True)]

    return judge


class Finder:
    """Names places by node id; remembers what it was shown."""

    def __init__(self, **likes):
        self.likes = likes
        self.shown = None

    async def __call__(self, points):
        self.shown = [point.node for point in points]
        by_node = {point.node: point for point in points}
        return [
            Choice(by_node[node.replace("_", "-")] if node != "root" else None, share, f"found {node}")
            for node, share in self.likes.items()
        ]


@pytest.fixture
def two_talks():
    planting = Planting()
    planting.talk("bread", pairs=4)
    planting.talk("light", pairs=4)
    return planting


async def test_winners_on_one_path_attach_the_turn_to_its_tip(two_talks):
    find = Finder()
    judge = judging(roots={"light-2a": 0.8}, tips={"light-4a": 0.9})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament"), judge, find)
    assert (placed.place.parent, placed.place.confidence, placed.explored) == ("light-4a", 0.9, False)
    assert find.shown is None


async def test_an_earlier_point_that_wins_by_a_margin_has_the_path_explored(two_talks):
    find = Finder(light_2a=0.9)
    judge = judging(roots={"light-2a": 0.9}, tips={"light-4a": 0.4})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament", margin=0.2), judge, find)
    assert placed.place.parent == "light-2a"
    assert find.shown == ["light-1a", "light-2a", "light-3a", "light-4a"]


async def test_an_earlier_point_that_wins_by_less_does_not_hold_the_turn_back(two_talks):
    judge = judging(roots={"light-2a": 0.6}, tips={"light-4a": 0.5})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament", margin=0.2), judge, Finder())
    assert placed.place.parent == "light-4a"


async def test_a_point_between_the_windows_that_the_embedded_scorer_leans_to_is_looked_at(two_talks):
    judge = judging(roots={"light-2a": 0.8}, tips={"light-4a": 0.9})
    find = Finder(light_3a=0.9)
    placed = await place(
        scene_of(two_talks, leaning=NodeId("light-3a")), RoutingLimits(mode="tournament", points=2), judge, find
    )
    assert find.shown == ["light-3a", "light-4a"]
    assert (placed.place.parent, placed.explored) == ("light-3a", True)


@pytest.mark.parametrize("leaning", ["light-4a", "bread-3a", None])
async def test_a_leaning_to_the_tip_or_to_another_branch_costs_no_look(two_talks, leaning):
    judge = judging(roots={"light-2a": 0.8}, tips={"light-4a": 0.9})
    find = Finder()
    placed = await place(scene_of(two_talks, leaning=leaning), RoutingLimits(mode="tournament"), judge, find)
    assert (placed.place.parent, find.shown) == ("light-4a", None)


async def test_winners_on_different_paths_have_both_explored_earlier_points_first(two_talks):
    find = Finder(bread_3a=0.8, light_4a=0.3)
    judge = judging(roots={"light-2a": 0.8}, tips={"bread-4a": 0.9})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament"), judge, find)
    assert placed.explored
    assert placed.place.parent == "bread-3a"
    assert placed.place.reason == "found bread_3a"
    assert find.shown == [f"{talk}-{n}a" for n in range(1, 5) for talk in ("bread", "light")]
    assert [other.parent for other in placed.others][:2] == ["bread-3a", "light-4a"]


async def test_the_root_is_a_proper_answer(two_talks):
    judge = judging(roots={"light-2a": 0.8}, tips={"bread-4a": 0.9})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament"), judge, Finder(root=0.9, bread_4a=0.2))
    assert placed.place.parent is None
    assert placed.place.confidence == 0.9


async def test_the_root_wins_unasked_when_no_window_reaches_the_floor(two_talks):
    find = Finder(bread_4a=1.0)
    judge = judging(roots={"light-2a": 0.3}, tips={"bread-4a": 0.2})
    placed = await place(scene_of(two_talks), RoutingLimits(mode="tournament", relevance_floor=0.35), judge, find)
    assert placed.place.parent is None
    assert placed.place.confidence == pytest.approx(0.7)
    assert find.shown is None
    assert placed.others[0].parent == "light-4a"


async def test_the_root_wins_when_no_explored_point_reaches_the_floor(two_talks):
    judge = judging(roots={"light-2a": 0.8}, tips={"bread-4a": 0.9})
    placed = await place(
        scene_of(two_talks), RoutingLimits(mode="tournament"), judge, Finder(bread_4a=0.2, light_4a=0.1)
    )
    assert placed.place.parent is None
    assert placed.place.confidence == pytest.approx(0.8)


async def test_a_lone_branch_is_explored_since_no_tournament_can_weigh_it():
    planting = Planting()
    planting.talk("bread", pairs=1)
    find = Finder(bread_1a=0.7)
    placed = await place(scene_of(planting), RoutingLimits(mode="tournament"), judging(), find)
    assert find.shown == ["bread-1a"]
    assert placed.place.parent == "bread-1a"


async def test_short_branches_whose_two_windows_are_the_same_meet_once():
    planting = Planting()
    for talk in ("bread", "light", "trip"):
        planting.talk(talk, pairs=1)
    groups = []

    async def judge(windows):
        groups.append([window.point for window in windows])
        return await judging(tips={"trip-1a": 0.9})(windows)

    placed = await place(scene_of(planting), RoutingLimits(mode="tournament"), judge, Finder())
    assert groups == [["bread-1a", "light-1a", "trip-1a"]]
    assert placed.place.parent == "trip-1a"


async def test_forks_of_one_trunk_share_its_root_window_and_are_told_apart_by_their_tips():
    planting = Planting()
    trunk = planting.talk("bread", pairs=2)
    for talk in ("rye", "wheat"):
        planting.talk(talk, pairs=2, under=trunk)
    placed = await place(
        scene_of(planting), RoutingLimits(mode="tournament"), judging(tips={"wheat-2a": 0.8}), Finder()
    )
    assert placed.place.parent == "wheat-2a"


def test_among_equals_the_cursor_wins_then_the_earlier_point_and_the_root_comes_last():
    def point(node, depth, active=False):
        return Point(NodeId(node), (), (), depth, 0, active)

    early, late, cursor = point("early", 2), point("late", 4), point("cursor", 6, active=True)
    equal = [Choice(found, 0.8, "") for found in (None, late, cursor, early)]
    assert [choice.point for choice in by_preference(equal)] == [cursor, early, late, None]
    better = Choice(None, 0.9, "")
    assert by_preference([*equal, better])[0] is better


def test_a_point_never_stands_between_a_call_and_its_result_or_a_turn_and_its_reply():
    planting = Planting()
    planting.talk("bread", pairs=1)
    planting.add("u", "bread-1a", "user", "Will it rain?")
    planting.add("call", "u", "assistant", "")
    planting.add("result", "call", "tool", "yes")
    planting.add("a", "result", "assistant", "It will.")
    planting.add("u2", "a", "user", "Thanks")
    tip = planting.add("a2", "u2", "assistant", "Welcome.")
    assert [point.node for point in scene_of(planting).points[tip]] == ["bread-1a", "a", "a2"]


def test_too_many_points_are_cut_to_the_ends_the_cursor_and_those_the_gate_likes():
    planting = Planting()
    planting.talk("bread", pairs=30)
    planting.talk("light", pairs=30)
    gate = FakeGate(favourites=["bread-7a", "light-21a"])
    seen = scene_of(planting, cursor="bread-20a", gate=gate)
    shown = [point.node for point in points_along(seen, [NodeId("bread-30a"), NodeId("light-30a")], 5)]
    assert shown == ["bread-7a", "bread-20a", "light-21a", "bread-30a", "light-30a"]
    assert gate.shortlisted == [60]


def test_a_very_long_branch_offers_its_first_and_its_newest_points():
    planting = Planting()
    tip = planting.talk("bread", pairs=200)
    offered = [point.node for point in scene_of(planting).points[tip]]
    assert len(offered) == 64
    assert offered[:2] == ["bread-1a", "bread-2a"]
    assert offered[-2:] == ["bread-199a", "bread-200a"]


def test_beyond_the_shortlist_the_gate_chooses_and_the_cursors_and_its_own_branch_are_always_among_them():
    planting = Planting()
    for number in range(40):
        planting.talk(f"talk{number}", pairs=3)
    gate = FakeGate(favourites=["talk30-3a", "talk30-2a", "talk31-3a"])
    seen = scene_of(
        planting,
        cursor="talk39-3a",
        gate=gate,
        leaning=NodeId("talk35-1a"),
        limits=RoutingLimits(mode="tournament", max_calls=9),
    )
    tips = [window.point for window in seen.tips]
    assert len(tips) == len(seen.roots) == RoutingLimits(mode="tournament", max_calls=9).pool
    assert {"talk39-3a", "talk35-3a", "talk30-3a", "talk31-3a"} <= set(tips)
    assert {"talk39-2a", "talk35-2a", "talk30-2a"} <= {window.point for window in seen.roots}
    assert tips == sorted(tips, key=lambda tip: int(tip[4:-3]))


def test_a_gate_that_likes_too_few_or_unknown_points_leaves_the_newest_in():
    planting = Planting()
    for number in range(20):
        planting.talk(f"talk{number}", pairs=1)

    class Silent(FakeGate):
        def shortlist(self, model, question, points, keep):
            return [NodeId("unknown")]

    tips = [window.point for window in scene_of(planting, gate=Silent()).tips]
    assert tips == [f"talk{number}-1a" for number in range(4, 20)]


def test_a_root_window_stands_for_the_needed_branch_else_the_newest():
    planting = Planting()
    trunk = planting.talk("bread", pairs=2)
    planting.talk("rye", under=trunk)
    planting.talk("wheat", under=trunk)
    assert scene_of(planting, cursor="rye-1a").roots[0].end == "rye-1a"
    (root,) = scene_of(planting).roots
    assert root.end in ("rye-1a", "wheat-1a")


def test_a_long_turn_is_clipped():
    planting = Planting()
    planting.talk("bread")
    seen = scene_of(planting, new_turn="x" * 100_000, system="y " * 10_000)
    assert len(json.dumps([seen.new_turn, seen.system])) < 2_000

"""From windows to a place: the two tournaments, and, where their winners disagree, a look at the points between.

If the best root window and the best tip window stand on one path, the turn joins that path's tip, unless something speaks
for an earlier point: the path's beginning fits better by a margin, or the embedded scorer leans to a point in between, whose
own last messages no tip window shows. Otherwise the points along both paths are compared: an earlier point beats a later one
that fits as well, and the root, a new topic, is a proper answer. Where nothing reaches the floor the root wins unasked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from proxy.domain.tree import NodeId
from proxy.routing.answers import Choice, Ranked
from proxy.routing.limits import RoutingLimits
from proxy.routing.scene import Point, Scene
from proxy.routing.tournament import Final, Judge, together, tournament
from proxy.routing.windows import Line, Window, on_one_path

Find = Callable[[Sequence[Point]], Awaitable[Sequence[Choice]]]
"""The scorer's best places among points and the root."""

Rank = Callable[[Sequence[Window]], Awaitable[Sequence[Ranked]]]
"""The scorer's best conversations among all of a shortlist and the root."""

NOTHING_FITS = "Nothing said before is about this."


@dataclass(frozen=True, slots=True)
class Place:
    """A place for the turn."""

    parent: NodeId | None
    confidence: float
    """The scorer's relevance; for a root that won because nothing fits, what is left of 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A decision, and what else was considered, best first."""

    place: Place
    others: tuple[Place, ...]
    explored: bool
    """The tournaments did not settle it."""


async def place(scene: Scene, limits: RoutingLimits, judge: Judge, find: Find) -> Placed:
    """Where the scene's turn belongs.

    Raises whatever the scorer's calls raise.
    """
    root, tip = await _finals(scene, limits, judge)
    seen = _seen(root, tip)
    evidence = max((verdict for verdict in (root.relevance, tip.relevance) if verdict is not None), default=None)
    if evidence is not None and evidence < limits.relevance_floor:
        return Placed(Place(None, 1 - evidence, NOTHING_FITS), seen, explored=False)
    one_path = on_one_path(root.winner, tip.winner)
    if one_path and tip.relevance is not None and not _speaks_for_earlier(scene, root, tip, limits.margin):
        return Placed(Place(tip.winner.end, tip.relevance, tip.reason), seen, explored=False)
    ends = [tip.winner.end] if one_path else [tip.winner.end, root.winner.end]
    choices = by_preference(await find(points_along(scene, ends, limits.points)))
    return _explored(choices, seen, limits.relevance_floor)


async def place_listwise(scene: Scene, limits: RoutingLimits, rank: Rank, find: Find) -> Placed:
    """Where the scene's turn belongs, by one ranking of all conversations shown.

    The points of the best one are compared only where the embedded scorer leans to one that is not its end.

    Raises whatever the scorer's calls raise.
    """

    def tie(ranked: Ranked) -> tuple[float, bool, bool]:
        return (-ranked.relevance, ranked.window is None, ranked.window is None or not ranked.window.active)

    ranked = sorted(await rank(scene.tips), key=tie)
    seen = tuple(Place(one.window.end if one.window else None, one.relevance, one.reason) for one in ranked)
    best = ranked[0]
    if best.relevance < limits.relevance_floor:
        return Placed(Place(None, 1 - best.relevance, NOTHING_FITS), seen, explored=False)
    leans = best.window is not None and scene.leaning in best.window.trail and scene.leaning != best.window.end
    if best.window is None or not leans:
        return Placed(seen[0], seen[1:], explored=False)
    choices = by_preference(await find(points_along(scene, [best.window.end], limits.points)))
    return _explored(choices, seen, limits.relevance_floor)


def opening(scene: Scene, window: Window) -> Line | None:
    """How a window's conversation began, if the scene knows."""
    points = scene.points.get(window.end, ())
    return points[0].before[0] if points and points[0].before and points[0].depth <= len(points[0].before) else None


def points_along(scene: Scene, ends: Sequence[NodeId], most: int) -> list[Point]:
    """The points of some branches, earlier first; where there are too many, the ends, the cursor, and the best of the others."""
    along: dict[NodeId, Point] = {}
    for end in ends:
        along |= {point.node: point for point in scene.points[end] if point.node not in along}
    liked = sorted(
        along.values(), key=lambda point: (point.node not in ends, not point.active, point.order, -point.depth)
    )
    chosen = {point.node for point in liked[:most]}
    return sorted((point for point in along.values() if point.node in chosen), key=lambda point: point.depth)


def by_preference(choices: Sequence[Choice]) -> list[Choice]:
    """Best first: the more relevant; among equals the cursor, then the earlier point, the root last.

    A follow-up torn from its conversation is the worst error there is, so neither an earlier point nor the root wins a tie
    against the cursor.
    """

    def tie(point: Point | None) -> tuple[bool, bool, int]:
        return (point is None, point is None or not point.active, point.depth if point else 0)

    return sorted(choices, key=lambda choice: (-choice.relevance, tie(choice.point)))


async def _finals(scene: Scene, limits: RoutingLimits, judge: Judge) -> tuple[Final, Final]:
    """Both tournaments at once; one, where every branch is so short that its two windows are the same."""
    if [window.point for window in scene.roots] == [window.point for window in scene.tips]:
        final = await tournament(scene.tips, judge, limits.group)
        return final, final
    root, tip = await together([partial(tournament, pool, judge, limits.group) for pool in (scene.roots, scene.tips)])
    return root, tip


def _speaks_for_earlier(scene: Scene, root: Final, tip: Final, margin: float) -> bool:
    between = scene.leaning in tip.winner.trail and scene.leaning not in {window.point for window in scene.tips}
    return between or (root.relevance or 0.0) - (tip.relevance or 0.0) >= margin


def _seen(root: Final, tip: Final) -> tuple[Place, ...]:
    """The branches that were judged, each by the better of its windows."""
    best: dict[NodeId, Place] = {}
    for verdict in (*tip.verdicts, *root.verdicts):
        end = verdict.window.end
        if end not in best or best[end].confidence < verdict.relevance:
            best[end] = Place(end, verdict.relevance, verdict.reason)
    return tuple(sorted(best.values(), key=lambda seen: -seen.confidence))


def _explored(choices: Sequence[Choice], seen: Sequence[Place], floor: float) -> Placed:
    places = [Place(c.point.node if c.point else None, c.relevance, c.reason) for c in choices]
    named = {chosen.parent for chosen in places}
    others = (*places, *(other for other in seen if other.parent not in named))
    if places[0].confidence < floor:
        return Placed(Place(None, 1 - places[0].confidence, NOTHING_FITS), others, explored=True)
    return Placed(places[0], others, explored=True)

"""What the soak takes for broken or grown; `python -m tests.soak` serves the traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.soak.__main__ import Lap, grown
from tests.soak.gauges import Gauges
from tests.soak.promises import Broken, Told, kept

pytestmark = pytest.mark.anyio

BASE = Gauges(rss_mib=300, descriptors=20, threads=10, tasks=1, objects=9000)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, []),
        ({"rss_mib": 310, "descriptors": 24}, []),
        ({"descriptors": 60}, ["descriptors: 20 -> 60"]),
        ({"threads": 15, "tasks": 2}, ["threads: 10 -> 15", "tasks: 1 -> 2"]),
        ({"rss_mib": 500}, ["memory: 300 -> 500 MiB"]),
    ],
)
async def test_what_grew_is_named(more: dict[str, Any], says: list[str]) -> None:
    laps = [Lap(1, {}, BASE), Lap(2, {}, replace(BASE, **more))]
    assert grown(laps) == says


def node(id: str, parent: str | None, role: str, content: str, state: str = "whole") -> dict[str, Any]:
    return {"id": id, "parent": parent, "message": {"role": role, "content": content}, "state": state}


TREE = [node("u", None, "user", "Why?"), node("a", "u", "assistant", "So."), node("v", "a", "user", "And?")]


async def test_a_turn_that_stands_as_it_was_told_is_kept() -> None:
    assert kept({"nodes": TREE}, [Told("Why?", "a", "So.")]) == 1


@pytest.mark.parametrize(
    ("nodes", "told", "says"),
    [
        (TREE, Told("Why?", "b", "So."), "is None"),
        (TREE, Told("Why?", "a", "No."), "was told 'No.'"),
        (TREE, Told("When?", "a", "So."), "stands 0 times"),
        (TREE, Told("And?", "a", "So."), "under another turn"),
        ([*TREE, node("w", None, "user", "Why?")], Told("Why?", "a", "So."), "stands 2 times"),
        ([TREE[0], node("a", "u", "assistant", "So.", "interrupted")], Told("Why?", "a", "So."), "interrupted"),
    ],
)
async def test_a_broken_promise_is_noticed(nodes: list[dict[str, Any]], told: Told, says: str) -> None:
    with pytest.raises(Broken, match=says):
        kept({"nodes": nodes}, [told])

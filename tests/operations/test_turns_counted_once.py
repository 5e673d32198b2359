"""A turn is counted where it was placed: an answer that another request waits for, or that is played again, counts no second turn."""

from __future__ import annotations

from proxy.api.watching import Watch
from proxy.operations.entry import Entry


def test_a_request_that_joins_another_counts_no_second_turn() -> None:
    watch = Watch()
    for scorer in ("embedded", "", "none", ""):
        watch.end(Entry(model="m", placed="continue", scorer=scorer, status=200))
    placed = watch.figures.snapshot().counts["graft_routes_total"]
    assert placed == {("continue", "embedded"): 1, ("continue", "none"): 1}

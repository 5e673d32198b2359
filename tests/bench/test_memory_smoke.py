"""Memory is read between laps of requests, and judged behind the warm-up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import chosen
from tests.bench.memory import Reading, growth, hold


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of other processes, as Linux allows")
def test_memory_is_read_idle_and_after_each_lap_of_plain_and_streamed_requests(tmp_path: Path) -> None:
    told: list[Reading] = []
    readings = hold(chosen("native-follow-100")[0], 256, 2, tmp_path, told.append)
    assert readings == told
    assert [reading.requests for reading in readings] == [0, 128, 256]
    assert all(reading.rss_mib > 30 for reading in readings)
    assert growth(readings) < 0.5


def test_growth_counts_from_the_end_of_the_warm_up() -> None:
    flat = [Reading(0, 100), Reading(25, 200), Reading(50, 200), Reading(75, 290), Reading(100, 200), Reading(125, 201)]
    assert growth(flat[:-1]) == 0
    assert growth([*flat, *(Reading(125 + n, 220) for n in range(1, 4))]) == pytest.approx(0.1)

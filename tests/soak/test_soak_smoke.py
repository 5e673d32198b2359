"""A minute of mixed traffic; `python -m tests.soak` serves for as long as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.doubles.running import running_upstream
from tests.soak.__main__ import grown, settings, soak
from tests.soak.gauges import Watched

pytestmark = pytest.mark.anyio

SECONDS, LAPS, CLIENTS = 60, 3, 4


async def test_nothing_is_held_behind_the_warm_up_and_every_promise_is_kept(tmp_path: Path) -> None:
    with running_upstream(quiet=True) as upstream:
        server = Watched(tmp_path, upstream, settings(upstream, "static"))
        server.start()
        try:
            laps = await soak(server, upstream, SECONDS, LAPS, CLIENTS, random.Random(11))
        finally:
            server.stop()
    happened = laps[-1].happened
    assert grown(laps) == []
    assert happened["turns kept"] >= happened["turns"] > 20
    assert happened["left"] > 0

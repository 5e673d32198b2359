"""The benchmark runs: a handful of requests against the canned upstream and Graft. What is measured is not judged here."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from proxy.store.sqlite import SqliteStore
from tests.bench.__main__ import chosen
from tests.bench.matching import HABITS, MESSAGES
from tests.bench.matching import measure as measure_matching
from tests.bench.measure import FIGURES, TINY, Figures, measure
from tests.bench.processes import REPOSITORY
from tests.bench.profile import shares
from tests.bench.report import document, table
from tests.bench.trees import EXCHANGES, prepare

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the clocks of other processes, as Linux allows")


def test_two_rows_are_measured_in_every_figure(tmp_path: Path) -> None:
    figures = measure(chosen("upstream,native-follow-100"), TINY, tmp_path)
    assert [row.missing for row in figures] == [None, None]
    bare, graft = figures
    assert bare.middle("added_ms") is None
    assert [name for name in FIGURES if graft.middle(name) is None] == []
    assert table(figures).row_count == 2
    told = json.loads(json.dumps(document(figures, TINY, os.getloadavg())))
    assert told["rows"][1]["medians"]["cpu_ms"] == graft.cpu_ms[0]
    assert Path(cache_from_source(str(REPOSITORY / "proxy" / "app" / "create.py"))).exists()


def test_a_row_that_is_missing_says_why() -> None:
    missing = Figures("litellm-proxy", "LiteLLM's proxy", missing="uv is not at hand to install it")
    cells = [list(column.cells) for column in table([missing]).columns]
    assert cells[1] == ["missing: uv is not at hand to install it"]


@pytest.mark.anyio
async def test_prepared_trees_have_the_size_that_was_asked_for(tmp_path: Path) -> None:
    from anyio import to_thread

    await to_thread.run_sync(lambda: prepare(tmp_path / "graft.db", "follow", 2, 4 * EXCHANGES))
    async with SqliteStore(f"sqlite:///{tmp_path / 'graft.db'}", recover=False) as store:
        (tree,) = await store.trees("bench/person-1")
        assert len(await store.structure("bench/person-1", tree.id)) == 4 * EXCHANGES


def test_samples_count_once_for_each_function_on_a_stack() -> None:
    whole, own, total = shares(["main (a.py:1);walk (a.py:5);walk (a.py:6) 3", "main (a.py:2) 1"])
    assert (whole["main (a.py)"], whole["walk (a.py)"], own["walk (a.py)"], total) == (4, 3, 3, 4)


@pytest.mark.anyio
async def test_matching_is_measured_for_every_habit_in_every_size(tmp_path: Path) -> None:
    told = await measure_matching([MESSAGES, 2 * MESSAGES], 1, tmp_path)
    assert told.row_count == 2 * len(HABITS)
    recognised = [cell for column in told.columns if column.header == "recognised" for cell in column.cells]
    assert recognised == ["200", "200", "190", "0"] * 2

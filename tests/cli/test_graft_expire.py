"""`graft expire` as it is typed."""

import asyncio
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft
from proxy.store import SqliteStore, clock
from tests.store.client import Client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a tree of an hour ago."""
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        async with await SqliteStore.open("sqlite:///graft.db") as store:
            await (await Client.of(store, "ann")).say("An hour ago")

    real = time.time
    with monkeypatch.context() as earlier:
        earlier.setattr(clock, "_given", [0.0])
        earlier.setattr(time, "time", lambda: real() - 3600)
        asyncio.run(fill())
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(graft, ["expire", *words])


@pytest.mark.parametrize("days", ["nan", "inf", "0", "-1", "soon"])
def test_what_is_no_number_of_days_deletes_nothing(folder: Path, days: str) -> None:
    done = run("--days", days, "--yes")
    assert done.exit_code != 0
    assert days in done.stderr
    assert "ann" in run("--days", "0.01").stdout


def test_it_deletes_when_it_is_told_to_only(folder: Path) -> None:
    asked = run("--days", "0.01")
    assert "--yes does it" in asked.stderr
    assert "nodes gone" in run("--days", "0.01", "--yes").stdout
    assert "Everything has seen activity" in run("--days", "0.01").stdout


def test_what_has_seen_activity_stays(folder: Path) -> None:
    assert "Everything has seen activity" in run("--days", "1", "--yes").stdout
    assert "ann" in run("--days", "0.01").stdout

"""What users wrote is shown by the commands without steering the terminal of whoever runs them."""

import asyncio
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli.main import graft
from proxy.domain.drawing import visible
from proxy.domain.tree import UserId
from proxy.store import SqliteStore, clock
from tests.store.client import Client

STEERING = "\x1b[31mRED\x1b]0;mine\x07 \x9b31m\u202egnp.exe [/red] [bold]"
USER = UserId(STEERING)
STEERS = "\x1b\x07\x9b\u202e"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With somebody whose name, tree and words are such, an hour ago."""
    monkeypatch.chdir(tmp_path)

    async def fill() -> None:
        async with await SqliteStore.open("sqlite:///graft.db") as store:
            await store.add_key(USER, "person", "digest", "sk-graft", STEERING, None)
            client = await Client.of(store, USER, tree=STEERING)
            await client.say(STEERING)
            await store.rename(USER, client.tree.id, STEERING)

    real = time.time
    with monkeypatch.context() as earlier:
        earlier.setattr(clock, "_given", [0.0])
        earlier.setattr(time, "time", lambda: real() - 3600)
        asyncio.run(fill())
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["tree", "--user", USER, "--tree", STEERING, "--ids", "--replies"],
        ["tree", "--user", USER, "--tree", "none such"],
        ["keys", "list"],
        ["users", "list"],
        ["expire", "--days", "0.01"],
    ],
    ids=lambda words: " ".join(words[:2]).encode("unicode_escape").decode(),
)
def test_a_command_prints_none_of_it(folder: Path, words: list[str]) -> None:
    done = CliRunner().invoke(graft, words)
    assert "RED" in done.output
    assert not set(STEERS) & set(done.output)
    assert "[bold]" in done.output or "…" in done.output


def test_writing_of_all_kinds_stays_as_it_is() -> None:
    kept = "naïve\tمی‌خواهم 👩‍👩‍👧\nend"
    assert visible(kept) == kept

"""`graft users` and `graft export FILE`: who is there, all of theirs in a file, and all of it gone."""

import asyncio
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft
from proxy.domain.tree import UserId
from proxy.store import SqliteStore
from proxy.store.persons import methods
from tests.store.client import Client


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with an app of two people, and what was learned from one of them."""
    monkeypatch.setattr(methods.Persons.delete_user, "__kwdefaults__", {"forgotten_within_s": 0})
    (tmp_path / "learned").mkdir()
    for name in ("ann", "app/bob"):
        (tmp_path / "learned" / f"{name[:3]}.json").write_text(json.dumps({"user": name}))
    url = f"sqlite:///{tmp_path}/graft.db"

    async def fill() -> None:
        async with await SqliteStore.open(url) as store:
            for name in ("ann", "app", "app/bob"):
                await (await Client.of(store, name)).say(f"Said by {name}", "Hi!")
            await store.add_key(UserId("ann"), "person", "digest", "gk_1", "Ann's laptop")

    asyncio.run(fill())
    file = tmp_path / "graft.yaml"
    file.write_text(json.dumps({"storage": {"url": url}, "routing": {"personal": str(tmp_path / "learned")}}))
    return file


def ran(config: Path, *words: str, answer: str | None = None, fails: bool = False) -> Result:
    done = CliRunner().invoke(graft, [*words, "--config", str(config)], input=answer, env={"COLUMNS": "100"})
    assert (done.exit_code != 0) == fails, done.output
    return done


def names(config: Path) -> list[str]:
    lines = ran(config, "users", "list").output.splitlines()
    return [line.split()[1] for line in lines if line.startswith("│")]


def test_an_app_is_deleted_with_its_people_and_what_was_learned_from_them(config: Path) -> None:
    assert names(config) == ["ann", "app", "app/bob"]
    done = ran(config, "users", "delete", "app", "--yes")
    assert "with 1 people of theirs" in done.output
    assert names(config) == ["ann"]
    assert [file.name for file in (config.parent / "learned").iterdir()] == ["ann.json"]
    assert "sound" in ran(config, "verify").output


def test_it_is_asked_before_anything_is_deleted(config: Path) -> None:
    assert "Aborted" in ran(config, "users", "delete", "ann", answer="n\n", fails=True).output
    assert "ann" in names(config)
    ran(config, "users", "delete", "ann", answer="y\n")
    assert "ann" not in names(config)
    assert "There is no user 'ann'" in ran(config, "users", "delete", "ann", "--yes", fails=True).output


def test_a_person_gets_one_file_for_its_owners_eyes(config: Path) -> None:
    file = config.parent / "ann.zip"
    assert "everything that is stored about 'ann'" in ran(config, "export", "--user", "ann", str(file)).output
    assert file.stat().st_mode & 0o777 == 0o600
    with ZipFile(file) as archive:
        [key] = archive.read("keys.jsonl").splitlines()
        assert json.loads(key)["label"] == "Ann's laptop"
        assert b"Said by ann" in archive.read("nodes.jsonl")
    assert "names a part" not in ran(config, "export", "--user", "ann").output
    ran(config, "export", str(file), "--tree", "main", fails=True)
    ran(config, "export", "--user", "nobody", str(config.parent / "none.zip"), fails=True)
    assert not (config.parent / "none.zip").exists()

"""`graft backup`, `graft restore` and `graft migrate` as they are typed."""

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft
from proxy.store.backup import looked_at
from proxy.store.migrations import MIGRATIONS

OLD = Path(__file__).parents[1] / "store" / "databases" / "version_1.sql"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(graft, list(words))


def old_database(file: Path) -> None:
    db = sqlite3.connect(file)
    db.executescript(OLD.read_text())
    db.close()


def test_a_database_goes_into_a_file_and_comes_back(folder: Path) -> None:
    assert run("keys", "add", "ada").exit_code == 0
    done = run("backup", "copy.db")
    assert (done.exit_code, "Wrote" in done.stderr) == (0, True)
    again = run("backup", "copy.db")
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    for file in folder.glob("graft.db*"):
        file.unlink()
    done = run("restore", "copy.db")
    assert (done.exit_code, "is sound" in done.stderr) == (0, True)
    with sqlite3.connect("graft.db") as db:
        assert db.execute("SELECT user_id FROM keys").fetchall() == [("ada",)]
    db.close()
    again = run("restore", "copy.db")
    assert (again.exit_code, "--force" in again.stderr) == (1, True)


def test_without_a_database_there_is_nothing_to_copy(folder: Path) -> None:
    for words in (("backup", "copy.db"), ("migrate",), ("migrate", "--check")):
        done = run(*words)
        assert (done.exit_code, "no database" in done.stderr) == (1, True)
    assert list(folder.iterdir()) == []


def test_an_old_database_is_told_of_and_brought_up_to_date(folder: Path) -> None:
    old_database(folder / "graft.db")
    asked = run("migrate", "--check")
    assert (asked.exit_code, asked.stdout) == (
        1,
        f"The database has version 1; this Graft makes it version {len(MIGRATIONS)}.\n",
    )
    assert looked_at("graft.db") == (1, len(MIGRATIONS) - 1)
    done = run("migrate")
    assert (done.exit_code, f"has version {len(MIGRATIONS)} now" in done.stdout) == (0, True)
    for words in (("migrate",), ("migrate", "--check")):
        done = run(*words)
        assert (done.exit_code, "up to date" in done.stdout) == (0, True)


def test_a_copy_is_of_the_version_of_its_database(folder: Path) -> None:
    old_database(folder / "graft.db")
    assert run("backup", "copy.db").exit_code == 0
    assert looked_at("copy.db") == looked_at("graft.db") == (1, len(MIGRATIONS) - 1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_tells_in_a_line_what_is_wrong_with_its_database(folder: Path, workers: str) -> None:
    old_database(folder / "graft.db")
    with sqlite3.connect("graft.db") as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    done = run("serve", "--port", "0", "--workers", workers)
    assert (done.exit_code, done.stderr.startswith("Error: The database has version")) == (1, True), done.output


def test_a_newer_database_is_refused_by_all_three(folder: Path) -> None:
    old_database(folder / "graft.db")
    with sqlite3.connect("graft.db") as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    (folder / "newer.db").write_bytes((folder / "graft.db").read_bytes())
    for words in (("backup", "copy.db"), ("restore", "newer.db", "--force"), ("migrate",), ("migrate", "--check")):
        done = run(*words)
        assert (done.exit_code, "newer" in done.stderr) == (1, True), done.output
    assert not (folder / "copy.db").exists()

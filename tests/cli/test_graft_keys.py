"""`graft keys list` and `graft users list`: a few in a table, thousands in lines; and a key is found by an index."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft
from proxy.store import keys

THOUSANDS = 10_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A server with one key, made as an operator makes it."""
    file = tmp_path / "graft.json"
    file.write_text(json.dumps({"storage": {"url": f"sqlite:///{tmp_path}/graft.db"}}))
    ran(file, "keys", "add", "ann", "--label", "the\tlaptop")
    return file


def ran(config: Path, *words: str) -> Result:
    done = CliRunner().invoke(graft, [*words, "--config", str(config)], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done


def crowd(config: Path) -> None:
    """Thousands of users with a key each: copies of the one that is there."""
    with closing(sqlite3.connect(config.parent / "graft.db", isolation_level=None)) as db:
        db.execute("BEGIN")
        for table, changed in (
            ("users", {"id": "id || '-' || n.value"}),
            ("keys", {"id": "id || n.value", "user_id": "user_id || '-' || n.value", "digest": "digest || n.value"}),
        ):
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(f"({changed.get(name, name)})" for name in columns)
            numbers = f"(WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < {THOUSANDS}) SELECT value FROM c) n"
            db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} t, {numbers}")
        db.execute("COMMIT")


def test_a_few_keys_stand_in_a_table(config: Path) -> None:
    told = ran(config, "keys", "list").output
    assert "│" in told
    assert "ann" in told
    assert "No keys of 'bob' yet: `graft keys add bob`" in ran(config, "keys", "list", "--user", "bob").output


def test_thousands_of_keys_stand_in_lines_and_one_users_are_found(config: Path) -> None:
    crowd(config)
    first, *lines = ran(config, "keys", "list").output.splitlines()
    assert first.split("\t") == ["id, beginning", "user", "may", "label", "made", "state"]
    assert len(lines) == THOUSANDS + 1
    assert {len(line.split("\t")) for line in lines} == {6}
    told = ran(config, "keys", "list", "--user", "ann-77").output
    assert "ann-77" in told
    assert "ann-78" not in told


def test_thousands_of_users_are_listed_with_their_keys(config: Path) -> None:
    crowd(config)
    _, *lines = ran(config, "users", "list").output.splitlines()
    told = {line.split("\t")[0]: line.split("\t")[3] for line in lines}
    assert len(told) == THOUSANDS + 1
    assert set(told.values()) == {"1"}


def test_a_key_is_found_by_an_index(config: Path) -> None:
    asked: list[str] = []
    with closing(sqlite3.connect(config.parent / "graft.db")) as db:
        db.set_trace_callback(asked.append)
        keys.key_by_digest(db, "nobody's")
        db.set_trace_callback(None)
        (sql,) = asked
        steps = [step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert [step for step in steps if step.startswith("SEARCH keys USING INDEX")] == steps

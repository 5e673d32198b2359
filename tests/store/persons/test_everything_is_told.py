"""The archive that a person is given: every row and column of theirs, in a form that can be read, and nobody else's."""

import io
import json
from typing import Any
from zipfile import ZipFile

import pytest

from proxy.domain.tree import UserId
from proxy.errors import NotFound
from proxy.store import SqliteStore
from proxy.store.persons.belongings import BELONGINGS
from tests.store.client import Client
from tests.store.furnished import furnish

pytestmark = pytest.mark.anyio
ADA, BOB = UserId("ada"), UserId("bob")
GIVEN = [one for one in BELONGINGS if one.why_not is None]


async def archive(store: SqliteStore, user: UserId) -> ZipFile:
    kept = io.BytesIO()
    rows = await store.tell_everything(user, kept)
    opened = ZipFile(kept)
    assert sum(json.loads(opened.read("about.json"))["rows"].values()) == rows
    return opened


def rows_of(opened: ZipFile, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in opened.read(f"{table}.jsonl").splitlines()]


async def test_every_row_and_column_of_a_person_is_in_it_or_left_out_with_a_reason(client: Client) -> None:
    store = (await furnish(client)).store
    await store._write(lambda db: db.execute("UPDATE spending SET key_id = (SELECT id FROM keys)"))
    opened = await archive(store, ADA)
    for one in GIVEN:
        told = rows_of(opened, one.table)
        sql = f"SELECT count(*) FROM {one.table} WHERE {one.whose}"
        stored = await store._read(lambda db, sql=sql: db.execute(sql, {"user": ADA}).fetchone()[0])
        assert len(told) == stored > 0, one.table
        info = await store._read(lambda db, t=one.table: db.execute(f"PRAGMA table_info({t})").fetchall())
        assert set(told[0]) | set(one.withheld) == {name for _, name, *_ in info}, one.table
        assert not set(told[0]) & set(one.withheld)
    left_out = json.loads(opened.read("about.json"))["left_out"]
    for one in BELONGINGS:
        for why in [one.why_not] if one.why_not else one.withheld.values():
            assert len(why.split()) > 3
        assert (one.table in left_out) == bool(one.why_not or one.withheld)


async def test_it_can_be_read(client: Client) -> None:
    store = (await furnish(client)).store
    opened = await archive(store, ADA)
    said = [row["content"]["content"] for row in rows_of(opened, "nodes")]
    assert {"Oars?", "Row.", "Boats?"} <= {text for text in said if isinstance(text, str)}
    assert {row["text"] for row in rows_of(opened, "zones")} >= {"Ada.", "Oars."}
    assert [row["label"] for row in rows_of(opened, "keys")] == [None]
    bodies = {row["hash"]: opened.read(row["bytes"]) for row in rows_of(opened, "blobs")}
    assert {b"Row.", b"Sail."} <= set(bodies.values())
    assert all(name.startswith("files/") or name.endswith((".jsonl", ".json")) for name in opened.namelist())


async def test_nobody_elses_rows_and_no_secrets_are_in_it(client: Client) -> None:
    store = (await furnish(client)).store
    secrets = await store._read(lambda db: [row[0] for row in db.execute("SELECT secret FROM users")])
    of_ada, of_bob = await archive(store, ADA), await archive(store, BOB)
    for opened, other in ((of_ada, "bob"), (of_bob, "ada")):
        whole = b"".join(opened.read(name) for name in opened.namelist())
        assert f'"{other}"'.encode() not in whole
        assert b"digest" not in whole.replace(opened.read("about.json"), b"")
        assert not [secret for secret in secrets if secret in whole or secret.hex().encode() in whole]
    for one in GIVEN:
        mine, theirs = ({json.dumps(row) for row in rows_of(opened, one.table)} for opened in (of_ada, of_bob))
        assert not mine & theirs, one.table
    assert {row["user_id"] for row in rows_of(of_bob, "nodes")} == {"bob"}


async def test_nobody_is_told_of_who_is_not_there(store: SqliteStore) -> None:
    with pytest.raises(NotFound, match="no user"):
        await archive(store, ADA)

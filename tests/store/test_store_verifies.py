"""`verify` finds each kind of damage, names the row, and is quiet about a sound database."""

import pytest

from proxy.domain.message import said
from proxy.domain.ports import Adoption
from proxy.domain.tree import NodeId
from proxy.store import SqliteStore, connection, verify
from tests.store.client import Client
from tests.store.furnished import furnish

pytestmark = pytest.mark.anyio


@pytest.fixture
async def full(client: Client) -> Client:
    return await furnish(client)


async def test_a_sound_database_has_no_violations(full: Client):
    assert await full.store.verify() == []
    empty = [
        table
        for (table,) in await full.store._read(
            lambda db: db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall()
        )
        if await full.store._read(lambda db, table=table: db.execute(f"SELECT count(*) FROM {table}").fetchone())
        == (0,)
    ]
    assert [name for name in empty if not (full.store.is_encrypted and name.startswith("search"))] == []


BOATS = "(SELECT id FROM nodes WHERE content LIKE '%Boats%' ORDER BY seq LIMIT 1)"
FLOAT = "(SELECT id FROM nodes WHERE content LIKE '%Float%' ORDER BY seq LIMIT 1)"
OARS = "(SELECT id FROM nodes WHERE content LIKE '%Oars%' ORDER BY seq LIMIT 1)"
BOBS = "(SELECT id FROM nodes WHERE user_id = 'bob' ORDER BY seq LIMIT 1)"
ELSEWHERE = "(SELECT n.id FROM nodes n JOIN trees t ON t.id = n.tree_id WHERE t.name = 'other' LIMIT 1)"

DAMAGE = {
    "a completion without an answer": (
        "UPDATE calls SET completion_id = 'chatcmpl-1' WHERE status = 'open'",
        "calls",
        "is listed as a completion",
    ),
    "a node without an edge": (f"DELETE FROM edges WHERE node_id = {FLOAT}", "nodes", "hangs somewhere"),
    "an edge without a node": (f"DELETE FROM nodes WHERE id = {FLOAT}", "edges", "belongs to a node"),
    "a parent that is gone": (
        f"UPDATE edges SET parent_id = 'n_gone' WHERE node_id = {FLOAT}",
        "edges",
        "has a parent",
    ),
    "a parent in another tree": (
        f"UPDATE edges SET parent_id = {ELSEWHERE} WHERE node_id = {FLOAT}",
        "edges",
        "has a parent",
    ),
    "another user's parent": (f"UPDATE edges SET parent_id = {BOBS} WHERE node_id = {FLOAT}", "edges", "has a parent"),
    "a cycle": (f"UPDATE edges SET parent_id = {FLOAT} WHERE node_id = {OARS}", "edges", "leads to the root"),
    "a node that is its own parent": (
        f"UPDATE edges SET parent_id = node_id WHERE node_id = {BOATS}",
        "edges",
        "leads to the root",
    ),
    "an edge in another tree": (
        f"UPDATE edges SET tree_id = (SELECT id FROM trees WHERE name = 'other') WHERE node_id = {BOATS}",
        "edges",
        "stands in its node's tree",
    ),
    "an edge under another hash": (
        f"UPDATE edges SET exact = 'x' WHERE node_id = {BOATS}",
        "edges",
        "under its node's hash",
    ),
    "a node in another user's tree": (
        f"UPDATE nodes SET tree_id = (SELECT id FROM trees WHERE user_id = 'bob') WHERE id = {BOATS}",
        "nodes",
        "stands in a tree of its user",
    ),
    "changed words": (
        f"""UPDATE nodes SET content = '{{"role":"user","content":"Planes?"}}' WHERE id = {BOATS}""",
        "nodes",
        "exact hash",
    ),
    "changed white space": (
        f"""UPDATE nodes SET content = '{{"role":"user","content":" Boats?"}}' WHERE id = {BOATS}""",
        "nodes",
        "exact hash",
    ),
    "a wrong folded hash": (f"UPDATE nodes SET folded = 'x' WHERE id = {BOATS}", "nodes", "folded hash"),
    "a wrong role": (f"UPDATE nodes SET role = 'tool' WHERE id = {BOATS}", "nodes", "role of its message"),
    "words that are no JSON": (f"UPDATE nodes SET content = '{{' WHERE id = {BOATS}", "nodes", "holds a message"),
    "JSON that is no message": (f"UPDATE nodes SET content = '[]' WHERE id = {BOATS}", "nodes", "holds a message"),
    "another user's secret": ("UPDATE users SET secret = zeroblob(32) WHERE id = 'bob'", "nodes", "exact hash"),
    "an unknown state": (f"UPDATE nodes SET state = 'lost' WHERE id = {BOATS}", "nodes", "known state"),
    "a visible turn without an answer": (
        f"UPDATE nodes SET state = 'unanswered' WHERE id = {BOATS}",
        "nodes",
        "known state",
    ),
    "an answered turn that is hidden": (
        f"UPDATE nodes SET state = 'unanswered', visible = NULL WHERE id = {BOATS}",
        "nodes",
        "becomes visible after",
    ),
    "a reply before its turn": (f"UPDATE nodes SET visible = -1 WHERE id = {FLOAT}", "nodes", "becomes visible after"),
    "a visible number twice": (
        f"UPDATE nodes SET visible = (SELECT visible FROM nodes WHERE id = {OARS}) WHERE id = {BOATS}",
        "nodes",
        "number of its own",
    ),
    "a system text that is gone": ("DELETE FROM systems WHERE user_id = 'bob'", "nodes", "system text of its user"),
    "another user's system text": (
        f"UPDATE nodes SET system_id = (SELECT id FROM systems WHERE user_id = 'bob') WHERE id = {BOATS}",
        "nodes",
        "system text of its user",
    ),
    "a changed system text": ("UPDATE systems SET content = '\"Be loud.\"'", "systems", "hash of its text"),
    "a reply without its call": (f"UPDATE nodes SET call_id = 'call_gone' WHERE id = {FLOAT}", "nodes", "names a call"),
    "a call about a turn that is gone": ("UPDATE calls SET turn_id = 'n_gone'", "calls", "answers a turn"),
    "a call about another user's turn": (
        f"UPDATE calls SET turn_id = {BOBS} WHERE user_id = 'ada'",
        "calls",
        "answers a turn",
    ),
    "a call with a reply that is gone": (
        "UPDATE calls SET reply_id = 'n_gone' WHERE status = 'done'",
        "calls",
        "brought a reply",
    ),
    "a call with another call's reply": (
        f"UPDATE calls SET reply_id = {BOBS} WHERE user_id = 'ada'",
        "calls",
        "brought a reply",
    ),
    "a partial reply of a finished call": (
        "UPDATE calls SET partial = '[]' WHERE status = 'done'",
        "calls",
        "only while it is open",
    ),
    "a row about a node that is gone": (
        f"UPDATE transcripts SET node_id = 'n_gone' WHERE node_id = {BOATS}",
        "transcripts",
        "names a stored node",
    ),
    "a row about another user's node": (
        f"UPDATE transcripts SET node_id = {BOBS} WHERE node_id = {BOATS}",
        "transcripts",
        "names a stored node",
    ),
    "a deleted row with a node": (
        f"UPDATE transcripts SET meaning = 'deleted' WHERE node_id = {BOATS}",
        "transcripts",
        "or none",
    ),
    "a row that follows nothing": (
        f"UPDATE transcripts SET prev = 'x' WHERE node_id = {FLOAT}",
        "transcripts",
        "follows a known row",
    ),
    "a row after another message": (
        f"UPDATE transcripts SET before = 'x' WHERE node_id = {FLOAT}",
        "transcripts",
        "message before it",
    ),
    "an answer outside the assistants": (
        f"UPDATE transcripts SET assistants = NULL WHERE node_id = {FLOAT}",
        "transcripts",
        "chain of assistants",
    ),
    "an active node that is gone": ("UPDATE active SET node_id = 'n_gone'", "active", "points at a node"),
    "an active node of another tree": (f"UPDATE active SET node_id = {ELSEWHERE}", "active", "points at a node"),
    "a decision about nothing": ("UPDATE decisions SET node_id = 'n_gone'", "decisions", "about a node"),
    "a decision without its call": ("UPDATE decisions SET call_id = 'call_gone'", "decisions", "about a node"),
    "a correction of nothing": ("UPDATE corrections SET node_id = 'n_gone'", "corrections", "about a node"),
    "another user's name for a message": (
        "UPDATE client_messages SET user_id = 'bob'",
        "client_messages",
        "names a node of its user",
    ),
    "a waypoint into another tree": (
        f"UPDATE waypoints SET node_id = {ELSEWHERE}",
        "waypoints",
        "leads to a node",
    ),
    "a zone of no tree": ("UPDATE zones SET tree_id = 't_gone' WHERE tree_id <> ''", "zones", "belongs to a tree"),
    "a zone of a node that is gone": (
        "UPDATE zones SET node_id = 'n_gone' WHERE node_id <> ''",
        "zones",
        "hangs on a node",
    ),
    "a zone of another tree's node": (
        f"UPDATE zones SET node_id = {ELSEWHERE} WHERE node_id <> ''",
        "zones",
        "hangs on a node",
    ),
    "an image of another tree's node": (
        f"UPDATE images SET node_id = {ELSEWHERE} WHERE node_id <> ''",
        "images",
        "hangs in a tree",
    ),
    "an image of another user's tree": (
        "UPDATE images SET tree_id = (SELECT id FROM trees WHERE user_id = 'bob')",
        "images",
        "hangs in a tree",
    ),
    "an image without bytes": ("UPDATE images SET hash = 'x' WHERE hash IS NOT NULL", "images", "has bytes"),
    "an image here and elsewhere": ("UPDATE images SET url = 'https://a.b'", "images", "has bytes"),
    "an image of another kind than its bytes": ("UPDATE images SET media_type = 'image/gif'", "images", "has bytes"),
    "a switched off image that is in no message": ("UPDATE images_off SET number = 1", "images_off", "names an image"),
    "a switched off image of another tree": (
        f"UPDATE images_off SET node_id = {ELSEWHERE}",
        "images_off",
        "names an image",
    ),
    "a tree's zone on a node": (
        "UPDATE zones SET name = 'discussion' WHERE node_id <> ''",
        "zones",
        "has a name that fits",
    ),
    "a tree's zone that holds for all trees": (
        "UPDATE zones SET name = 'discussion' WHERE tree_id = ''",
        "zones",
        "has a name that fits",
    ),
    "a personality that is gone": ("DELETE FROM personalities", "trees", "has a personality"),
    "another user's personality": ("UPDATE personalities SET user_id = 'bob'", "trees", "has a personality"),
    "an artefact of another user's tree": (
        "UPDATE artefacts SET tree_id = (SELECT id FROM trees WHERE user_id = 'bob')",
        "artefacts",
        "belongs to a tree",
    ),
    "an artefact without versions": ("DELETE FROM artefact_versions", "artefacts", "has a version"),
    "a version above the highest": ("UPDATE artefacts SET last = 1", "artefacts", "none above the highest"),
    "a version without a body": ("DELETE FROM blobs", "artefact_versions", "has a body"),
    "a version of another user's": ("UPDATE artefacts SET user_id = 'bob'", "artefact_versions", "artefact's user"),
    "a body that nothing has": (
        "INSERT INTO blobs (user_id, hash, media_type, size, bytes) VALUES ('bob', 'x', 'text/plain', 0, x'')",
        "blobs",
        "is a body of something",
    ),
    "a body shorter than it says": ("UPDATE blobs SET size = 77", "blobs", "as long as it says"),
    "a changed body": ("UPDATE blobs SET bytes = zeroblob(size)", "blobs", "hash of its bytes"),
    "a memory of a tree that is gone": ("UPDATE memories SET tree_id = 't_gone'", "memories", "belongs to a tree"),
    "a memory of another user's node": (
        f"UPDATE memory_nodes SET node_id = {BOBS}",
        "memory_nodes",
        "names a memory and a node",
    ),
    "a turn of another user's with memories": (
        "UPDATE turn_pieces SET user_id = 'bob'",
        "turn_pieces",
        "turn of its user",
    ),
    "a load of nothing": (
        "UPDATE loads SET ref = 'a_gone' WHERE version IS NOT NULL",
        "loads",
        "places what its user has",
    ),
    "a load of a version that is gone": (
        "UPDATE loads SET version = 9 WHERE version IS NOT NULL",
        "loads",
        "in a version that is there",
    ),
    "an artefact loaded in another tree": (
        f"""
        UPDATE loads SET tree_id = (SELECT id FROM trees WHERE name = 'other'), node_id = {ELSEWHERE}
        WHERE kind = 'artefact' AND node_id <> ''
        """,
        "loads",
        "in their own tree",
    ),
    "a load on a node of another tree": (
        f"UPDATE loads SET node_id = {ELSEWHERE} WHERE kind = 'memory' AND node_id <> ''",
        "loads",
        "on a node of that tree",
    ),
    "what another user's call sent": ("UPDATE sent SET user_id = 'bob'", "sent", "belongs to a call"),
    "a summary of another tree's path": (
        f"UPDATE summaries SET node_id = {ELSEWHERE}",
        "summaries",
        "covers the path to a node",
    ),
    "a cut of another user's path": (f"UPDATE cuts SET node_id = {BOBS}", "cuts", "ends in a node"),
    "vectors of a node that nobody may see": (
        """
        INSERT INTO vectors (node_id, user_id, embedder, body)
        SELECT id, user_id, 'minilm-1', x'01' FROM nodes WHERE visible IS NULL LIMIT 1
        """,
        "vectors",
        "belongs to a visible node",
    ),
    "vectors of another user's node": (
        "UPDATE vectors SET user_id = 'bob'",
        "vectors",
        "belongs to a visible node of its user",
    ),
    "vectors of nothing": ("UPDATE vectors SET body = x''", "vectors", "holds something"),
    "words of no node": (
        "INSERT INTO search (rowid, owner, words) VALUES (999, 'x', 'boats')",
        "search",
        "stored node",
    ),
    "a searched tree that is deleted": ("UPDATE trees SET deleted_at = 1.0", "searched", "is there"),
    "a reference to nothing": ("UPDATE keys SET user_id = 'nobody'", "keys", "does not exist"),
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_damage_is_found_and_named(full: Client, kind: str):
    sql, table, rule = DAMAGE[kind]
    await damage(full.store, sql)
    found = [
        violation for violation in await full.store.verify() if violation.table == table and rule in violation.rule
    ]
    assert found, await full.store.verify()
    assert all(violation.row for violation in found)


def test_every_rule_has_its_damage():
    for table, says, _ in verify.RULES:
        assert any(name == table and rule in says for _, name, rule in DAMAGE.values()), (table, says)


async def damage(store: SqliteStore, sql: str) -> None:
    """Change rows behind the back of every constraint."""

    def change(db):
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("DROP INDEX nodes_visible")
        assert db.execute(sql).rowcount > 0
        db.execute("CREATE INDEX nodes_visible ON nodes (tree_id, visible) WHERE visible IS NOT NULL")

    await connection.whole(store._connections[0], change)


async def test_a_torn_index_is_found(full: Client):
    def tear(db):
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'user_id, prev', 'user_id, chain') WHERE name = 'transcripts_prev'"
        )
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute(f"PRAGMA schema_version = {version + 1}")
        db.execute("PRAGMA writable_schema = RESET")

    await connection.whole(full.store._connections[0], tear)
    assert [v for v in await full.store.verify() if v.table == "database" and "transcripts_prev" in v.rule]


async def test_a_large_tree_is_verified_page_by_page(full: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("proxy.store.verify.PAGE", 3)
    assert await full.store.verify() == []
    await damage(full.store, "UPDATE nodes SET folded = 'x' WHERE seq = (SELECT max(seq) FROM nodes)")
    [violation] = await full.store.verify()
    last = [node async for node in full.store.nodes(full.user.id, full.tree.id)][-1]
    assert (violation.table, violation.row) == ("nodes", last.id)


async def test_a_chat_remembered_from_its_middle_is_sound(client: Client):
    """A cursor found from the tail goes on after the stored row, under a chain of the client's new chat."""
    await client.say("Boats?", "Float.")
    cut = await client.another("chat two")
    cut.said = [said("user", "(summary)")]
    node = cut.node(said("user", "And sails?"), client.nodes[-1], "whole")
    [row] = cut.rows([node])

    row = row._replace(prev=client.links()[-1].chain)
    await client.store.adopt(Adoption(client.user.id, client.tree.id, [node], cut.exacts([node]), [row]))
    assert await client.store.verify() == []
    sighting = await cut.recognise(said("user", "(summary)"), said("user", "And sails?"), said("user", "New"))
    assert [one.node_id for one in sighting.lineage] == [*client.nodes, NodeId(node.id)]

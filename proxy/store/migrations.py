"""How a database of any earlier version becomes one of this version: numbered steps, only ever appended to (`migrating` takes them)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from proxy.store import vectors
from proxy.store.persons import departures
from proxy.store.schema import VERSION_1
from proxy.store.shelf import turn_pieces
from proxy.store.shelf.tables import BLOBS, SHELF

APPLICATION_ID: Final = 0x67726674
"""Marks the file as ours (`grft`), so that another program's database is never written to."""


def version_1(db: sqlite3.Connection) -> None:
    """The first tables."""
    for statement in VERSION_1:
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def version_2(db: sqlite3.Connection) -> None:
    """Trees that can be deleted, trees read page by page, and words that can be searched.

    A deleted tree keeps its row, without its words: tombstones and bills point at it. `search` is filled when somebody searches
    (`searched` says how far), so a turn pays nothing for it. Its first column holds one word that stands for the user: what is
    looked for is then found among that user's texts, not among everybody's.
    """
    db.execute("ALTER TABLE trees ADD COLUMN deleted_at REAL")
    db.execute("CREATE INDEX nodes_tree ON nodes (tree_id)")
    db.execute("CREATE VIRTUAL TABLE search USING fts5 (owner, words, tokenize = 'unicode61 remove_diacritics 2')")
    db.execute(
        """
        CREATE TABLE searched (
            tree_id TEXT PRIMARY KEY REFERENCES trees (id),
            seq INTEGER NOT NULL              -- the tree's last node that `search` holds
        ) STRICT, WITHOUT ROWID
        """
    )


def version_3(db: sqlite3.Connection) -> None:
    """How often requests were answered and not remembered, by the name of what they were: never what was in them."""
    db.execute(
        """
        CREATE TABLE asides (
            user_id TEXT NOT NULL REFERENCES users (id),
            name TEXT NOT NULL,
            count INTEGER NOT NULL,
            last_at REAL NOT NULL,
            PRIMARY KEY (user_id, name)
        ) STRICT, WITHOUT ROWID
        """
    )


def version_4(db: sqlite3.Connection) -> None:
    """What clients call their messages. A reply is named before it is stored, so a name may stand for a node that never came."""
    db.execute(
        """
        CREATE TABLE client_messages (
            user_id TEXT NOT NULL REFERENCES users (id),
            chat TEXT NOT NULL,               -- the client's own id of it; '' where it sends none
            message_id TEXT NOT NULL,
            node_id TEXT NOT NULL,
            PRIMARY KEY (user_id, chat, message_id)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX client_messages_node ON client_messages (node_id)")


def version_5(db: sqlite3.Connection) -> None:
    """Calls that can be found as OpenAI's stored completions, and keys that honour `store: false`.

    `completion_id` is the id that the client was told; it goes when the completion is deleted, and both indexes with it. Calls are
    listed in order of arrival, which is that of their hidden row numbers.
    """
    db.execute("ALTER TABLE keys ADD COLUMN honours_store INTEGER NOT NULL DEFAULT 0 CHECK (honours_store IN (0, 1))")
    db.execute("ALTER TABLE calls ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE calls ADD COLUMN completion_id TEXT")
    db.execute(
        "UPDATE calls SET completion_id = coalesce(json_extract(envelope, '$.id'), id)"
        " WHERE status = 'done' AND reply_id IS NOT NULL"
    )
    db.execute("CREATE INDEX calls_completion ON calls (user_id, completion_id) WHERE completion_id IS NOT NULL")
    db.execute("CREATE INDEX calls_listed ON calls (user_id) WHERE completion_id IS NOT NULL")


def version_6(db: sqlite3.Connection) -> None:
    """Where a command typed in a chat sends the turn after it."""
    db.execute(
        """
        CREATE TABLE waypoints (
            user_id TEXT NOT NULL REFERENCES users (id),
            chain TEXT NOT NULL,              -- of the answer to the command, in its client's chat
            tree_id TEXT NOT NULL REFERENCES trees (id),
            node_id TEXT,                     -- NULL is the root
            key_id TEXT,                      -- set while it waits for a turn of a client that sends no history
            hint TEXT NOT NULL DEFAULT '',
            at REAL NOT NULL,
            PRIMARY KEY (user_id, chain)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX waypoints_node ON waypoints (node_id) WHERE node_id IS NOT NULL")


def version_7(db: sqlite3.Connection) -> None:
    """Zones of nodes, personalities, and under which of them something was said."""
    db.execute(
        """
        CREATE TABLE scoped_zones (
            user_id TEXT NOT NULL REFERENCES users (id),
            tree_id TEXT NOT NULL DEFAULT '', -- '' holds for all trees
            node_id TEXT NOT NULL DEFAULT '', -- '' hangs on no node
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            updated_at REAL NOT NULL,
            PRIMARY KEY (user_id, tree_id, node_id, name)
        ) STRICT, WITHOUT ROWID
        """
    )
    told = "user_id, tree_id, name, text, updated_at"
    db.execute(f"INSERT INTO scoped_zones ({told}) SELECT {told} FROM zones")
    db.execute("DROP TABLE zones")
    db.execute("ALTER TABLE scoped_zones RENAME TO zones")
    db.execute(
        """
        CREATE TABLE personalities (
            user_id TEXT NOT NULL REFERENCES users (id),
            name TEXT NOT NULL,
            system_prompt TEXT,
            zone TEXT NOT NULL,
            metadata TEXT NOT NULL DEFAULT '{}',
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            PRIMARY KEY (user_id, name)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("ALTER TABLE trees ADD COLUMN personality TEXT")
    db.execute("ALTER TABLE nodes ADD COLUMN personality TEXT")


def version_8(db: sqlite3.Connection) -> None:
    """Artefacts in versions, memories, where they are loaded, and bodies by their content."""
    for statement in (*BLOBS, *SHELF):
        db.execute(statement)


def version_9(db: sqlite3.Connection) -> None:
    """Which server answers an open call; NULL where nobody can tell."""
    db.execute("ALTER TABLE calls ADD COLUMN place INTEGER")


def version_10(db: sqlite3.Connection) -> None:
    """Who speaks in a tree, and a place for a program's notes beside it."""
    db.execute("ALTER TABLE trees ADD COLUMN participants TEXT NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE trees ADD COLUMN scratchpad TEXT")


def version_11(db: sqlite3.Connection) -> None:
    """Nodes that were said to somebody, found at once where there are none."""
    db.execute("CREATE INDEX nodes_personality ON nodes (tree_id, id, personality) WHERE personality IS NOT NULL")


def version_12(db: sqlite3.Connection) -> None:
    """Paths that are not sent whole: summaries of their beginnings, and where they were cut."""
    db.execute(
        """
        CREATE TABLE summaries (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id),
            tree_id TEXT NOT NULL REFERENCES trees (id),
            node_id TEXT NOT NULL REFERENCES nodes (id),  -- the last message that it covers
            previous_id TEXT,                 -- what it goes on from, whatever became of that
            kind TEXT NOT NULL CHECK (kind IN ('asked', 'auto')),
            text TEXT NOT NULL,               -- a JSON string
            tokens INTEGER NOT NULL,
            model TEXT NOT NULL,
            created_at REAL NOT NULL,
            removed_at REAL                   -- set while it is not used
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX summaries_node ON summaries (node_id)")
    db.execute("CREATE INDEX summaries_tree ON summaries (user_id, tree_id)")
    db.execute(
        """
        CREATE TABLE cuts (
            node_id TEXT NOT NULL REFERENCES nodes (id),  -- the end of the path that was cut
            user_id TEXT NOT NULL REFERENCES users (id),
            tree_id TEXT NOT NULL REFERENCES trees (id),
            start_id TEXT NOT NULL,           -- the first node that was sent
            budget_tokens INTEGER NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (node_id, budget_tokens)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX cuts_tree ON cuts (user_id, tree_id)")


def version_13(db: sqlite3.Connection) -> None:
    """Images on trees and nodes, and images in messages that are switched off."""
    db.execute(
        """
        CREATE TABLE images (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id),
            tree_id TEXT NOT NULL REFERENCES trees (id),
            node_id TEXT NOT NULL,            -- '' hangs on no node
            hash TEXT,                        -- NULL is elsewhere
            url TEXT,
            media_type TEXT,
            active INTEGER NOT NULL,
            position INTEGER NOT NULL,
            created_at REAL NOT NULL,
            CHECK ((hash IS NULL) <> (url IS NULL)),
            FOREIGN KEY (user_id, hash) REFERENCES blobs (user_id, hash)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX images_place ON images (user_id, tree_id, node_id, position)")
    db.execute("CREATE INDEX images_blob ON images (user_id, hash) WHERE hash IS NOT NULL")
    db.execute(
        """
        CREATE TABLE images_off (
            user_id TEXT NOT NULL REFERENCES users (id),
            tree_id TEXT NOT NULL REFERENCES trees (id),
            node_id TEXT NOT NULL REFERENCES nodes (id),
            number INTEGER NOT NULL,          -- among the images of the node's message
            PRIMARY KEY (user_id, tree_id, node_id, number)
        ) STRICT, WITHOUT ROWID
        """
    )


def version_14(db: sqlite3.Connection) -> None:
    """Limits of keys, and what they have used of their days."""
    for name in ("requests_per_minute", "tokens_per_day", "at_once"):
        db.execute(f"ALTER TABLE keys ADD COLUMN {name} INTEGER CHECK ({name} > 0)")
    db.execute(
        """
        CREATE TABLE spending (
            day TEXT NOT NULL,                -- in UTC, such as 2026-11-22
            key_id TEXT NOT NULL,             -- `local` for a server without keys
            tokens INTEGER NOT NULL CHECK (tokens >= 0),
            PRIMARY KEY (day, key_id)
        ) STRICT, WITHOUT ROWID
        """
    )


def version_15(db: sqlite3.Connection) -> None:
    """What was sent with each call, in short."""
    db.execute(
        """
        CREATE TABLE sent (
            call_id TEXT PRIMARY KEY REFERENCES calls (id),
            user_id TEXT NOT NULL REFERENCES users (id),
            body BLOB NOT NULL                -- compressed; what is stored as a node is named, not repeated
        ) STRICT
        """
    )


def version_16(db: sqlite3.Connection) -> None:
    """What was placed at the head of one turn."""
    db.execute(turn_pieces.TABLE)


def version_17(db: sqlite3.Connection) -> None:
    """The vectors of what was said, which outlive the process that computed them."""
    db.execute(vectors.TABLE)


def version_18(db: sqlite3.Connection) -> None:
    """Which keys seal the values of this database, and with which of them a user's marks are made; see `sealing`."""
    db.execute("ALTER TABLE users ADD COLUMN marked_with TEXT NOT NULL DEFAULT 'plain'")
    db.execute(
        """
        CREATE TABLE storage_keys (
            id TEXT PRIMARY KEY,              -- `plain` where values may stand as they are
            proof TEXT NOT NULL,
            retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))  -- 1: values may have it still, none gets it
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("INSERT INTO storage_keys (id, proof) VALUES ('plain', '')")


def version_19(db: sqlite3.Connection) -> None:
    """What was deleted a moment ago, and users that are being deleted."""
    for statement in departures.TABLES:
        db.execute(statement)


def version_20(db: sqlite3.Connection) -> None:
    """Values of a closed set are compared one by one: of a list behind `IN`, SQLite makes a table each time a row is written.

    A constraint stands in its table's text alone, so no row changes. Where SQLite was built to keep anybody from that text, the list
    stays: it means the same.

    Source: SQLite, ALTER TABLE, "Making Other Kinds Of Table Schema Changes".
    """
    sets = {
        ("nodes", "state"): ("whole", "unanswered", "interrupted"),
        ("transcripts", "meaning"): ("node", "aside", "command", "deleted"),
        ("calls", "status"): ("open", "done", "interrupted", "failed"),
    }
    db.execute("PRAGMA writable_schema = ON")
    with suppress(sqlite3.OperationalError):
        for (table, column), values in sets.items():
            listed = ", ".join(f"'{value}'" for value in values)
            one_by_one = " OR ".join(f"{column} = '{value}'" for value in values)
            db.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
                (f"CHECK ({column} IN ({listed}))", f"CHECK ({one_by_one})", table),
            )
        (number,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute(f"PRAGMA schema_version = {number + 1}")
    db.execute("PRAGMA writable_schema = RESET")


def version_21(db: sqlite3.Connection) -> None:
    """Fewer entries in indexes: each is a page that a commit may have to write.

    Calls that are open, and those that are listed, are found by their status; what was said behind a message, where a user said it. On a
    database of a million nodes this takes some seconds.
    """
    for name in ("calls_open", "calls_listed", "transcripts_prev"):
        db.execute(f"DROP INDEX {name}")
    db.execute("CREATE INDEX calls_status ON calls (status, user_id)")
    db.execute("CREATE INDEX transcripts_prev ON transcripts (user_id, prev) WHERE role = 'user' AND meaning = 'node'")


MIGRATIONS: Final[list[Callable[[sqlite3.Connection], None]]] = [
    version_1,
    version_2,
    version_3,
    version_4,
    version_5,
    version_6,
    version_7,
    version_8,
    version_9,
    version_10,
    version_11,
    version_12,
    version_13,
    version_14,
    version_15,
    version_16,
    version_17,
    version_18,
    version_19,
    version_20,
    version_21,
]
"""Step n makes version n from version n-1. A step that has shipped is never changed."""

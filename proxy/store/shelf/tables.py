"""The tables of artefacts and memories, as one step of the migrations made them."""

from __future__ import annotations

from typing import Final

BLOBS: Final = (
    """
    CREATE TABLE blobs (                  -- bodies of artefacts and images: the same content is stored once for a user
        user_id TEXT NOT NULL REFERENCES users (id),
        hash TEXT NOT NULL,               -- keyed with the user's secret, of the media type and the bytes
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (user_id, hash)
    ) STRICT
    """,
)

SHELF: Final = (
    """
    CREATE TABLE artefacts (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        title TEXT NOT NULL,
        type TEXT NOT NULL,
        tags TEXT NOT NULL DEFAULT '[]',
        last INTEGER NOT NULL,            -- the highest number that a version ever had
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (user_id, tree_id, title)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE artefact_versions (
        artefact_id TEXT NOT NULL REFERENCES artefacts (id),
        version INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        note TEXT,
        reverts_to INTEGER,               -- that version may have been removed since
        at REAL NOT NULL,
        PRIMARY KEY (artefact_id, version),
        FOREIGN KEY (user_id, hash) REFERENCES blobs (user_id, hash)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX artefact_versions_blob ON artefact_versions (user_id, hash)",
    """
    CREATE TABLE memories (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        seq INTEGER NOT NULL,             -- numbers the user's memories as they came
        tree_id TEXT REFERENCES trees (id),    -- NULL belongs to all trees
        personality TEXT,
        title TEXT NOT NULL,
        problem TEXT NOT NULL,
        solution TEXT NOT NULL,
        facts TEXT NOT NULL,
        content TEXT NOT NULL,
        method TEXT NOT NULL CHECK (method IN ('model', 'extractive', 'hand')),
        model TEXT,
        redacted INTEGER NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX memories_user ON memories (user_id, seq)",
    "CREATE INDEX memories_tree ON memories (user_id, tree_id)",
    """
    CREATE TABLE memory_nodes (           -- what a memory was made from
        memory_id TEXT NOT NULL REFERENCES memories (id),
        position INTEGER NOT NULL,
        node_id TEXT NOT NULL REFERENCES nodes (id),
        PRIMARY KEY (memory_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX memory_nodes_node ON memory_nodes (node_id)",
    """
    CREATE TABLE loads (
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL,            -- '' holds for all trees
        node_id TEXT NOT NULL,            -- '' holds for the whole tree
        kind TEXT NOT NULL CHECK (kind IN ('artefact', 'memory')),
        ref TEXT NOT NULL,
        version INTEGER,                  -- NULL is the newest of each time
        at REAL NOT NULL,
        PRIMARY KEY (user_id, tree_id, node_id, kind, ref)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX loads_ref ON loads (ref)",
    "ALTER TABLE users ADD COLUMN memories_mark INTEGER NOT NULL DEFAULT 0",
)

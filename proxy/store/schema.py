"""The tables as version 1 made them; later changes are steps in `migrations.py`, never edits here.

What was said (nodes) stands apart from where it hangs (edges), from what the model did (calls), and from what each client saw
(transcripts). Ids are opaque text, hashes are hex text keyed with the user's secret, times are seconds since 1970 UTC, and
whatever has a shape of its own is JSON. Every look-up begins with the user.
"""

from __future__ import annotations

from typing import Final

VERSION_1: Final = (
    """
    CREATE TABLE users (
        id TEXT PRIMARY KEY,
        secret BLOB NOT NULL,
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        kind TEXT NOT NULL CHECK (kind IN ('person', 'app')),
        digest TEXT NOT NULL UNIQUE,      -- of the key; the key itself is nowhere
        prefix TEXT NOT NULL,             -- its first letters, to tell keys apart
        label TEXT,
        policy TEXT CHECK (policy IN ('auto', 'follow', 'off', 'shadow')),
        created_at REAL NOT NULL,
        revoked_at REAL,
        last_used_at REAL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE trees (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        name TEXT NOT NULL,
        title TEXT,
        system_prompt TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        max_context_tokens INTEGER,
        epoch INTEGER NOT NULL DEFAULT 0, -- counts moves and deletions: whoever read another epoch reads anew
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (user_id, name)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE systems (                -- one row for each system text of a user
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        hash TEXT NOT NULL,
        content TEXT NOT NULL,            -- a JSON string
        UNIQUE (user_id, hash)
    ) STRICT
    """,
    """
    CREATE TABLE nodes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        role TEXT NOT NULL,
        sender TEXT,
        content TEXT NOT NULL,            -- the whole message object, its keys in the order in which they came
        exact TEXT NOT NULL,
        folded TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('whole', 'unanswered', 'interrupted')),
        conversation TEXT,
        system_id INTEGER REFERENCES systems (id),
        call_id TEXT,
        tokens INTEGER,
        visible INTEGER,                  -- numbers a tree's nodes in the order in which the router may see them
        created_at REAL NOT NULL,
        metadata TEXT NOT NULL DEFAULT '{}',
        CHECK ((state = 'unanswered') = (visible IS NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX nodes_visible ON nodes (tree_id, visible) WHERE visible IS NOT NULL",
    "CREATE INDEX nodes_system ON nodes (system_id) WHERE system_id IS NOT NULL",
    """
    CREATE TABLE edges (
        node_id TEXT PRIMARY KEY REFERENCES nodes (id),
        tree_id TEXT NOT NULL,
        parent_id TEXT REFERENCES nodes (id),  -- NULL hangs from the root
        exact TEXT NOT NULL,              -- the node's own, so that identity is one look-up in one index
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX edges_children ON edges (parent_id, tree_id, exact)",
    """
    CREATE TABLE edge_log (
        id INTEGER PRIMARY KEY,
        node_id TEXT NOT NULL REFERENCES nodes (id),
        from_parent TEXT,                 -- either parent may have been deleted since
        to_parent TEXT,
        at REAL NOT NULL,
        why TEXT NOT NULL,
        who TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX edge_log_node ON edge_log (node_id)",
    """
    CREATE TABLE tombstones (             -- what was deleted, by its keyed hashes alone
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        exact TEXT NOT NULL,
        folded TEXT NOT NULL,
        deleted_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX tombstones_exact ON tombstones (user_id, exact)",
    """
    CREATE TABLE transcripts (            -- see domain/transcript.py: one row is one message as a client saw it
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        chain TEXT NOT NULL,
        prev TEXT NOT NULL,
        folded TEXT NOT NULL,
        before TEXT NOT NULL,             -- the folded hash of the row `prev`, so that two messages in a row are one look-up
        assistants TEXT,
        role TEXT NOT NULL,
        meaning TEXT NOT NULL CHECK (meaning IN ('node', 'aside', 'command', 'deleted')),
        node_id TEXT REFERENCES nodes (id),
        tree_id TEXT REFERENCES trees (id),
        conversation TEXT NOT NULL,
        at REAL NOT NULL,
        CHECK ((meaning = 'node') = (node_id IS NOT NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX transcripts_chain ON transcripts (user_id, chain, coalesce(node_id, meaning))",
    "CREATE INDEX transcripts_assistants ON transcripts (user_id, assistants) WHERE assistants IS NOT NULL",
    "CREATE INDEX transcripts_tail ON transcripts (user_id, folded, before)",
    "CREATE INDEX transcripts_prev ON transcripts (user_id, prev)",
    "CREATE INDEX transcripts_node ON transcripts (node_id) WHERE node_id IS NOT NULL",
    """
    CREATE TABLE calls (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        turn_id TEXT REFERENCES nodes (id),    -- NULL when the turn was deleted: the bill stays
        reply_id TEXT,
        status TEXT NOT NULL CHECK (status IN ('open', 'done', 'interrupted', 'failed')),
        model TEXT NOT NULL,
        policy TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        idempotency_key TEXT,
        kept TEXT NOT NULL DEFAULT '[]',  -- messages that were sent although no node holds them
        compacted_from TEXT,
        partial TEXT,                     -- the reply so far, as nodes; only while the call is open
        finish_reason TEXT,
        usage TEXT,
        envelope TEXT NOT NULL DEFAULT '{}',
        receipt TEXT NOT NULL DEFAULT '{}',
        error TEXT,
        started_at REAL NOT NULL,
        duration_ms REAL
    ) STRICT
    """,
    "CREATE INDEX calls_request ON calls (user_id, request_hash)",
    "CREATE INDEX calls_idempotency ON calls (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX calls_turn ON calls (turn_id) WHERE turn_id IS NOT NULL",
    "CREATE INDEX calls_open ON calls (status) WHERE status = 'open'",
    """
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        node_id TEXT NOT NULL REFERENCES nodes (id),  -- the first message of the turn that was placed
        call_id TEXT NOT NULL REFERENCES calls (id),
        shadow INTEGER NOT NULL DEFAULT 0,     -- 1: what the router would have done
        parent_id TEXT,                   -- as decided then; it may have been deleted since
        route TEXT NOT NULL,
        reason TEXT NOT NULL,
        confidence REAL NOT NULL,
        scorer TEXT NOT NULL,
        calls INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        spent_ms REAL NOT NULL,
        degraded INTEGER NOT NULL,
        unsure INTEGER NOT NULL,
        candidates TEXT NOT NULL,
        at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX decisions_node ON decisions (node_id)",
    "CREATE INDEX decisions_call ON decisions (call_id)",
    """
    CREATE TABLE corrections (            -- labelled examples: where a turn belonged in the eyes of its user
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        node_id TEXT NOT NULL REFERENCES nodes (id),
        decision_id INTEGER REFERENCES decisions (id),
        from_parent TEXT,
        to_parent TEXT,
        at REAL NOT NULL,
        source TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX corrections_node ON corrections (node_id)",
    "CREATE INDEX corrections_decision ON corrections (decision_id)",
    "CREATE INDEX corrections_user ON corrections (user_id)",
    """
    CREATE TABLE zones (
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL DEFAULT '', -- '' holds for all trees
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        updated_at REAL NOT NULL,
        PRIMARY KEY (user_id, tree_id, name)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE active (
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        key_id TEXT NOT NULL,
        hint TEXT NOT NULL DEFAULT '',
        node_id TEXT NOT NULL,            -- changes with every turn, so no index follows it
        at REAL NOT NULL,
        PRIMARY KEY (user_id, tree_id, key_id, hint)
    ) STRICT, WITHOUT ROWID
    """,
)

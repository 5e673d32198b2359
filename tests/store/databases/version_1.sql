-- A database as the first version of the schema kept it.
PRAGMA foreign_keys=OFF;
CREATE TABLE users (
        id TEXT PRIMARY KEY,
        secret BLOB NOT NULL,
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
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
    ) STRICT, WITHOUT ROWID;
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
    ) STRICT, WITHOUT ROWID;
CREATE TABLE systems (                -- one row for each system text of a user
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        hash TEXT NOT NULL,
        content TEXT NOT NULL,            -- a JSON string
        UNIQUE (user_id, hash)
    ) STRICT;
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
    ) STRICT;
CREATE UNIQUE INDEX nodes_visible ON nodes (tree_id, visible) WHERE visible IS NOT NULL;
CREATE INDEX nodes_system ON nodes (system_id) WHERE system_id IS NOT NULL;
CREATE TABLE edges (
        node_id TEXT PRIMARY KEY REFERENCES nodes (id),
        tree_id TEXT NOT NULL,
        parent_id TEXT REFERENCES nodes (id),  -- NULL hangs from the root
        exact TEXT NOT NULL,              -- the node's own, so that identity is one look-up in one index
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
CREATE INDEX edges_children ON edges (parent_id, tree_id, exact);
CREATE TABLE edge_log (
        id INTEGER PRIMARY KEY,
        node_id TEXT NOT NULL REFERENCES nodes (id),
        from_parent TEXT,                 -- either parent may have been deleted since
        to_parent TEXT,
        at REAL NOT NULL,
        why TEXT NOT NULL,
        who TEXT NOT NULL
    ) STRICT;
CREATE INDEX edge_log_node ON edge_log (node_id);
CREATE TABLE tombstones (             -- what was deleted, by its keyed hashes alone
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        exact TEXT NOT NULL,
        folded TEXT NOT NULL,
        deleted_at REAL NOT NULL
    ) STRICT;
CREATE INDEX tombstones_exact ON tombstones (user_id, exact);
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
    ) STRICT;
CREATE UNIQUE INDEX transcripts_chain ON transcripts (user_id, chain, coalesce(node_id, meaning));
CREATE INDEX transcripts_assistants ON transcripts (user_id, assistants) WHERE assistants IS NOT NULL;
CREATE INDEX transcripts_tail ON transcripts (user_id, folded, before);
CREATE INDEX transcripts_prev ON transcripts (user_id, prev);
CREATE INDEX transcripts_node ON transcripts (node_id) WHERE node_id IS NOT NULL;
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
    ) STRICT;
CREATE INDEX calls_request ON calls (user_id, request_hash);
CREATE INDEX calls_idempotency ON calls (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX calls_turn ON calls (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX calls_open ON calls (status) WHERE status = 'open';
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
    ) STRICT;
CREATE INDEX decisions_node ON decisions (node_id);
CREATE INDEX decisions_call ON decisions (call_id);
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
    ) STRICT;
CREATE INDEX corrections_node ON corrections (node_id);
CREATE INDEX corrections_decision ON corrections (decision_id);
CREATE INDEX corrections_user ON corrections (user_id);
CREATE TABLE zones (
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL DEFAULT '', -- '' holds for all trees
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        updated_at REAL NOT NULL,
        PRIMARY KEY (user_id, tree_id, name)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE active (
        user_id TEXT NOT NULL REFERENCES users (id),
        tree_id TEXT NOT NULL REFERENCES trees (id),
        key_id TEXT NOT NULL,
        hint TEXT NOT NULL DEFAULT '',
        node_id TEXT NOT NULL,            -- changes with every turn, so no index follows it
        at REAL NOT NULL,
        PRIMARY KEY (user_id, tree_id, key_id, hint)
    ) STRICT, WITHOUT ROWID;
INSERT INTO users (id, secret, created_at) VALUES ('ada', X'E80B085DBF37818BCD60729B9ED14D381FE0614664F0623CB54B63B820D1F83A', 1.79532186198649764061e+09);
INSERT INTO keys (id, user_id, kind, digest, prefix, label, policy, created_at, revoked_at, last_used_at) VALUES ('k_u6mzGcLa0azHo8lYaY1N3d', 'ada', 'person', 'd1g3st', 'sk-graft-1234', 'laptop', NULL, 1.7953218620007503032e+09, NULL, NULL);
INSERT INTO trees (id, user_id, name, title, system_prompt, metadata, max_context_tokens, epoch, created_at, updated_at) VALUES ('t_GcuolddBkDGPVTA8GWrBIM', 'ada', 'main', NULL, NULL, '{}', NULL, 2, 1.79532186198710918428e+09, 1.79532186199931859975e+09);
INSERT INTO systems (id, user_id, hash, content) VALUES (1, 'ada', 'd93886070b6a5602372fb9bed7f2fabb', '"You know canals."');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (1, 'n_R20SEbR6y1k8EOtCgjBd38', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'user', NULL, '{"role":"user","content":"How deep is the lock?"}', '5a76d2fee9d58a6b4b7d7ea4f2cfb059', '57513aadb270089af8da7771fac0fb65', 'whole', 'chat', 1, NULL, NULL, 1, 1.7953218619875304699e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (2, 'n_vFcblsJj9TYdlEFsR3UB1s', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'assistant', NULL, '{"role":"assistant","content":"Five metres."}', '45ee18f89a28fdfdd796f778625a7d97', '5c9aaa1638847ea0908c2553bbcd493f', 'whole', 'chat', NULL, 'call_7lMsVmN9Kl0gl0jTv25uIs', NULL, 2, 1.79532186198914575571e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (3, 'n_O9ucIUF7K5sKy7DxPwwEwj', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'user', NULL, '{"role":"user","content":"And at noon?"}', '8643a93a915aba511a12a1883e84ddc7', '968a5b56b590ad1db38420a83f004696', 'whole', 'chat', NULL, NULL, NULL, 7, 1.79532186199061441424e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (4, 'n_c4D6M6luHYTNPYqgmZZaAA', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'assistant', NULL, '{"role":"assistant","content":"Six."}', '0a8bd3ba11ffa3484305151a4380925b', '34244d0ddf8d32319282cd1986bd844e', 'whole', 'chat', NULL, 'call_WbjVZXP8XMvOpwAVqPOiJM', NULL, 8, 1.7953218619915611744e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (5, 'n_6cicOdervAM6bdYuTM29hV', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'user', NULL, '{"role":"user","content":"How long does bread bake?"}', '325b3a5b34efb7b5df67290b27f2d541', 'c6291806830a5588d29ae3439c2bed63', 'whole', 'bread', NULL, NULL, NULL, 5, 1.79532186199251723285e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (6, 'n_eODyxQVMVyz403K7PU9ZAb', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'assistant', NULL, '{"role":"assistant","content":"Forty minutes."}', 'bfada9c42a3f4352940a1d850d306413', 'd2a91051a48f89bd2cb8e2218cdd78e3', 'whole', 'bread', NULL, 'call_7ttHBbkX831GMpND1mVWoG', NULL, 6, 1.79532186199318909646e+09, '{}');
INSERT INTO nodes (seq, id, user_id, tree_id, role, sender, content, exact, folded, state, conversation, system_id, call_id, tokens, visible, created_at, metadata) VALUES (9, 'n_pjQD27in0GgOwzU5JKbHFy', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'user', NULL, '{"role":"user","content":"Are you there?"}', '2e24c0f7bd2e98c382e65992c6c1dfb0', '075ca7836ef9ebffaa4cb2ab512e3e68', 'unanswered', 'chat', NULL, NULL, NULL, NULL, 1.7953218619996495247e+09, '{}');
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_6cicOdervAM6bdYuTM29hV', 't_GcuolddBkDGPVTA8GWrBIM', NULL, '325b3a5b34efb7b5df67290b27f2d541', 1.79532186199251723285e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_O9ucIUF7K5sKy7DxPwwEwj', 't_GcuolddBkDGPVTA8GWrBIM', 'n_eODyxQVMVyz403K7PU9ZAb', '8643a93a915aba511a12a1883e84ddc7', 1.79532186199470734596e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_R20SEbR6y1k8EOtCgjBd38', 't_GcuolddBkDGPVTA8GWrBIM', NULL, '5a76d2fee9d58a6b4b7d7ea4f2cfb059', 1.7953218619875304699e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_c4D6M6luHYTNPYqgmZZaAA', 't_GcuolddBkDGPVTA8GWrBIM', 'n_O9ucIUF7K5sKy7DxPwwEwj', '0a8bd3ba11ffa3484305151a4380925b', 1.7953218619915611744e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_eODyxQVMVyz403K7PU9ZAb', 't_GcuolddBkDGPVTA8GWrBIM', 'n_6cicOdervAM6bdYuTM29hV', 'bfada9c42a3f4352940a1d850d306413', 1.79532186199318909646e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_pjQD27in0GgOwzU5JKbHFy', 't_GcuolddBkDGPVTA8GWrBIM', 'n_c4D6M6luHYTNPYqgmZZaAA', '2e24c0f7bd2e98c382e65992c6c1dfb0', 1.7953218619996495247e+09);
INSERT INTO edges (node_id, tree_id, parent_id, exact, created_at) VALUES ('n_vFcblsJj9TYdlEFsR3UB1s', 't_GcuolddBkDGPVTA8GWrBIM', 'n_R20SEbR6y1k8EOtCgjBd38', '45ee18f89a28fdfdd796f778625a7d97', 1.79532186198914575571e+09);
INSERT INTO edge_log (id, node_id, from_parent, to_parent, at, why, who) VALUES (1, 'n_O9ucIUF7K5sKy7DxPwwEwj', 'n_vFcblsJj9TYdlEFsR3UB1s', 'n_eODyxQVMVyz403K7PU9ZAb', 1.79532186199470734596e+09, 'move', 'user');
INSERT INTO tombstones (id, user_id, tree_id, exact, folded, deleted_at) VALUES (1, 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'd06e29d01539a298f7677951380fd65f', '1efb9fe47751ab7a4c8f63632cb29a6a', 1.7953218619977953434e+09);
INSERT INTO tombstones (id, user_id, tree_id, exact, folded, deleted_at) VALUES (2, 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'e2b7fc838edfecaf7a4426d6eb14b880', '5034bdde81f7930aa7f5b3eb2307e4ae', 1.7953218619977953434e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (1, 'ada', 'e34be1c9ebaffa0f24bf2bab77925f74', '', '57513aadb270089af8da7771fac0fb65', '', NULL, 'user', 'node', 'n_R20SEbR6y1k8EOtCgjBd38', 't_GcuolddBkDGPVTA8GWrBIM', 'chat', 1.79532186198854541779e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (2, 'ada', 'df2e5374f7946320b74ed5a09d767eb7', 'e34be1c9ebaffa0f24bf2bab77925f74', '5c9aaa1638847ea0908c2553bbcd493f', '57513aadb270089af8da7771fac0fb65', '1a39c49f75489008e6a72692c205b30a', 'assistant', 'node', 'n_vFcblsJj9TYdlEFsR3UB1s', 't_GcuolddBkDGPVTA8GWrBIM', 'chat', 1.79532186198991918564e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (3, 'ada', '00a1541e26056ca357a0a4c6c6d6f1fd', 'df2e5374f7946320b74ed5a09d767eb7', '968a5b56b590ad1db38420a83f004696', '5c9aaa1638847ea0908c2553bbcd493f', NULL, 'user', 'node', 'n_O9ucIUF7K5sKy7DxPwwEwj', 't_GcuolddBkDGPVTA8GWrBIM', 'chat', 1.79532186199122285839e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (4, 'ada', '73218445f811a0fbe88e15b5fdd526a0', '00a1541e26056ca357a0a4c6c6d6f1fd', '34244d0ddf8d32319282cd1986bd844e', '968a5b56b590ad1db38420a83f004696', '18a04135d1d14cdbf83af26e92bcd8a4', 'assistant', 'node', 'n_c4D6M6luHYTNPYqgmZZaAA', 't_GcuolddBkDGPVTA8GWrBIM', 'chat', 1.79532186199208784096e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (5, 'ada', '19622ee80c01b3ee216dc536742d12bb', '', 'c6291806830a5588d29ae3439c2bed63', '', NULL, 'user', 'node', 'n_6cicOdervAM6bdYuTM29hV', 't_GcuolddBkDGPVTA8GWrBIM', 'bread', 1.79532186199289464948e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (6, 'ada', '259a7287cafeb2fb2d5d1bfdc14c53fc', '19622ee80c01b3ee216dc536742d12bb', 'd2a91051a48f89bd2cb8e2218cdd78e3', 'c6291806830a5588d29ae3439c2bed63', 'c9cc5bc60edf978f73d3d4bbad2bc163', 'assistant', 'node', 'n_eODyxQVMVyz403K7PU9ZAb', 't_GcuolddBkDGPVTA8GWrBIM', 'bread', 1.79532186199355721476e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (7, 'ada', 'a454519b8e1626acfb32bb5f8ad62cc3', '', '5034bdde81f7930aa7f5b3eb2307e4ae', '', NULL, 'user', 'deleted', NULL, 't_GcuolddBkDGPVTA8GWrBIM', 'gone', 1.79532186199619364736e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (8, 'ada', 'be1353b5b6722e507940a9744b2457dd', 'a454519b8e1626acfb32bb5f8ad62cc3', '1efb9fe47751ab7a4c8f63632cb29a6a', '5034bdde81f7930aa7f5b3eb2307e4ae', '5c350e288530ea4af243b1bb3a94a6d6', 'assistant', 'deleted', NULL, 't_GcuolddBkDGPVTA8GWrBIM', 'gone', 1.79532186199717426304e+09);
INSERT INTO transcripts (id, user_id, chain, prev, folded, before, assistants, role, meaning, node_id, tree_id, conversation, at) VALUES (9, 'ada', '0f652e5eca41722d33c6898b468c53af', '73218445f811a0fbe88e15b5fdd526a0', '075ca7836ef9ebffaa4cb2ab512e3e68', '34244d0ddf8d32319282cd1986bd844e', NULL, 'user', 'node', 'n_pjQD27in0GgOwzU5JKbHFy', 't_GcuolddBkDGPVTA8GWrBIM', 'chat', 1.79532186200027632713e+09);
INSERT INTO calls (id, user_id, tree_id, turn_id, reply_id, status, model, policy, request_hash, idempotency_key, kept, compacted_from, partial, finish_reason, usage, envelope, receipt, error, started_at, duration_ms) VALUES ('call_7lMsVmN9Kl0gl0jTv25uIs', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'n_R20SEbR6y1k8EOtCgjBd38', 'n_vFcblsJj9TYdlEFsR3UB1s', 'done', 'm', 'auto', 'e34be1c9ebaffa0f24bf2bab77925f74', NULL, '[]', NULL, NULL, 'stop', '{"total_tokens":3}', '{"id":"chatcmpl-1"}', '{"route":"continue"}', NULL, 1795321861.98868, 0.0);
INSERT INTO calls (id, user_id, tree_id, turn_id, reply_id, status, model, policy, request_hash, idempotency_key, kept, compacted_from, partial, finish_reason, usage, envelope, receipt, error, started_at, duration_ms) VALUES ('call_WbjVZXP8XMvOpwAVqPOiJM', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'n_O9ucIUF7K5sKy7DxPwwEwj', 'n_c4D6M6luHYTNPYqgmZZaAA', 'done', 'm', 'auto', '00a1541e26056ca357a0a4c6c6d6f1fd', NULL, '[]', NULL, NULL, 'stop', '{"total_tokens":3}', '{"id":"chatcmpl-1"}', '{"route":"continue"}', NULL, 1.79532186199127054217e+09, 0.0);
INSERT INTO calls (id, user_id, tree_id, turn_id, reply_id, status, model, policy, request_hash, idempotency_key, kept, compacted_from, partial, finish_reason, usage, envelope, receipt, error, started_at, duration_ms) VALUES ('call_7ttHBbkX831GMpND1mVWoG', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'n_6cicOdervAM6bdYuTM29hV', 'n_eODyxQVMVyz403K7PU9ZAb', 'done', 'm', 'auto', '19622ee80c01b3ee216dc536742d12bb', NULL, '[]', NULL, NULL, 'stop', '{"total_tokens":3}', '{"id":"chatcmpl-1"}', '{"route":"continue"}', NULL, 1.79532186199292802808e+09, 0.0);
INSERT INTO calls (id, user_id, tree_id, turn_id, reply_id, status, model, policy, request_hash, idempotency_key, kept, compacted_from, partial, finish_reason, usage, envelope, receipt, error, started_at, duration_ms) VALUES ('call_jXhTvwcUPcwsAVwyjCuxcQ', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', NULL, NULL, 'done', 'm', 'auto', '', NULL, '[]', NULL, NULL, 'stop', '{"total_tokens":3}', '{}', '{}', NULL, 1.79532186199623060231e+09, 0.0);
INSERT INTO calls (id, user_id, tree_id, turn_id, reply_id, status, model, policy, request_hash, idempotency_key, kept, compacted_from, partial, finish_reason, usage, envelope, receipt, error, started_at, duration_ms) VALUES ('call_rmB4CnQWahzJ1KQV22KaUx', 'ada', 't_GcuolddBkDGPVTA8GWrBIM', 'n_pjQD27in0GgOwzU5JKbHFy', NULL, 'open', 'm', 'auto', '0f652e5eca41722d33c6898b468c53af', NULL, '[]', NULL, NULL, NULL, NULL, '{}', '{}', NULL, 1.79532186200033116348e+09, NULL);
INSERT INTO zones (user_id, tree_id, name, text, updated_at) VALUES ('ada', '', 'user', 'I travel by boat.', 1.79532186199400019648e+09);
PRAGMA application_id = 1735550580;
PRAGMA user_version = 1;

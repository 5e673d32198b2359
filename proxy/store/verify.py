"""Whether everything that is stored keeps its promises; `graft verify` prints what this module finds.

Rules that one statement can check are statements that select the rows which break them. Hashes are derived again from what was
said, page by page, so a large database is never held in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from proxy.domain import fingerprint
from proxy.domain.message import Message
from proxy.errors import StoreError
from proxy.store import hanging, vectors
from proxy.store.records import Violation
from proxy.store.rows import from_json
from proxy.store.sealing import checking
from proxy.store.sealing.checking import Check
from proxy.store.sealing.values import opened, opened_bytes
from proxy.store.shelf import rules
from proxy.store.troubles import is_passing
from proxy.store.turns.planting import system_hash

PAGE: Final = 1_000

RULES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "calls",
        "is listed as a completion only while it is done and has a reply",
        "SELECT id FROM calls WHERE completion_id IS NOT NULL AND (status <> 'done' OR reply_id IS NULL)",
    ),
    (
        "nodes",
        "hangs somewhere",
        "SELECT id FROM nodes n WHERE NOT EXISTS (SELECT 1 FROM edges e WHERE e.node_id = n.id)",
    ),
    (
        "edges",
        "belongs to a node",
        "SELECT node_id FROM edges e WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = e.node_id)",
    ),
    (
        "edges",
        "stands in its node's tree, under its node's hash",
        "SELECT n.id FROM edges e JOIN nodes n ON n.id = e.node_id WHERE e.tree_id <> n.tree_id OR e.exact <> n.exact",
    ),
    (
        "edges",
        "has a parent in the same tree of the same user",
        """
        SELECT e.node_id FROM edges e JOIN nodes n ON n.id = e.node_id LEFT JOIN nodes p ON p.id = e.parent_id
        WHERE e.parent_id IS NOT NULL AND (p.id IS NULL OR p.tree_id <> n.tree_id OR p.user_id <> n.user_id)
        """,
    ),
    (
        "edges",
        "leads to the root",
        """
        WITH RECURSIVE reached (id) AS (
            SELECT node_id FROM edges WHERE parent_id IS NULL
            UNION ALL SELECT e.node_id FROM reached JOIN edges e ON e.parent_id = reached.id
        )
        SELECT node_id FROM edges WHERE node_id NOT IN (SELECT id FROM reached)
        """,
    ),
    (
        "nodes",
        "stands in a tree of its user",
        "SELECT n.id FROM nodes n LEFT JOIN trees t ON t.id = n.tree_id WHERE t.user_id IS NOT n.user_id",
    ),
    (
        "nodes",
        "has a known state, and a visible number unless it is unanswered",
        """
        SELECT id FROM nodes WHERE state NOT IN ('whole', 'unanswered', 'interrupted')
            OR (state = 'unanswered') <> (visible IS NULL)
        """,
    ),
    (
        "nodes",
        "has a visible number of its own",
        """
        SELECT id FROM nodes WHERE (tree_id, visible) IN (
            SELECT tree_id, visible FROM nodes WHERE visible IS NOT NULL GROUP BY tree_id, visible HAVING count(*) > 1)
        """,
    ),
    (
        "nodes",
        "becomes visible after what it answers",
        """
        SELECT n.id FROM nodes n JOIN edges e ON e.node_id = n.id JOIN nodes p ON p.id = e.parent_id
        WHERE n.visible IS NOT NULL AND (p.visible IS NULL OR p.visible >= n.visible)
        """,
    ),
    (
        "nodes",
        "was said under a system text of its user",
        """
        SELECT n.id FROM nodes n LEFT JOIN systems s ON s.id = n.system_id
        WHERE n.system_id IS NOT NULL AND s.user_id IS NOT n.user_id
        """,
    ),
    (
        "nodes",
        "names a call of its user",
        """
        SELECT n.id FROM nodes n LEFT JOIN calls c ON c.id = n.call_id
        WHERE n.call_id IS NOT NULL AND c.user_id IS NOT n.user_id
        """,
    ),
    (
        "calls",
        "answers a turn of its tree",
        """
        SELECT c.id FROM calls c LEFT JOIN nodes n ON n.id = c.turn_id
        WHERE c.turn_id IS NOT NULL AND (n.id IS NULL OR n.tree_id <> c.tree_id OR n.user_id <> c.user_id)
        """,
    ),
    (
        "calls",
        "brought a reply to its turn",
        """
        SELECT c.id FROM calls c LEFT JOIN nodes n ON n.id = c.reply_id LEFT JOIN edges e ON e.node_id = n.id
        WHERE c.reply_id IS NOT NULL
          AND (n.call_id IS NOT c.id OR n.user_id <> c.user_id
               OR (e.parent_id IS NOT c.turn_id AND NOT EXISTS (SELECT 1 FROM edge_log l WHERE l.node_id = n.id)))
        """,
    ),
    (
        "calls",
        "keeps a partial reply only while it is open",
        "SELECT id FROM calls WHERE partial IS NOT NULL AND status <> 'open'",
    ),
    (
        "transcripts",
        "names a stored node of its tree, or none",
        """
        SELECT t.id FROM transcripts t LEFT JOIN nodes n ON n.id = t.node_id
        WHERE (t.meaning = 'node') <> (t.node_id IS NOT NULL)
           OR (t.node_id IS NOT NULL AND (n.user_id IS NOT t.user_id OR n.tree_id IS NOT t.tree_id))
        """,
    ),
    (
        "transcripts",
        "follows a known row",  # Helper requests are remembered alone, without the chat that they tell about.
        """
        SELECT t.id FROM transcripts t
        WHERE t.prev <> '' AND t.meaning <> 'aside'
          AND NOT EXISTS (SELECT 1 FROM transcripts p WHERE p.user_id = t.user_id AND p.chain = t.prev)
        """,
    ),
    (
        "transcripts",
        "knows the message before it",
        """
        SELECT t.id FROM transcripts t JOIN transcripts p ON p.user_id = t.user_id AND p.chain = t.prev
        WHERE t.before <> p.folded AND t.before <> ''
        """,
    ),
    (
        "transcripts",
        "has a chain of assistants exactly when an assistant spoke",
        "SELECT id FROM transcripts WHERE (role = 'assistant') <> (assistants IS NOT NULL)",
    ),
    (
        "active",
        "points at a node of its tree",
        """
        SELECT a.node_id FROM active a LEFT JOIN nodes n ON n.id = a.node_id
        WHERE n.tree_id IS NOT a.tree_id OR n.user_id IS NOT a.user_id
        """,
    ),
    (
        "decisions",
        "is about a node and a call of its user",
        """
        SELECT d.id FROM decisions d LEFT JOIN nodes n ON n.id = d.node_id LEFT JOIN calls c ON c.id = d.call_id
        WHERE n.tree_id IS NOT d.tree_id OR n.user_id IS NOT d.user_id OR c.user_id IS NOT d.user_id
        """,
    ),
    (
        "corrections",
        "is about a node of its user",
        """
        SELECT k.id FROM corrections k LEFT JOIN nodes n ON n.id = k.node_id
        WHERE n.tree_id IS NOT k.tree_id OR n.user_id IS NOT k.user_id
        """,
    ),
    (
        "client_messages",
        "names a node of its user, or one that never came",
        """
        SELECT c.message_id FROM client_messages c JOIN nodes n ON n.id = c.node_id WHERE n.user_id <> c.user_id
        """,
    ),
    (
        "waypoints",
        "leads to a node of its tree and user, or to the root",
        """
        SELECT w.chain FROM waypoints w JOIN trees t ON t.id = w.tree_id LEFT JOIN nodes n ON n.id = w.node_id
        WHERE t.user_id <> w.user_id
           OR (w.node_id IS NOT NULL AND (n.user_id IS NOT w.user_id OR n.tree_id IS NOT w.tree_id))
        """,
    ),
    (
        "sent",
        "belongs to a call of its user about a turn that is there",
        """
        SELECT s.call_id FROM sent s LEFT JOIN calls c ON c.id = s.call_id WHERE c.user_id IS NOT s.user_id OR c.turn_id IS NULL
        """,
    ),
    (
        "summaries",
        "covers the path to a node of its tree and user",
        """
        SELECT s.id FROM summaries s LEFT JOIN nodes n ON n.id = s.node_id
        WHERE n.user_id IS NOT s.user_id OR n.tree_id IS NOT s.tree_id
        """,
    ),
    (
        "cuts",
        "ends in a node of its tree and user",
        """
        SELECT c.node_id FROM cuts c LEFT JOIN nodes n ON n.id = c.node_id
        WHERE n.user_id IS NOT c.user_id OR n.tree_id IS NOT c.tree_id
        """,
    ),
    (
        "search",
        "holds the words of a stored node",
        "SELECT d.id FROM search_docsize d WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.seq = d.id)",
    ),
    (
        "searched",
        "names a tree that is there",
        """
        SELECT s.tree_id FROM searched s LEFT JOIN trees t ON t.id = s.tree_id AND t.deleted_at IS NULL WHERE t.id IS NULL
        """,
    ),
    *hanging.RULES,
    *rules.RULES,
    *vectors.RULES,
)
"""Table, what holds for each of its rows, and the rows for which it does not."""

NODES: Final = """
    SELECT n.seq, n.id, n.role, n.content, n.exact, n.folded, u.id, u.secret
    FROM nodes n JOIN users u ON u.id = n.user_id WHERE n.seq > ? ORDER BY n.seq LIMIT ?
"""
SYSTEMS: Final = """
    SELECT s.id, s.content, s.hash, u.id, u.secret
    FROM systems s JOIN users u ON u.id = s.user_id WHERE s.id > ? ORDER BY s.id LIMIT ?
"""


def broken_file(db: sqlite3.Connection) -> list[Violation]:
    """What SQLite finds itself: torn pages, indexes that disagree with their tables, references to nothing."""
    found: list[Violation] = []
    try:
        found += [Violation("database", "-", said) for (said,) in db.execute("PRAGMA integrity_check") if said != "ok"]
        for table, rowid, parent, _ in db.execute("PRAGMA foreign_key_check"):
            found.append(Violation(table, str(rowid), f"refers to a row of {parent} that does not exist"))
    except sqlite3.DatabaseError as exc:
        if is_passing(exc):
            raise
        found.append(Violation("database", "-", str(exc)))
    return found


def broken_rules(
    db: sqlite3.Connection,
    after: int,  # noqa: ARG001 - all of them are one page
    rule: tuple[str, str, str],
) -> tuple[list[Violation], int | None]:
    """The rows that break one rule."""
    table, says, sql = rule
    return [Violation(table, str(row), says) for (row,) in db.execute(sql)], None


def broken_nodes(db: sqlite3.Connection, after: int) -> tuple[list[Violation], int | None]:
    """Nodes of one page whose hashes are not those of what was said, and where the next page begins."""
    rows = db.execute(NODES, (after, PAGE)).fetchall()
    found = [Violation("nodes", row[1], rule) for row in rows for rule in _wrong_in_node(db, *row[1:])]
    return found, rows[-1][0] if len(rows) == PAGE else None


def broken_systems(db: sqlite3.Connection, after: int) -> tuple[list[Violation], int | None]:
    """System texts of one page whose hashes are not theirs, and where the next page begins."""
    rows = db.execute(SYSTEMS, (after, PAGE)).fetchall()
    found = [
        Violation("systems", str(row[0]), "stands under the hash of its text")
        for row in rows
        if _is_wrong_system(db, *row[1:])
    ]
    return found, rows[-1][0] if len(rows) == PAGE else None


def _is_wrong_system(db: sqlite3.Connection, content: str, mark: str, user_id: str, secret: bytes) -> bool:
    try:
        text = from_json(opened(db, "systems.content", content, mark))
        return system_hash(text, opened_bytes(db, "users.secret", secret, user_id)) != mark
    except (StoreError, ValueError):
        return False  # `sealing.checking` names it


def _wrong_in_node(
    db: sqlite3.Connection, id_: str, role: str, content: str, exact: str, folded: str, user_id: str, stored: bytes
) -> Iterator[str]:
    try:
        secret = opened_bytes(db, "users.secret", stored, user_id)
        message = Message(from_json(opened(db, "nodes.content", content, id_)))
    except StoreError:
        return  # `sealing.checking` names it
    except (ValueError, TypeError):
        yield "holds a message"
        return
    try:
        right_role, right_exact, right_folded = (
            message.role,
            fingerprint.exact(message, secret),
            fingerprint.folded(message, secret),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        yield "holds a message"
        return
    if role != right_role:
        yield "has the role of its message"
    if exact != right_exact:
        yield "stands under the exact hash of its message"
    if folded != right_folded:
        yield "stands under the folded hash of its message"


CHECKS: Final[tuple[Check, ...]] = (
    *(partial(broken_rules, rule=rule) for rule in RULES),
    broken_nodes,
    broken_systems,
    hanging.broken_images_off,
    *checking.CHECKS,
)


def one_page(check: Check, after: Any, db: sqlite3.Connection) -> tuple[list[Violation], Any]:
    """A page of a check, for whoever has a connection."""
    return check(db, after)

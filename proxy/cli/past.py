"""What `graft eval --user` reads from the database: a user's past turns, and what `auto` would have done in the shadow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from proxy.cli.common import tree_named, with_store
from proxy.domain.drawing import shorten, visible
from proxy.domain.tree import NodeId, Tree, TreeId, UserId
from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from proxy.domain.placement import FeedNode
    from proxy.routing.bench.cases import Case
    from proxy.store.browse.reports import Shadow
    from proxy.store.sqlite import SqliteStore

PAGE = 500
DIFFERING = 10
"""Disagreements that are shown, the newest first."""


def past_turns(config_file: str | None, user_id: UserId, tree: str, limit: int | None) -> list[Case]:
    """The turns of a tree as labelled cases, oldest first; at most the newest `limit`.

    Raises NotFound for a tree that is not there, InvalidRequest where it holds no turn that had to be placed.
    """

    async def work(store: SqliteStore) -> list[Case]:
        return await read_past(store, user_id, await tree_named(store, user_id, tree))

    found = with_store(config_file, work)
    if not found:
        raise InvalidRequest(
            f"The tree {tree!r} of {user_id!r} holds nothing to judge by: it takes a second turn, which somebody had to place."
        )
    return found[-limit:] if limit else found


async def read_past(store: SqliteStore, user_id: UserId, tree: Tree) -> list[Case]:
    """A tree's turns as cases."""
    from proxy.routing.bench.past import turns

    nodes: Sequence[FeedNode] = (await store.slice(user_id, tree.id, None)).nodes
    cursors: dict[NodeId, NodeId | None] = {}
    said = [node for node in nodes if node.role == "user"]
    for node in track(said, "Reading", transient=True, console=Console(stderr=True)):
        followed, cursor = await store.before(user_id, node.id)
        if followed:
            cursors[node.id] = cursor
    corrected = {one.node_id for one in await store.corrections(user_id) if one.tree_id == tree.id}
    return turns(nodes, cursors, corrected)


def show_shadow(config_file: str | None, user_id: UserId, tree: str, limit: int | None) -> None:
    """Print what `auto` would have done with the turns that followed their client under `shadow`.

    Raises NotFound for a tree that is not there, InvalidRequest where no turn was placed in the shadow.
    """

    async def work(store: SqliteStore) -> tuple[list[Shadow], dict[NodeId, str]]:
        shadows = await _shadows(store, user_id, await tree_named(store, user_id, tree), limit)
        said = {one.turn_id: (await store.node(user_id, one.turn_id)).message.text for one in _differing(shadows)}
        return shadows, said

    shadows, said = with_store(config_file, work)
    if not shadows:
        raise InvalidRequest(
            f"No turn in the tree {tree!r} of {user_id!r} was placed in the shadow: send some under the policy `shadow`."
        )
    console = Console()
    console.print(_agreement(shadows))
    if said:
        console.print(_disagreements(shadows, said))


async def _shadows(store: SqliteStore, user_id: UserId, tree: Tree, limit: int | None) -> list[Shadow]:
    found: list[Shadow] = []
    before: int | None = None
    while limit is None or len(found) < limit:
        page = await store.shadows(user_id, tree.id, before, PAGE)
        found += page.items
        if not page.has_more or not page.items:
            break
        before = page.items[-1].id
    return found[:limit]


def _differing(shadows: Sequence[Shadow]) -> list[Shadow]:
    return [one for one in shadows if one.attachment.parent_id != one.followed][:DIFFERING]


def _agreement(shadows: Sequence[Shadow]) -> Table:
    """By how sure the router was: turns, and those that it would have left where their client had them."""
    table = Table(title=f"In the shadow: {len(shadows)} turns that followed their client", title_justify="left")
    for column in ("confidence", "turns", "same place", "another branch", "new topic", "unsure"):
        table.add_column(column, justify="left" if column == "confidence" else "right")
    rows = [
        ("0.9 or more", [one for one in shadows if one.attachment.confidence >= 0.9]),
        ("0.6 to 0.9", [one for one in shadows if 0.6 <= one.attachment.confidence < 0.9]),
        ("below 0.6", [one for one in shadows if one.attachment.confidence < 0.6]),
        ("all", list(shadows)),
    ]
    for name, those in rows:
        differing = [one.attachment.parent_id for one in those if one.attachment.parent_id != one.followed]
        new = sum(parent is None for parent in differing)
        unsure = sum(one.attachment.unsure for one in those)
        counts = (len(those), len(those) - len(differing), len(differing) - new, new, unsure)
        table.add_row(Text(visible(name)), *map(str, counts))
    return table


def _disagreements(shadows: Sequence[Shadow], said: dict[NodeId, str]) -> Table:
    table = Table(title="Where it differs, the newest first", title_justify="left")
    for column in ("turn", "would have gone", "sure", "because"):
        table.add_column(column, justify="left")
    for one in _differing(shadows):
        made = one.attachment
        went = f"{made.route} {made.parent_id or ''}".strip()
        table.add_row(Text(shorten(said[one.turn_id], 40)), went, f"{made.confidence:.2f}", Text(visible(made.reason)))
    return table


async def labelled(store: SqliteStore, user_id: UserId) -> list[Case]:
    """A user's corrections as cases, tree by tree."""
    from proxy.routing.corrections import Corrected, cases

    by_tree: defaultdict[TreeId, list[Corrected]] = defaultdict(list)
    for one in await store.corrections(user_id):
        _, cursor = await store.before(user_id, one.node_id)
        # A client that sent no history was, as far as anybody knows, where its turn was put first.
        by_tree[one.tree_id].append(Corrected(one.node_id, one.to_parent, cursor or one.from_parent))
    found = []
    for tree_id, corrected in by_tree.items():
        whole = await store.slice(user_id, tree_id, None)
        found += cases(whole.nodes, corrected)
    return found

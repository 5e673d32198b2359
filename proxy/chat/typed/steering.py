"""What commands do: where a chat is in its tree, and where its next turn goes.

"Here" is the place where the next turn would go on: behind what the client has seen, unless a command before sent it elsewhere.
A client that sends no history is where its user was last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from proxy.chat.history.cursor import Cursor
from proxy.chat.reanswer import turn_around
from proxy.chat.request import Request
from proxy.chat.typed import finding
from proxy.chat.typed.accept import MovableTurns
from proxy.chat.typed.finding import Map, short, title
from proxy.domain.drawing import Outlined, drawn, shorten
from proxy.domain.fingerprint import Hash
from proxy.domain.ports import Active
from proxy.domain.transcript import Seen, Waypoint
from proxy.domain.tree import NodeId, Tree, TreeId, UserId, turns
from proxy.errors import InvalidRequest, NotFound

READ = 5_000
"""Nodes of a tree that are looked at, the newest with what stands above them; older ones are named by their whole id."""
FIGURES = 9
"""Figures of a number of turns that are read; as many say more than any chat has."""
LINES = 150
"""Lines of a drawn tree; the newest conversations stay."""


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a command."""

    text: str
    goes_to: Waypoint | None = None
    """Where the next turn goes."""


class Steered(MovableTurns, Protocol):
    """What commands need of a store."""

    async def structure(
        self, user_id: UserId, tree_id: TreeId, *, preview: bool = False, newest: int | None = None
    ) -> Sequence[Outlined]: ...

    async def point(self, user_id: UserId, key_id: str, hint: str | None, node_id: NodeId) -> Active: ...

    async def commanded(
        self, user_id: UserId, seen: Sequence[Seen], name: str, to: Waypoint | None, waits: tuple[str, str] | None
    ) -> None:
        """Remember a command and its answer by their hashes, and where it sends the next turn."""
        ...

    async def sent_on(self, user_id: UserId, chains: Sequence[Hash]) -> Waypoint | None:
        """Where the first of these rows that says so sends the turn behind it."""
        ...

    async def awaited(self, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Waypoint | None:
        """Where the next turn without history is sent."""
        ...

    async def reached(self, user_id: UserId, key_id: str, hint: str | None) -> None: ...


def may_be_sent(request: Request, cursor: Cursor) -> bool:
    """Whether a command may have sent the turn somewhere: one stands in its history, or it has none."""
    return bool(cursor.commands) or request.transcript.fresh


async def waypoint(store: Steered, request: Request, tree: Tree, cursor: Cursor) -> Waypoint | None:
    """Where a command right before the turn sends it."""
    transcript, user_id = request.transcript, request.user.id
    if run := cursor.commands_before(min(transcript.turn_from, len(transcript.said) - 1)):
        found = await store.sent_on(user_id, run)
    elif transcript.fresh and not cursor.at(len(transcript.said) - 1).chains:
        found = await store.awaited(user_id, tree.id, request.caller.key_id, request.turn.hint)
    else:
        return None
    return found if found is not None and found.tree_id == tree.id else None


async def last_said(store: Steered, request: Request, tree: Tree, cursor: Cursor) -> NodeId | None:
    """The last stored message of the chat in which a command was typed."""
    before = cursor.at(len(request.transcript.said) - 1)
    if before.node_id is not None or not request.transcript.fresh:
        return before.node_id
    active = await store.active(request.user.id, tree.id, request.caller.key_id, request.turn.hint)
    return active.node_id if active else None


class Here:
    """One command, at its place."""

    def __init__(self, store: Steered, prefix: str, request: Request, tree: Tree, cursor: Cursor) -> None:
        self._store = store
        self._prefix = prefix
        self._request = request
        self._user_id = request.user.id
        self._tree = tree
        self._cursor = cursor

    async def where(self) -> Told:
        at = await last_said(self._store, self._request, self._tree, self._cursor)
        lines = [f"Tree **{self._tree.title or self._tree.name}**."]
        if at is None:
            return Told("\n\n".join([*lines, *await self._next(at), "Nothing was said in this chat yet."]))
        path = await self._store.path(self._user_id, at)
        asked = [node.message.spoken for node in path if node.message.role == "user"]
        if asked:
            lines.append(
                f'Branch "{shorten(asked[0])}", turn {len(turns(path))}: "{shorten(asked[-1])}" (`{short(at)}`).'
            )
        lines += await self._next(at)
        turn = await turn_around(self._store, self._user_id, at)
        decided = await self._store.placed_as(self._user_id, turn.first.id)
        if decided is not None:
            lines.append(f"Last decision: **{decided.route}**, {decided.confidence:.0%} sure: {decided.reason}")
            if (other := decided.runner_up) is not None:
                named = await self._named(other.parent_id)
                lines.append(f"Runner-up: {other.route} to {named} ({other.score:.0%}): {other.reason}")
        if await self._store.moved_from(self._user_id, turn.first.id) is not None:
            lines.append("The turn was moved since.")
        return Told("\n\n".join(lines))

    async def draw(self) -> Told:
        outlines = await self._store.structure(self._user_id, self._tree.id, preview=True, newest=READ)
        top = self._tree.title or self._tree.name
        if not outlines:
            return Told(f"The tree **{top}** is empty.")
        at = await self._at()
        tree = Map.of(outlines)
        node = None if at is None else tree.nodes.get(at)
        here = node.parent_id if node is not None and node.role == "assistant" else at
        lines = [
            f"{guides}{title(node)}  {short(node.id)}{'  <- here' if node.id == here else ''}"
            for guides, node in drawn(outlines, replies=False)
        ]
        left_out = len(lines) - LINES
        shown = [f"... {left_out} lines before", *lines[-LINES:]] if left_out > 0 else lines
        return Told("\n".join(["```text", top, *(line.replace("```", "'''") for line in shown), "```"]))

    async def goto(self, named: str) -> Told:
        if not named:
            raise InvalidRequest(f"Say where: `{self._prefix} goto TITLE-OR-ID`; `{self._prefix} tree` shows both.")
        tree = await self._map()
        to = await self._place(tree, tree, named)
        return await self.go(to, f"The next turn goes on {await self._behind(to)}.")

    async def back(self, count: str) -> Told:
        digits = (count or "1").lstrip("0")
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidRequest(f"`{self._prefix} back` takes a number of turns from 1 on, not {shorten(count)!r}.")
        number = int(digits[:FIGURES])
        at = await self._at()
        parts = turns(await self._store.path(self._user_id, at))
        if number > len(parts):
            raise InvalidRequest(
                f"There {'is only 1 turn' if len(parts) == 1 else f'are only {len(parts)} turns'} above here."
            )
        to = parts[-number][0].parent_id
        return await self.go(to, f"The next turn goes on {await self._behind(to)}.")

    async def move(self, named: str) -> Told:
        if not named:
            raise InvalidRequest(f"Say where to: `{self._prefix} move TITLE-OR-ID`, or `{self._prefix} move root`.")
        at = await last_said(self._store, self._request, self._tree, self._cursor)
        if at is None:
            raise InvalidRequest("Nothing was said here yet, so there is nothing to move.")
        turn = await turn_around(self._store, self._user_id, at)
        tree = await self._map()
        to = await self._place(tree.without(turn.first.id), tree, named)
        asked = shorten(turn.asked[-1].message.spoken)
        if to == turn.first.parent_id:
            return Told(f'"{asked}" stands there already, {await self._behind(to)}.')
        await self._store.move(self._user_id, turn.first.id, to, "move")
        return Told(f'"{asked}" stands {await self._behind(to)} now. `{self._prefix} undo` takes it back.')

    async def go(self, to: NodeId | None, told: str) -> Told:
        """Send the next turn somewhere; a node there becomes the active one."""
        if to is not None:
            await self._store.point(self._user_id, self._request.caller.key_id, self._request.turn.hint, to)
        return Told(told, Waypoint(self._tree.id, to))

    async def _place(self, tree: Map, whole: Map, named: str) -> NodeId | None:
        """The place that is named, as it was typed or without its quotes. Raises InvalidRequest."""
        if (bare := finding.unquoted(named)) is None:
            return await self._place_as(tree, whole, named)
        try:
            return finding.place(tree, named, alike=False)
        except InvalidRequest:
            return await self._place_as(tree, whole, bare)

    async def _place_as(self, tree: Map, whole: Map, named: str) -> NodeId | None:
        """A place within a part of what was read; one too old to be read by its whole id. Raises InvalidRequest."""
        try:
            return finding.place(tree, named)
        except InvalidRequest:
            if len(left_out := finding.by_id(whole, named)) == 1 and left_out[0].id not in tree.nodes:
                told = f"`{short(left_out[0].id)}` is below what is to be moved, or the same."
                raise InvalidRequest(told) from None
            if left_out:
                raise
            try:
                node = await self._store.node(self._user_id, NodeId(named))
            except NotFound:
                node = None
            if node is None or node.tree_id != self._tree.id or node.message.role == "user":
                raise
            return node.id

    async def _map(self) -> Map:
        return Map.of(await self._store.structure(self._user_id, self._tree.id, preview=True, newest=READ))

    async def _sent(self) -> Waypoint | None:
        return await waypoint(self._store, self._request, self._tree, _before(self._request, self._cursor))

    async def _at(self) -> NodeId | None:
        """Where the next turn goes on."""
        if (sent := await self._sent()) is not None:
            return sent.node_id
        return await last_said(self._store, self._request, self._tree, self._cursor)

    async def _next(self, at: NodeId | None) -> list[str]:
        sent = await self._sent()
        return (
            [] if sent is None or sent.node_id == at else [f"The next turn goes on {await self._behind(sent.node_id)}."]
        )

    async def _behind(self, to: NodeId | None) -> str:
        return "at the root, as a new topic" if to is None else f"behind {await self._named(to)}"

    async def _named(self, node_id: NodeId | None) -> str:
        if node_id is None:
            return "a new topic"
        try:
            path = await self._store.path(self._user_id, node_id)
        except NotFound:
            return "a turn that was deleted since"
        asked = [node.message.spoken for node in path if node.message.role == "user"]
        return f'"{shorten(asked[-1] if asked else path[-1].message.spoken)}" (`{short(node_id)}`)'


def _before(request: Request, cursor: Cursor) -> Cursor:
    return replace(cursor.at(len(request.transcript.said) - 1), found_by=cursor.found_by)

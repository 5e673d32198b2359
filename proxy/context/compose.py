"""The whole context of one request, in the order in which it is sent.

    1. the client's own system messages (a personality's or the tree's prompt when it sends none)
    2. the standing zones, their images behind them in a user's message
    3. the path, root first, a summary in place of what it covers; what hangs on a node stands right behind it, and so does what the
       client said there and no node holds
    4. what changes per turn, at the head of the new user's message
    5. the new turn, as the client sent it

Nothing the client said is silently withheld: a message of the client is missing here only if it is a stored node off the path,
or part of the path that does not fit the window, and then `Context` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain

from proxy.context import anchoring, fit, zones
from proxy.context.anchoring import Around
from proxy.context.lines import Line, joined
from proxy.context.marking import marked
from proxy.context.pairs import whole_pairs
from proxy.context.tokens import BYTES_A_TOKEN, estimate, most
from proxy.context.wording import at_head, lean, without_images
from proxy.context.zones import ZonesAs
from proxy.domain.message import SYSTEM, Message, said
from proxy.domain.summary import Cut, Shortened, Summary
from proxy.domain.tree import Node, NodeId, turns
from proxy.domain.values import value
from proxy.domain.zone import Piece

NOTHING_KNOWN = Shortened()


@value(frozen=True, slots=True)
class Window:
    """How much one request may take, in tokens."""

    tokens: int
    """The model's input window, or the tree's narrower limit."""
    reply_tokens: int
    margin: float


@value(frozen=True, slots=True)
class Draft:
    """What a context is made from."""

    system: Sequence[Message]
    """The client's leading system messages."""
    path: Sequence[Node]
    """Root to attachment point."""
    turn: Sequence[Message]
    """What is new, as the client sent it."""
    zones: Sequence[Piece] = ()
    """What Graft places of its own; what hangs on nodes hangs on those of the path."""
    tree_prompt: str | None = None
    wording: Mapping[NodeId, Message] = field(default_factory=dict)
    """The client's own wording of stored messages that it has rewritten."""
    loose: Mapping[NodeId | None, Sequence[Message]] = field(default_factory=dict)
    """Messages of the client that no node holds, by the stored message they follow; `None` for the front."""
    zones_as: ZonesAs = "system"
    inactive: Mapping[NodeId, frozenset[int]] = field(default_factory=dict)
    """Images in messages of the path that are switched off."""
    asked: Sequence[NodeId] = ()
    """The new turn's messages, where they are stored already: what hangs on them stands behind the turn."""
    per_turn: Sequence[Piece] = ()
    """What holds for the new turn alone."""
    frozen: Mapping[NodeId, Sequence[Piece]] = field(default_factory=dict)
    """What was placed at the head of a message of the path whose turn still goes on."""
    known: Shortened = NOTHING_KNOWN
    beside_tokens: int = 0
    """What is sent beside the messages: tools, a schema for the reply."""
    weigh: Callable[[Message], int] = estimate
    """Tokens of a message that was not counted; where it is no estimate, never less than there are."""


@value(frozen=True, slots=True)
class Context:
    """What is sent."""

    lines: Sequence[Line]
    tokens: int
    """Of the messages; estimated where they were not counted."""
    path: Sequence[Node]
    """The nodes that were kept; none where the client's own list was sent."""
    left_out: int
    """Nodes of the path that did not fit, and that no summary stands for."""
    summary: Summary | None = None
    summarised: int = 0
    """Nodes that it stands for."""
    cut: Cut | None = None
    """Where the path was cut, unless an earlier request was cut there too."""
    most_tokens: int = 0
    """More than this it cannot be, whatever the tokenizer over bytes."""
    budget_tokens: int = 0
    """Room for all of it."""
    room_tokens: int = 0
    """Of that, room for the path with the new turn."""

    @property
    def messages(self) -> list[Message]:
        return [line.message for line in self.lines]


def compose(draft: Draft, window: Window) -> Context:
    """Put a context together and fit it to the window.

    Raises:
        ContextTooSmall: The turn alone exceeds the window.
    """
    front, around, newest = _front(draft), anchored(draft), _newest(draft)
    own = {node.id: _stored(draft, node) for node in draft.path}
    parts = turns(draft.path)
    begun = parts.pop() if parts and _goes_on(draft.path[-1], draft.turn) else []
    new_tokens = [*(own[node.id].tokens for node in begun), *(line.tokens for line in newest)]
    fixed_tokens = _tokens(chain(front, around.all())) + draft.beside_tokens
    room = fit.room(
        window.tokens,
        reply_tokens=window.reply_tokens,
        margin=window.margin,
        fixed_tokens=fixed_tokens,
        turn_tokens=sum(new_tokens),
    )
    known = draft.known
    told = {one.id: _told(draft, one) for one in known.summaries}
    if told:
        known = replace(known, summaries=[replace(one, tokens=told[one.id].tokens) for one in known.summaries])
    fitted = fit.fitted(
        [*([own[node.id].tokens for node in part] for part in parts), new_tokens],
        [[node.id for node in part] for part in parts],
        room,
        known,
    )
    gone = {node.id for part in parts[: fitted.start] for node in part}
    body = [told[fitted.summary.id]] if fitted.summary else []
    for node_id, line in own.items():
        if around.before:
            body += around.before.get(node_id, ())
        if node_id not in gone:
            body.append(line)
        if around.behind:
            body += around.behind.get(node_id, ())
    lines = [*front, *whole_pairs(body, draft.turn), *newest]
    covered = sum(map(len, parts[: fitted.covered]))
    return Context(
        lines=lines if draft.zones_as == "system" else joined(lines),
        tokens=_tokens(lines),
        path=[node for node in draft.path if node.id not in gone] if gone else draft.path,
        left_out=len(gone) - covered,
        summary=fitted.summary,
        summarised=covered,
        cut=_cut(draft, parts, fitted, room),
        most_tokens=_most(draft, lines),
        budget_tokens=room + fixed_tokens,
        room_tokens=room,
    )


def verbatim(
    messages: Sequence[Message],
    standing: Sequence[Piece],
    zones_as: ZonesAs,
    stored: Sequence[NodeId | None] = (),
) -> list[Line]:
    """The client's own list exactly as it came, the zones behind its leading system messages.

    Args:
        stored: Which nodes those messages are that are no system text, one each: what hangs on a node stands behind it here too.
    """
    split = 0
    while split < len(messages) and messages[split].is_system:
        split += 1
    ids = iter(stored)
    lines = zones.head(messages[:split], [piece for piece in standing if piece.node_id is None], zones_as)
    said_so_far = [
        Line(message, "client", estimate(message), None if message.wire["role"] in SYSTEM else next(ids, None))
        for message in messages[split:]
    ]
    if not standing:
        return lines + said_so_far
    around = anchoring.around([(line.node_id, line.message) for line in said_so_far], standing, zones_as)
    for line in said_so_far:
        lines += around.before.get(line.node_id, ()) if line.node_id else ()
        lines.append(line)
        lines += around.behind.get(line.node_id, ()) if line.node_id else ()
    return lines if zones_as == "system" else joined(lines)


def uncounted(draft: Draft, most_bytes: int) -> list[Message]:
    """The messages whose size is a guess so far, but for the oldest of a path that is longer than `most_bytes`."""
    lines = [
        *_front(draft),
        *anchored(draft).all(),
        *_newest(draft),
        *(_told(draft, one) for one in draft.known.summaries),
    ]
    size = 0
    for node in reversed(draft.path):
        line = _stored(draft, node)
        if not line.counted:
            lines.append(line)
            size += most(line.message.text)
        if size > most_bytes:
            break
    return [line.message for line in lines]


def anchored(draft: Draft) -> Around:
    """What stands around the messages of the path."""
    return anchoring.around(
        ((node.id, node.message) for node in draft.path), draft.zones, draft.zones_as, draft.loose, draft.weigh
    )


def _front(draft: Draft) -> list[Line]:
    """What stands before the path: instructions, standing zones, and what the client said of other places."""
    instructions = list(draft.system)
    if not instructions and draft.tree_prompt:
        instructions = [said("system", draft.tree_prompt)]
    standing = [piece for piece in draft.zones if piece.node_id is None]
    on_path = {node.id for node in draft.path}
    unplaced = [message for after, loose in draft.loose.items() if after not in on_path for message in loose]
    lines = [
        *zones.head(instructions, standing, draft.zones_as),
        *(Line(message, "client", estimate(message)) for message in unplaced),
    ]
    if draft.weigh is estimate:
        return lines
    return [line._replace(tokens=draft.weigh(line.message)) for line in lines]


def _newest(draft: Draft) -> list[Line]:
    """The new turn, what changes per turn at its head, and what hangs on it behind it; nothing follows a reply that was begun."""
    messages = at_head(draft.turn, draft.per_turn) if draft.per_turn else draft.turn
    lines = [Line(message, "turn", draft.weigh(message)) for message in messages]
    if not messages or messages[-1].role != "assistant":
        for node_id in draft.asked:
            hanging = [piece for piece in draft.zones if piece.node_id == node_id]
            lines += zones.hanging(node_id, hanging, draft.zones_as)
    return lines


def _stored(draft: Draft, node: Node) -> Line:
    """A message of the path as it is sent."""
    reworded = draft.wording.get(node.id)
    message = changed = reworded or lean(node.message)
    if node.id in draft.inactive:
        changed = without_images(changed, draft.inactive[node.id])
    if node.id in draft.frozen:
        [changed] = at_head([changed], draft.frozen[node.id])
    as_stored = changed is message and reworded is None
    tokens = node.tokens if as_stored else None
    counted = tokens is not None
    return Line(changed, "history", draft.weigh(changed) if tokens is None else tokens, node.id, as_stored, counted)


def _told(draft: Draft, summary: Summary) -> Line:
    """A summary as it is sent."""
    message = said(
        "system" if draft.zones_as == "system" else "user", marked("history", f"summary:{summary.id}", summary.text)
    )
    return Line(message, "summary", draft.weigh(message), summary.node_id, placed=True)


def _cut(draft: Draft, parts: Sequence[Sequence[Node]], fitted: fit.Fitted, room: int) -> Cut | None:
    """Where the path was cut, if that is to be remembered."""
    if not fitted.is_new or fitted.start >= len(parts):
        return None
    return Cut(draft.path[-1].id, parts[fitted.start][0].id, room)


def _goes_on(last: Node, turn: Sequence[Message]) -> bool:
    """Whether the new messages belong to the turn that the path ends in: tool results, a prefill, or the user's next words."""
    first = next((message.role for message in turn if not message.is_system), "user")
    return first != "user" or last.message.role == "user"


def _tokens(lines: Iterable[Line]) -> int:
    return sum(line.tokens for line in lines)


def _most(draft: Draft, lines: Sequence[Line]) -> int:
    """No tokenizer over bytes finds more than this."""
    if draft.weigh is not estimate:
        return _tokens(lines) + draft.beside_tokens
    return sum(line.tokens * (1 if line.counted else BYTES_A_TOKEN) for line in lines) + draft.beside_tokens

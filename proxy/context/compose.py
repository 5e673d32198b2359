"""The whole context of one request, in the order in which it is sent.

    1. the client's own system messages (the tree's system prompt when it sends none)
    2. the standing zones
    3. the path, root first; what the client said and no node holds stands in its place
    4. the new turn, as the client sent it

Nothing the client said is silently withheld: a message of the client is missing here only if it is a stored node off the path,
or part of the path that does not fit the window, and then `Context.left_out` counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.context import fit, zones
from proxy.context.pairs import whole_pairs
from proxy.context.tokens import estimate, estimate_all
from proxy.context.zones import ZonesAs
from proxy.domain.message import Message, said
from proxy.domain.tree import Node, NodeId, turns
from proxy.domain.zone import Piece


@dataclass(frozen=True, slots=True)
class Window:
    """How much one request may take, in tokens."""

    tokens: int
    """The model's input window, or the tree's narrower limit."""
    reply_tokens: int
    margin: float


@dataclass(frozen=True, slots=True)
class Draft:
    """What a context is made from."""

    system: Sequence[Message]
    """The client's leading system messages."""
    path: Sequence[Node]
    """Root to attachment point."""
    turn: Sequence[Message]
    """What is new, as the client sent it."""
    zones: Sequence[Piece] = ()
    tree_prompt: str | None = None
    wording: Mapping[NodeId, Message] = field(default_factory=dict)
    """The client's own wording of stored messages that it has rewritten."""
    loose: Mapping[NodeId | None, Sequence[Message]] = field(default_factory=dict)
    """Messages of the client that no node holds, by the stored message they follow; `None` for the front."""
    zones_as: ZonesAs = "system"


@dataclass(frozen=True, slots=True)
class Context:
    """What is sent."""

    messages: Sequence[Message]
    tokens: int
    """Estimated."""
    path: Sequence[Node]
    """The nodes that were kept; none where the client's own list was sent."""
    left_out: int
    """Nodes of the path that did not fit."""


def compose(draft: Draft, window: Window) -> Context:
    """Put a context together and fit it to the window.

    Raises:
        ContextTooSmall: The turn alone exceeds the window.
    """
    instructions = list(draft.system)
    if not instructions and draft.tree_prompt:
        instructions = [said("system", draft.tree_prompt)]
    front = zones.head(instructions, draft.zones, draft.zones_as)
    on_path = {node.id for node in draft.path}
    unplaced = [message for after, loose in draft.loose.items() if after not in on_path for message in loose]
    loose = [message for messages in draft.loose.values() for message in messages]
    parts = turns(draft.path)
    begun = parts.pop() if parts and _goes_on(draft.path[-1], draft.turn) else []
    newest = [*(_size(draft, node) for node in begun), *(estimate(message) for message in draft.turn)]
    room = fit.room(
        window.tokens,
        reply_tokens=window.reply_tokens,
        margin=window.margin,
        fixed_tokens=estimate_all([*front, *loose]),
        turn_tokens=sum(newest),
    )
    start = fit.first_kept([*([_size(draft, node) for node in part] for part in parts), newest], room)
    cut = {node.id for part in parts[:start] for node in part}
    body: list[tuple[Message, bool]] = []
    for node in draft.path:
        if node.id not in cut:
            body.append((draft.wording.get(node.id) or _lean(node.message), True))
        body += ((message, False) for message in draft.loose.get(node.id, ()))
    messages = [*front, *unplaced, *whole_pairs(body, draft.turn), *draft.turn]
    return Context(
        messages=messages,
        tokens=estimate_all(messages),
        path=[node for node in draft.path if node.id not in cut],
        left_out=len(cut),
    )


def verbatim(messages: Sequence[Message], standing: Sequence[Piece], zones_as: ZonesAs) -> list[Message]:
    """The client's own list exactly as it came, the zones behind its leading system messages."""
    split = next((i for i, message in enumerate(messages) if not message.is_system), len(messages))
    return [*zones.head(messages[:split], standing, zones_as), *messages[split:]]


def _goes_on(last: Node, turn: Sequence[Message]) -> bool:
    """Whether the new messages belong to the turn that the path ends in: tool results, a prefill, or the user's next words."""
    first = next((message.role for message in turn if not message.is_system), "user")
    return first != "user" or last.message.role == "user"


def _lean(message: Message) -> Message:
    """A message without fields that say nothing: some providers refuse what others answer with (`annotations: []`)."""
    lean = {name: value for name, value in message.wire.items() if name == "content" or value not in (None, [])}
    return message if len(lean) == len(message.wire) else Message(lean)


def _size(draft: Draft, node: Node) -> int:
    """Tokens of a node as it is sent."""
    reworded = draft.wording.get(node.id)
    if reworded is not None:
        return estimate(reworded)
    return node.tokens if node.tokens is not None else estimate(node.message)

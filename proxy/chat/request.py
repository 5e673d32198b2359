"""One request laid beside the tree: who asks, what is known of the history, what is new.

The client's list falls into four: its system text; history that is known; history that no node holds yet; and the turn, which
is what stands behind the last reply. A half-written reply at the very end (a prefill) is none of these: the model goes on from it,
and what is stored is the whole.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

import msgspec

from proxy.chat.history.cursor import Cursor
from proxy.chat.presence import Guest
from proxy.chat.stages import Stages
from proxy.context.compose import Window
from proxy.domain import fingerprint
from proxy.domain.fingerprint import Hash, Link, Memo
from proxy.domain.message import Message, Wire
from proxy.domain.placement import Policy
from proxy.domain.ports import User
from proxy.domain.transcript import Seen
from proxy.domain.tree import Node, NodeId, State, TreeId, new_id
from proxy.domain.turn import Caller, Turn
from proxy.domain.values import value

_encode = msgspec.json.Encoder().encode


@value(frozen=True, slots=True)
class Transcript:
    """What was said, as the client sent it, with its fingerprints."""

    said: Sequence[Message]
    """System text and prefill left out; empty only where nobody `asks`."""
    links: Sequence[Link]
    """One a message."""
    prefill: Message | None
    memo: Memo = field(default_factory=Memo)
    """Where its fingerprints are remembered, and those of the reply will be."""
    told: Sequence[Hash | Wire] = ()
    """The client's whole list, texts by their exact hashes."""
    turn_from: int = field(init=False)
    """Index of the first message behind the last reply that something was said to."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "turn_from", _turn_from(self.said))

    @property
    def asks(self) -> bool:
        """Whether anything stands there but replies."""
        return any(message.role != "assistant" for message in self.said)

    @property
    def fresh(self) -> bool:
        """Whether the client sent no history: nothing but what its user says now."""
        return self.turn_from == 0 and all(message.role == "user" for message in self.said)

    @property
    def greeted(self) -> bool:
        """Whether all that stands before the turn is how the assistant began."""
        return self.turn_from > 0 and all(message.role == "assistant" for message in self.said[: self.turn_from])

    @property
    def loops(self) -> bool:
        """Whether the turn goes on with results of tools that a reply in this history called."""
        return self.turn_from > 0 and self.said[self.turn_from].role in ("tool", "function")


def _turn_from(said: Sequence[Message]) -> int:
    index = len(said)
    while index and said[index - 1].wire["role"] == "assistant":
        index -= 1
    while index and said[index - 1].wire["role"] != "assistant":
        index -= 1
    return index


@value(frozen=True, slots=True)
class Request:
    """One request on the road: what the client sent, who asks, and under which policy."""

    turn: Turn
    caller: Caller
    policy: Policy
    user: User
    transcript: Transcript
    window: Window
    started: float
    """`time.perf_counter()` when the request came in."""
    after: int = 0
    """The newest call of the same request when this one came, whichever process answered that; 0 without one."""
    stages: Stages = field(default_factory=Stages)
    """Where its time goes."""
    guest: Guest = field(default_factory=Guest)
    """Says whether its user is still there."""

    @property
    def is_retry(self) -> bool:
        """Whether the client says that it sends the same request once more."""
        return self.turn.retried or bool(self.turn.idempotency_key and self.after)

    @property
    def pinned(self) -> bool:
        """Whether the client's word decides where the turn goes; results of tools stay with their calls whatever it says."""
        return self.turn.parent is not None and not self.transcript.loops

    @property
    def system_text(self) -> str | None:
        """The client's instructions as one text."""
        return "\n\n".join([message.text for message in self.turn.system]) or None


def read(turn: Turn, user: User, memo: Memo | None = None) -> Transcript:
    """Fingerprint what the client sent."""
    said = turn.said
    # Behind a reply, system text is the output of what it called: gptme runs code blocks so.
    begun = len(said) > 1 and turn.messages[-1].role == "assistant"
    prefill = said[-1] if begun else None
    said = said[:-1] if prefill else said
    memo = memo or Memo()
    links, told = memo.read(turn.messages, user.secret)
    return Transcript(said, links[: len(said)], prefill, memo, told)


def body_hash(turn: Turn, user: User, messages: Sequence[Hash | Wire]) -> Hash:
    """The same for two requests with the same body, of which `messages` tells the messages.

    Raises InvalidRequest for one nested deeper than the interpreter can follow.
    """
    named = [turn.tree, turn.parent, turn.personality]
    body = [turn.model, turn.stream, named, turn.policy, turn.options, messages]
    return fingerprint.keyed(user.secret, "request", _spelt(body))


def _spelt(body: object) -> bytes | str:
    """A body as JSON, its keys in the order in which they came: a retry brings the same bytes again."""
    try:
        return _encode(body)
    except (UnicodeEncodeError, OverflowError, RecursionError):  # half an emoji, very long integers, absurd depth
        return fingerprint.canonical(body)


def noted(turn: Turn) -> dict[str, str]:
    """What the client noted about its request, without what it told Graft there."""
    metadata = turn.options.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {name: value for name, value in metadata.items() if isinstance(value, str) and not name.startswith("graft_")}


def loose_messages(turn: Turn, cursor: Cursor) -> tuple[list[Message], dict[NodeId | None, list[Message]]]:
    """The client's instructions at the front, and what it said that no node holds, by the stored message it follows.

    System text behind the front stands where the client put it; behind the last known message it belongs to the turn
    (`turn_messages`).
    """
    front: list[Message] = []
    loose: dict[NodeId | None, list[Message]] = {}
    after: NodeId | None = None
    index = 0
    for message in turn.messages:
        if message.is_system:
            if index == 0:
                front.append(message)
            elif index < cursor.new_from:
                loose.setdefault(after, []).append(message)
            continue
        if index >= cursor.new_from:
            break
        if index in cursor.nodes:
            after = cursor.nodes[index]
        elif index not in cursor.skipped:
            loose.setdefault(after, []).append(message)
        index += 1
    return front, loose


def without(messages: Sequence[Message], gone: Collection[int]) -> list[Message]:
    """The client's messages but for some of those that were said, by index."""
    if not gone:
        return list(messages)
    said = [i for i, message in enumerate(messages) if not message.is_system]
    left_out = {said[i] for i in gone}
    return [message for i, message in enumerate(messages) if i not in left_out]


def turn_messages(turn: Turn, first: int) -> list[Message]:
    """The client's messages from the `first` thing said on, with the system text between them and the prefill."""
    begin, missing = len(turn.messages), len(turn.said) - first
    while begin and (missing or (first and turn.messages[begin - 1].is_system)):
        begin -= 1
        missing -= not turn.messages[begin].is_system
    return list(turn.messages[begin:])


def wording(transcript: Transcript, cursor: Cursor) -> Mapping[NodeId, Message]:
    """The client's own words for stored messages that it has rewritten."""
    return {cursor.nodes[i]: transcript.said[i] for i in cursor.rewritten if i in cursor.nodes}


def rows(
    transcript: Transcript, first: int, last: int, prev: Hash, nodes: Sequence[Node | None], conversation: str
) -> list[Seen]:
    """Transcript rows for what was said from index `first` up to `last`.

    Args:
        nodes: One a message, `None` for one that was deleted; nothing at all for asides.
    """
    seen: list[Seen] = []
    for index in range(first, last):
        link = transcript.links[index]
        node = nodes[index - first] if nodes else None
        seen.append(
            Seen(
                chain=link.chain,
                prev=prev,
                folded=link.folded,
                assistants=link.assistants,
                role=transcript.said[index].role,
                meaning="node" if node else "deleted" if nodes else "aside",
                node_id=node.id if node else None,
                tree_id=node.tree_id if node else None,
                conversation=conversation,
            )
        )
        prev = link.chain
    return seen


def new_nodes(
    messages: Sequence[Message],
    tree_id: TreeId,
    parent_id: NodeId | None,
    conversation: str,
    system: str | None,
    personality: str | None = None,
    state: State = "whole",
) -> list[Node]:
    """A chain of nodes to be stored under a parent."""
    nodes: list[Node] = []
    for message in messages:
        name = message.wire.get("name")
        node = Node(
            id=NodeId(new_id("n")),
            tree_id=tree_id,
            parent_id=parent_id,
            message=message,
            state=state,
            created_at=time.time(),
            sender=name if isinstance(name, str) else None,
            conversation=conversation,
            system=system if message.role == "user" else None,
            personality=personality,
        )
        nodes.append(node)
        parent_id = node.id
    return nodes

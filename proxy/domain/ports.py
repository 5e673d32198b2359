"""What the story of a turn needs from outside, as Protocols: a store, a router, an upstream, a counter.

`chat` takes these, so it runs in a test with no server, database or model.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from proxy.domain.fingerprint import Hash, Link
from proxy.domain.message import Message, Wire
from proxy.domain.placement import Attachment, Mark, Question, TreeSlice
from proxy.domain.summary import Cut, Passage, Shortened, Summary, Written
from proxy.domain.transcript import Seen, Sighting
from proxy.domain.tree import CallId, Node, NodeId, Tree, TreeId, UserId
from proxy.domain.turn import Asked, Call, Chunk, Price
from proxy.domain.values import value
from proxy.domain.zone import Personality, Piece, Standing


@dataclass(frozen=True, slots=True)
class User:
    """The owner of trees."""

    id: UserId
    secret: bytes
    """Keys every hash of this user's text."""


@dataclass(frozen=True, slots=True)
class Active:
    """Where a user was last, through one key and one chat."""

    node_id: NodeId
    tree_id: TreeId
    at: float


@dataclass(frozen=True, slots=True)
class Adoption:
    """History that the client brought and no node holds yet, to be stored before its turn is placed. One transaction.

    A message with the same parent and the same exact form as a stored one *is* that one: the store keeps the stored id and
    hangs what follows under it. What is adopted is whole and visible at once.
    """

    user_id: UserId
    tree_id: TreeId
    nodes: Sequence[Node]
    """A chain, parents first; empty when all of the history was deleted before."""
    exacts: Sequence[Hash]
    """One a node."""
    seen: Sequence[Seen]
    """Transcript rows to add; their node ids are those in `nodes`, before identity is applied."""


@value(frozen=True, slots=True)
class OpenTurn:
    """A client's turn, to be made durable before the upstream is asked. One transaction."""

    user_id: UserId
    tree_id: TreeId
    call_id: CallId
    nodes: Sequence[Node]
    """The turn's messages as a chain, parents first; empty when a stored turn is asked again. A user's message with the same parent
    and the same exact form as a stored one *is* that one, as in an `Adoption`. New ones are `unanswered`."""
    exacts: Sequence[Hash]
    """One a node."""
    seen: Sequence[Seen]
    """Transcript rows to add; their node ids are those in `nodes`, before identity is applied."""
    turn_id: NodeId
    """The node that the reply will answer: the last of `nodes`, or a stored one when the turn is asked again."""
    model: str
    request_hash: Hash
    idempotency_key: str | None
    decision: Attachment | None
    policy: str
    kept: Sequence[Wire] = ()
    """Messages of the client that were sent although no node holds them."""
    compacted_from: NodeId | None = None
    """The first stored node behind a summary of the client's own; kept with the call."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the client noted about its request, for lists of stored completions."""
    after: int | None = None
    """The newest call of the same request when this one came; a newer one has overtaken it."""


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """What is known of the same request before."""

    number: int
    """That of its newest call; 0 without one. A later call has a higher number."""
    is_elsewhere: bool
    """Whether another process is answering it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of an `OpenTurn`."""

    turn_id: NodeId
    """The stored turn; another id than asked for when the same turn was known."""
    ids: Mapping[NodeId, NodeId] = field(default_factory=dict)
    """Asked-for id to stored id, for nodes that were known."""


@value(frozen=True, slots=True)
class CloseTurn:
    """A reply, to be made durable before the client is told that it is complete. One transaction.

    With replies, the turn becomes whole, and so does every unanswered message in the unbroken run right above it: the client
    sent them together, and one reply answered them.
    """

    user_id: UserId
    tree_id: TreeId
    call_id: CallId
    turn_id: NodeId
    replies: Sequence[Node]
    """One a choice; empty when nothing was received."""
    exacts: Sequence[Hash]
    seen: Sequence[Seen]
    status: Literal["done", "interrupted", "failed"]
    finish_reason: str | None = None
    usage: Wire | None = None
    envelope: Wire = field(default_factory=dict)
    receipt: Wire = field(default_factory=dict)
    error: str | None = None
    duration_ms: float = 0.0
    active_key: str | None = None
    """Key id under which the reply becomes the user's active node; `None` leaves it as it is."""
    hint: str | None = None
    sent: bytes | None = None
    """What was sent, in the road's own short form."""
    supersedes: Sequence[NodeId] = ()
    """Earlier replies that this one takes the place of, once it is whole: they stay where they are, and are marked."""


class TreeStore(Protocol):
    """The trees of all users. Every look-up is by user first; a foreign id is an unknown id."""

    async def user(self, user_id: UserId) -> User:
        """The user, created at first sight."""
        ...

    async def tree(self, user_id: UserId, name: str) -> Tree:
        """The user's tree of that name, created at first sight."""
        ...

    async def tree_of(self, user_id: UserId, tree_id: TreeId) -> Tree:
        """Raises NotFound."""
        ...

    async def node(self, user_id: UserId, node_id: NodeId) -> Node:
        """Raises NotFound."""
        ...

    async def path(self, user_id: UserId, node_id: NodeId | None) -> list[Node]:
        """Root to node, oldest first; `None` is the empty path.

        Unanswered nodes are left out, except for the unbroken run of them that ends in `node_id`.

        Raises NotFound.
        """
        ...

    async def recognise(
        self, user_id: UserId, links: Sequence[Link], *, tree_id: TreeId | None, conversation: str | None
    ) -> Sighting:
        """Find the client's chat: longest known prefix, else the assistant chain, else the tail. One query.

        `tree_id` narrows to one tree; among equals `conversation` wins, then the newest.
        """
        ...

    async def active(self, user_id: UserId, tree_id: TreeId, key_id: str, hint: str | None) -> Active | None: ...

    async def standing(
        self, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId], personality: str | None
    ) -> Standing:
        """All that Graft sends of its own beside a path: zones, loaded artefacts and memories, images. One read.

        It costs what hangs on the path and in wider scopes, whatever else the tree holds. Empty zones are left out.

        Args:
            path: Root to attachment point; may be empty.
            personality: The one the request names; `None` for the one under which the path was said, else the tree's own.

        Raises NotFound.
        """
        ...

    async def personality(self, user_id: UserId, name: str) -> Personality:
        """Raises NotFound."""
        ...

    async def shortened(self, user_id: UserId, tree_id: TreeId, path: Sequence[NodeId]) -> Shortened:
        """The summaries in use on a path, and where it was cut. One read, bounded by what hangs on the path."""
        ...

    async def keep_cut(self, user_id: UserId, tree_id: TreeId, cut: Cut) -> None:
        """Remember where a path was cut; forgotten when it has gone."""
        ...

    async def add_summary(self, user_id: UserId, summary: Summary, covers: Sequence[NodeId]) -> bool:
        """Keep a summary of the path `covers`; false where that is no longer the path to its node."""
        ...

    async def deleted(
        self, user_id: UserId, exacts: Sequence[Hash], links: Sequence[Link], before: Hash, *, within: bool
    ) -> set[int]:
        """Which messages of a history that no node holds were deleted, by index: they must not be adopted.

        `before` is the folded hash of the message before the first, or empty; `within` says that this one was deleted.
        """
        ...

    async def adopt(self, adoption: Adoption) -> Mapping[NodeId, NodeId]:
        """Store history; returns asked-for id to stored id, for messages that were known."""
        ...

    async def note_shadow(
        self, user_id: UserId, tree_id: TreeId, turn_id: NodeId, call_id: CallId, attachment: Attachment
    ) -> None:
        """Log what the router would have done with a turn that followed its client."""
        ...

    async def asked_before(self, user_id: UserId, *, request_hash: Hash, idempotency_key: str | None) -> AskedBefore:
        """What is known of a request: of calls with the same key, or without one of those with the same body and no key."""
        ...

    async def open_turn(self, turn: OpenTurn) -> Opened:
        """Raises NotFound, Overtaken."""
        ...

    async def checkpoint(self, call_id: CallId, replies: Sequence[Node]) -> None:
        """Keep what was received of a long reply; after a crash it becomes an `interrupted` reply."""
        ...

    async def close_turn(self, turn: CloseTurn) -> None: ...

    async def aside(self, user_id: UserId, seen: Sequence[Seen], name: str) -> None:
        """Remember an exchange by its hashes only, and count it under the name of what it was."""
        ...

    async def earlier(
        self, user_id: UserId, *, request_hash: Hash, idempotency_key: str | None
    ) -> tuple[Call, list[Node]] | None:
        """The newest call with the same idempotency key, or without one with the same body, and its replies; if it is finished."""
        ...

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        """What became visible in a tree since `mark`, perhaps not all at once; unanswered nodes are never shown."""
        ...

    async def keep_turn_pieces(self, user_id: UserId, node_id: NodeId, pieces: Sequence[Piece]) -> None:
        """Keep what was placed at the head of a turn; what was kept before stays."""
        ...

    async def turn_pieces(self, user_id: UserId, node_id: NodeId) -> list[Piece] | None:
        """What was placed at the head of a turn; `None` where nothing was looked for."""
        ...

    async def count_tokens(self, counts: Mapping[NodeId, int]) -> None:
        """Keep token counts beside their nodes."""
        ...


class TurnRouter(Protocol):
    """Decides where a new turn belongs. Sees windows, never the store."""

    async def attach(self, question: Question) -> Attachment: ...

    async def warm(self, user_id: UserId, tree_id: TreeId) -> None:
        """Take in what was stored since, off the request's path."""
        ...


class TreeFeed(Protocol):
    """What the router reads of a tree."""

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice: ...


class Upstream(Protocol):
    """The one door to models."""

    def ask(self, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """Chunks as they arrive, or one whole completion when `asked.stream` is false.

        Raises ModelNotFound and the UpstreamError family, before the first chunk or between chunks.
        """
        ...

    def window_tokens(self, model: str) -> int:
        """The model's input window."""
        ...

    def takes_one_system(self, model: str) -> bool:
        """Whether the model's chat template refuses a second system message."""
        ...

    def count(self, model: str, text: str) -> int:
        """Tokens of a text by the best tokenizer at hand; slow, so off the event loop."""
        ...

    def price(self, model: str) -> Price | None:
        """What the model costs; `None` where nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class ScorerReply:
    """What a scorer's model said, and what it cost."""

    text: str
    prompt_tokens: int = 0
    """As the provider reported it; 0 where it reported nothing."""
    completion_tokens: int = 0
    finish_reason: str | None = None


class Scorer(Protocol):
    """An LLM that the router may ask; bound to one configured model."""

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        """One plain answer; `options` are OpenAI request fields such as `temperature` and `response_format`.

        Raises the UpstreamError family.
        """
        ...


class Summariser(Protocol):
    """Tells in short what was said."""

    async def __call__(self, passage: Passage, model: str, most_tokens: int) -> Written:
        """A summary of about `most_tokens` at most, by this model or by the configured one; without either, of sentences quoted.

        Never raises for what a model does or does not do.
        """
        ...

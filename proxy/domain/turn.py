"""One request on its way in, and what comes back: `Caller` and `Turn` in; `Chunk`, `Completion` and `Receipt` out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from proxy.domain.message import SYSTEM, Message, Wire
from proxy.domain.placement import Policy
from proxy.domain.tree import CallId, NodeId, TreeId, UserId
from proxy.domain.values import value

KeyKind = Literal["person", "app"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a key may ask; `None` sets no limit."""

    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    at_once: int | None = None

    def over(self, usual: Limits) -> Limits:
        """These limits, and the usual ones where these say nothing."""
        if self in (usual, _NO_LIMITS):
            return usual
        return Limits(
            self.requests_per_minute if self.requests_per_minute is not None else usual.requests_per_minute,
            self.tokens_per_day if self.tokens_per_day is not None else usual.tokens_per_day,
            self.at_once if self.at_once is not None else usual.at_once,
        )


_NO_LIMITS = Limits()


@value(frozen=True, slots=True)
class Caller:
    """Who sent the request, as their key says."""

    user_id: UserId
    key_id: str
    kind: KeyKind
    policy: Policy | None = None
    """The key's own placement policy, if it has one."""
    named: bool = True
    """False for an app key's request that names no sub-user: it is never placed by the router."""
    honours_store: bool = False
    """Whether `store: false` in a request keeps its turn out of the tree."""
    limits: Limits = _NO_LIMITS
    """The key's own limits."""


@value(frozen=True, slots=True)
class Client:
    """What a client says of itself beside the conversation. All of it narrows, none of it authorises."""

    agent: str = ""
    """Its `User-Agent`."""
    marks: frozenset[str] = frozenset()
    """Headers that are there, of those that the configuration knows as marks of a client; lower case."""
    task: str | None = None
    """Set when the client itself says that this is a helper request: what it calls the task."""
    message_id: str | None = None
    """What it calls the user's message."""
    parent_id: str | None = None
    """What it calls the message that this one answers; empty where it says that there is none."""
    reply_id: str | None = None
    """What it will call the reply."""
    pass_on: Mapping[str, str] = field(default_factory=dict)
    """Headers that go to the provider as they came, since the configuration says so; names in lower case."""


@value(frozen=True, slots=True)
class Turn:
    """A chat request: what the client sent, checked and otherwise untouched."""

    model: str
    """A configured model's name, without `:follow` or `:off`."""
    messages: Sequence[Message]
    """The client's whole list, system messages included."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Every other field of the body, unopened: sampling, tools, response format, provider fields."""
    stream: bool = False
    usage_wanted: bool = False
    """The client asked for a usage chunk (`stream_options.include_usage`)."""
    policy: Policy | None = None
    """Asked for by header or model name."""
    tree: str | None = None
    """The tree's name, when the client gave one."""
    parent: str | None = None
    """An explicit attachment point: a node id, or `root`."""
    personality: str | None = None
    """The personality that the client names, by header or by its model's name."""
    hint: str | None = None
    """The client's own id of the chat: it narrows, it never authorises."""
    idempotency_key: str | None = None
    retried: bool = False
    """The client's SDK says that it sends this body again."""
    client: Client = field(default_factory=Client)
    sender: str | None = None
    """Who says the last message, where that is told beside it; the model is not."""
    said: list[Message] = field(init=False, repr=False, compare=False)
    """The messages without system and developer text: what was said so far, oldest first."""
    system: list[Message] = field(init=False, repr=False, compare=False)
    """The others."""

    def __post_init__(self) -> None:
        said: list[Message] = []
        system: list[Message] = []
        for message in self.messages:
            (system if message.wire["role"] in SYSTEM else said).append(message)
        object.__setattr__(self, "said", said)
        object.__setattr__(self, "system", system)


class Chunk:
    """One piece of an answer, in OpenAI's shape. A plain class, since an answer has hundreds of them.

    Either a `chat.completion.chunk`, or, where the upstream was not asked to stream, the one whole `chat.completion`.
    """

    __slots__ = ("events", "followed", "raw", "texts", "wire")

    def __init__(self, wire: Wire, raw: bytes | None = None, *, followed: bool = False) -> None:
        self.wire = wire
        self.raw = raw
        """The JSON of this piece, in one line, the provider's own where there is one; a door that speaks the same format writes it as it is."""
        self.followed = followed
        """The next one has come with it, so that both may leave together."""
        self.texts: Sequence[str] | None = None
        """All that it says, chunk by chunk, where that is text of the first choice and nothing else is told."""
        self.events: bytes | None = None
        """The provider's own events, framed as they go out, where they are at hand."""

    @property
    def is_whole(self) -> bool:
        return self.wire.get("object") != "chat.completion.chunk"


class Text(Chunk):
    """What one read has brought, where it is nothing but text: one chunk or several that stand behind each other.

    Most of a stream comes so. The provider's events go out as they are, and whoever folds the answer takes the text; only who wants
    to see a chunk has one made.
    """

    __slots__ = ("like",)

    def __init__(self, texts: Sequence[str], events: bytes | None, like: Wire) -> None:
        """Say more of what `like`, an earlier chunk, began to say."""
        self.texts: Sequence[str] = texts
        self.events = events
        self.raw = None
        self.followed = False
        self.like = like
        """That chunk."""

    @property
    def wire(self) -> Wire:  # type: ignore[override]
        """One chunk that says all of it."""
        (choice,) = cast("Sequence[Mapping[str, object]]", self.like["choices"])
        return {**self.like, "choices": [{**choice, "delta": {"content": "".join(self.texts)}}]}

    @property
    def is_whole(self) -> bool:
        return False

    def raws(self) -> list[bytes]:
        """The provider's own JSON of each; empty where that is not at hand."""
        if self.events is None:
            return []
        return self.events.removeprefix(b"data: ").removesuffix(b"\n\n").split(b"\n\ndata: ")


@value(frozen=True, slots=True)
class Completion:
    """An answer folded from its chunks."""

    messages: Sequence[Message]
    """One assistant message a choice, by index; more than one when the client asked for `n` choices."""
    finish_reasons: Sequence[str | None]
    usage: Wire | None
    envelope: Wire
    """`id`, `created`, `model` and whatever else stood beside the choices."""


@value(frozen=True, slots=True)
class Receipt:
    """The account of one request."""

    tree: str
    node_id: NodeId
    """The reply's node."""
    parent_id: NodeId | None
    """What the user's turn was attached to."""
    route: str
    confidence: float
    reason: str
    sent_tokens: int
    """Estimated, as all token figures here."""
    saved_tokens: int
    """Against the history that the client sent again; never below 0."""
    context_from: Sequence[str]
    """Every conversation that contributed to what was sent."""
    left_out: int = 0
    """Messages of the path that did not fit."""
    unsure: bool = False
    overhead_ms: float = 0.0
    """Time spent inside Graft before the upstream was asked."""
    summarised: int = 0
    """Messages of the path that a summary stands for."""
    summary_id: str | None = None
    """That summary."""
    budget_tokens: int = 0
    """Room for all that is sent: the window less the reply and the margin; 0 where the client's own list was sent."""
    linear_tokens: int = 0
    """The history that the client sent again, with the new turn."""
    parts: Sequence[Wire] = ()
    """What was sent, part by part: `kind`, `scope` and `source` of what Graft placed, `messages` and `tokens`."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Where the time inside Graft went: milliseconds by stage, in their order."""
    offered: str | None = None
    """Another place that the reply's last line offers: a node's id, or `root`."""
    offer_line: str | None = None
    """That line, which is Graft's and no part of the reply."""
    answered_by: str | None = None
    """The deployment that answered, such as `gpt#2`; another model's where it stood in."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider charges for a model, in US dollars a token."""

    prompt: float
    completion: float
    cached: float | None = None
    """For prompt tokens that it had in its cache; `None` where nothing is known."""


@dataclass(slots=True)
class Served:
    """Who answered; filled in before the first chunk is there."""

    model: str = ""
    """The configured model: another than was asked for where that could not answer."""
    deployment: str = ""
    """Which of its deployments."""
    lane: str = ""


@value(frozen=True, slots=True)
class Asked:
    """What the upstream is asked: a configured model, the messages in order, and the client's options."""

    model: str
    messages: Sequence[Wire]
    options: Mapping[str, object]
    stream: bool
    usage_wanted: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """The client's headers that are passed on; names in lower case. The configured ones win over them."""
    served: Served = field(default_factory=Served)
    """Told by the upstream."""
    until: float = math.inf
    """When the answer is waited for no longer, by the event loop's clock."""

    def beside(self, configured: Mapping[str, str]) -> dict[str, str]:
        """The configured headers, and those of the client that they do not name."""
        taken = {name.lower() for name in configured}
        return {**{name: value for name, value in self.headers.items() if name not in taken}, **configured}


@dataclass(frozen=True, slots=True)
class Call:
    """One upstream request and its outcome, as stored."""

    id: CallId
    tree_id: TreeId
    turn_id: NodeId
    """The last message of the client's turn."""
    reply_id: NodeId | None
    status: Literal["open", "done", "interrupted", "failed"]
    model: str
    started_at: float
    finish_reason: str | None = None
    usage: Wire | None = None
    envelope: Wire = field(default_factory=dict)
    receipt: Wire = field(default_factory=dict)

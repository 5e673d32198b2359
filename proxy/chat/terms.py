"""What an answer is to the door that passes it on, what the operator chose for the road to it, and what the road needs of a store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from proxy.chat.clients.rules import Clients
from proxy.chat.looking import SentStore
from proxy.chat.place import Policies
from proxy.chat.prepare import ZonesRule
from proxy.chat.recalling import Recalling
from proxy.chat.typed.offer import Between
from proxy.chat.typed.steering import Steered
from proxy.domain.placement import Attachment
from proxy.domain.turn import Chunk, Receipt, Served
from proxy.domain.values import value


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator chose for the road."""

    policies: Policies = field(default_factory=Policies)
    zones_as: ZonesRule = "auto"
    reply_tokens: int = 4_096
    margin: float = 0.05
    checkpoint_s: float = 3.0
    silence_s: float = 15.0
    """How long the client of a stream may hear nothing."""
    clients: Clients = field(default_factory=Clients)
    ask_between: Between | None = None
    """Where an unsure turn is asked about; `None` asks nobody."""
    commands: str | None = "/graft"
    """What a command that is typed in a chat begins with; `None` knows no commands."""
    recalling: Recalling | None = None
    """Which memories are placed with each turn; `None` places none unasked."""
    scorer_model: str | None = None
    """The router's LLM, for the bill."""


@value(frozen=True, slots=True)
class Answer:
    """What the door passes on."""

    chunks: AsyncGenerator[Chunk, None]
    """Ends only when the reply is stored; closing it early stores what was received."""
    receipt: Receipt | None
    """`None` for an aside, which is not stored."""
    silence_s: float = 15.0
    """How long the client of a stream may hear nothing; then it is told that the answer is still to come."""
    aside: str | None = None
    """What an aside was taken for."""
    client: str | None = None
    """The client, if it is a known one."""
    served: Served = field(default_factory=Served)
    """Who answers, as soon as that is known."""
    attachment: Attachment | None = None
    """Where the turn was put; `None` where nothing was."""


class Stored(Steered, SentStore, Protocol):
    """All that the road needs of a store."""

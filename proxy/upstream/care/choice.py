"""Which of a model's deployments is asked first.

Requests of one conversation go to the same deployment as long as it is well, for there its prefix is in the provider's cache; over
all conversations each deployment gets its share by weight. Both without any memory: a conversation ranks the deployments by a hash of
its beginning and their names (rendezvous hashing), and one that fails changes nothing for those that it did not serve.

Source: D. G. Thaler, C. V. Ravishankar, "Using name-based mappings to increase hit rates" (1998); weights as C. Schindelhauer and
G. Schomaker give them (2005). Shares follow LiteLLM's `weight`, else `rpm`, else `tpm`; `order` puts one group before another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.domain.message import Wire
from proxy.upstream.models import Model

_BEGINNING = 2
"""The messages that tell a conversation: as a rule the instructions and the first turn."""
_SHARES = ("weight", "rpm", "tpm")

_encode = msgspec.json.Encoder().encode


def ranked(deployments: Sequence[Model], messages: Sequence[Wire]) -> list[Model]:
    """All deployments, the one that shall be asked first of all in front."""
    if len(deployments) == 1:
        return list(deployments)
    beginning = _hash(_encode([message.get("content") for message in messages[:_BEGINNING]]))
    shares = dict(zip((one.id for one in deployments), shares_of(deployments), strict=True))
    return sorted(deployments, key=lambda one: (_order(one), _far(beginning, one.id, shares[one.id]), one.id))


def shares_of(deployments: Sequence[Model]) -> list[float]:
    """How much of the load each is to bear, up to a factor; equal shares where none says."""
    for name in _SHARES:
        told = [_number(one.params.get(name)) for one in deployments]
        if any(told):
            return told
    return [1.0] * len(deployments)


def _far(beginning: bytes, name: str, share: float) -> float:
    """A draw of the exponential distribution whose rate is the share: the smallest of several wins as often as its share says."""
    if share <= 0:
        return math.inf
    draw = int.from_bytes(_hash(beginning + name.encode())[:8], "big")
    return -math.log((draw + 1) / 2**64) / share


def _order(model: Model) -> float:
    order = model.params.get("order")
    return float(order) if isinstance(order, int | float) else math.inf


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


def _hash(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()

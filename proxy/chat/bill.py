"""What one request cost, and what it would have cost to send the client's whole history again.

The comparison is an honest one: the linear history is given the cache hits that it would have had, since all of it but the new turn was
sent before; and the calls of the router's scorer are taken off what was saved.
"""

from __future__ import annotations

from proxy.domain.message import Wire
from proxy.domain.placement import Attachment
from proxy.domain.turn import Price, Receipt
from proxy.domain.values import value
from proxy.operations.usage import tokens_of

CACHED_FROM = 1_024
"""Prompts shorter than this are not cached (OpenAI, prompt caching)."""


@value(frozen=True, slots=True)
class Prices:
    """What the models of one request cost; `None` where nobody knows."""

    model: Price | None
    scorer: Price | None
    attachment: Attachment
    """Tells the scorer's calls."""
    turn_tokens: int
    """Of the linear history, what is new: no cache has it."""


def bill(receipt: Receipt, usage: Wire | None, prices: Prices) -> Wire:
    """`cached_tokens` as reported, and `bill` where the price is known: US dollars, for this request alone.

    Attributes of `bill`: `cost` of the call; `linear_cost` of the same reply to the whole history that the client sent, in the
    provider's own count of tokens; `scorer_cost`; and `saved`, the second less the two others.
    """
    if usage is None:
        return {}
    cached = cached_of(usage)
    told: dict[str, object] = {"cached_tokens": cached}
    price = prices.model
    if price is None or not receipt.sent_tokens:
        return told
    prompt, completion = _number(usage, "prompt_tokens"), _number(usage, "completion_tokens")
    spoken = completion * price.completion
    cost = _prompt(price, prompt - (cached or 0), cached or 0) + spoken
    scale = prompt / receipt.sent_tokens
    linear, fresh = receipt.linear_tokens * scale, prices.turn_tokens * scale
    hit = max(0.0, linear - fresh) if linear >= CACHED_FROM else 0.0
    linear_cost = _prompt(price, linear - hit, hit) + spoken
    scorer_cost = _scorer(prices)
    told["bill"] = {
        "currency": "USD",
        "cost": round(cost, 8),
        "linear_cost": round(linear_cost, 8),
        "scorer_cost": None if scorer_cost is None else round(scorer_cost, 8),
        "saved": None if scorer_cost is None else round(linear_cost - cost - scorer_cost, 8),
    }
    return told


def cached_of(usage: Wire) -> int | None:
    """Prompt tokens that came from the provider's cache; `None` where it does not say (OpenAI, the usage object)."""
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict) and (cached := tokens_of(details.get("cached_tokens"))) is not None:
        return cached
    for name in ("cache_read_input_tokens", "prompt_cache_hit_tokens"):  # Anthropic's and DeepSeek's names
        if (cached := tokens_of(usage.get(name))) is not None:
            return cached
    return None


def _prompt(price: Price, fresh: float, cached: float) -> float:
    return fresh * price.prompt + cached * (price.prompt if price.cached is None else price.cached)


def _scorer(prices: Prices) -> float | None:
    """`None` where calls were made and nobody knows what they cost."""
    if not prices.attachment.calls:
        return 0.0
    if prices.scorer is None:
        return None
    asked, told = prices.attachment.prompt_tokens, prices.attachment.completion_tokens
    return asked * prices.scorer.prompt + told * prices.scorer.completion


def _number(usage: Wire, name: str) -> int:
    return tokens_of(usage.get(name)) or 0

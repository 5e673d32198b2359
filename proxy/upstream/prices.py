"""What models cost: as configured in LiteLLM's own words, else as LiteLLM knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.domain.turn import Price
from proxy.upstream.models import Model

PROMPT = "input_cost_per_token"
COMPLETION = "output_cost_per_token"
CACHED = "cache_read_input_token_cost"


def price_of(model: Model, known: Mapping[str, Any]) -> Price | None:
    """The price of a model; `None` where nobody knows.

    Args:
        known: What LiteLLM knows of it.
    """
    for told in (model.info, model.params, known):
        if isinstance(told.get(PROMPT), int | float) and isinstance(told.get(COMPLETION), int | float):
            cached = told.get(CACHED)
            return Price(
                float(told[PROMPT]),
                float(told[COMPLETION]),
                float(cached) if isinstance(cached, int | float) and cached else None,
            )
    return None

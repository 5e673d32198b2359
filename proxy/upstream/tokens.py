"""Exact token counts and input windows, as LiteLLM knows them, without a network."""

from __future__ import annotations

from typing import Any

from proxy.upstream import library
from proxy.upstream.models import MIRROR, Model

CHARACTERS_A_TOKEN = 4


def estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def count(model: Model, text: str) -> int:
    """Tokens of a text for a model: exact where its tokenizer is at hand, by a close relative elsewhere.

    Slow (some 0.2 ms a kB), so it belongs into a thread. Before LiteLLM is imported it is an estimate.
    """
    litellm = library.loaded()
    if litellm is None or model.lane == MIRROR:
        return estimate(text)
    return int(litellm.token_counter(model=model.target, text=text))


def window_tokens(model: Model, default_tokens: int) -> int:
    """The input window: as configured, else as LiteLLM knows it, else the default."""
    configured = model.info.get("max_input_tokens")
    if configured:
        return int(configured)
    litellm = library.loaded()
    known = None if litellm is None else _known_window(litellm, model)
    return known or default_tokens


def _known_window(litellm: Any, model: Model) -> int | None:
    try:
        return litellm.get_model_info(model.target).get("max_input_tokens") or None
    except Exception:  # noqa: BLE001  # unknown models raise a bare Exception
        return None

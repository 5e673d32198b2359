"""Exact token counts and input windows, as LiteLLM knows them, without a network."""

from __future__ import annotations

from collections.abc import Mapping
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


def configured_window(model: Model) -> int | None:
    window = model.info.get("max_input_tokens")
    return int(window) if window else None


def known(model: Model) -> Mapping[str, Any]:
    """What LiteLLM knows of a model; nothing for one that it does not know.

    It may ask the provider's server, so it belongs into a thread.
    """
    try:
        return library.load().get_model_info(model.target) or {}
    except Exception:  # noqa: BLE001  # unknown models raise a bare Exception
        return {}

"""Chats that the official client sends as they are, without a walk along the types of its parameters.

Before it sends a request, the client visits every value in it, to rename the fields and write the dates and files that the types of
its parameters mark. In those of a chat nothing is marked, so what comes out is what went in; with twenty messages the walk is two
thirds of all that a request costs on the LiteLLM lane. A test walks along the types themselves, and says when that is so no longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WALK = "async_maybe_transform"


def send_chats_untyped(completions: Any) -> None:
    """Let a module of the official client, the one that makes chat completions, leave out the walk; one without it is left alone."""
    if hasattr(completions, _WALK):
        setattr(completions, _WALK, given)


async def given(data: Mapping[str, Any], expected_type: object) -> dict[str, Any]:  # noqa: ARG001  # as it is called
    """The parameters that were given, which is all that the walk does to those of a chat."""
    from openai import NotGiven, Omit  # noqa: PLC0415  # comes with LiteLLM, as late as LiteLLM

    return {name: value for name, value in data.items() if not isinstance(value, (NotGiven, Omit))}

"""Token estimates: cheap enough for every request, exact enough for headers.

Exact counts come from the upstream floor, once per node; they are asked for only where a budget comes near.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.domain.fingerprint import canonical
from proxy.domain.message import Message

CHARACTERS_A_TOKEN = 4
"""English prose under OpenAI's tokenizers; other languages run higher, which the budget's margin covers."""
FRAME_TOKENS = 4
"""What the wrapping of one message costs (OpenAI cookbook, counting tokens for chat completions)."""
MEDIA_TOKENS = 765
"""A 1024 x 1024 image at high detail (OpenAI, vision guide); audio and files have no better guess."""


def estimate(message: Message) -> int:
    """Roughly how many tokens one message takes."""
    characters = len(message.text)
    media = 0
    content = message.wire.get("content")
    if isinstance(content, list):
        media = sum(1 for part in content if isinstance(part, dict) and "text" not in part)
    if message.tool_calls:
        characters += len(canonical(list(message.tool_calls)))
    return FRAME_TOKENS + -(-characters // CHARACTERS_A_TOKEN) + media * MEDIA_TOKENS


def estimate_all(messages: Iterable[Message]) -> int:
    return sum(estimate(message) for message in messages)

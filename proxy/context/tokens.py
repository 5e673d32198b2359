"""Token estimates: cheap enough for every request, exact enough for headers.

Exact counts come from the upstream floor, once per node; they are asked for only where a budget comes near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.domain.fingerprint import canonical
from proxy.domain.message import Message

BYTES_A_TOKEN = 4
"""English prose under OpenAI's tokenizers. Bytes, not letters: scripts that take more bytes take more tokens too."""
FRAME_TOKENS = 4
"""What the wrapping of one message costs (OpenAI cookbook, counting tokens for chat completions)."""
MEDIA_TOKENS = 765
"""A 1024 x 1024 image at high detail (OpenAI, vision guide); audio and files have no better guess."""

Count = Callable[[str], int]
"""Tokens of a text."""


def estimate(message: Message, text_tokens: int | None = None) -> int:
    """Roughly how many tokens one message takes; `text_tokens` says it exactly for its text."""
    wire = message.wire
    content = wire.get("content")
    if text_tokens is None and type(content) is str and not wire.get("tool_calls"):  # most messages are
        size = len(content) if content.isascii() else most(content)
        return FRAME_TOKENS - -size // BYTES_A_TOKEN
    if text_tokens is None:
        text_tokens = rough(message.text)
    calls = rough(canonical(list(message.tool_calls))) if message.tool_calls else 0
    return FRAME_TOKENS + text_tokens + calls + _media(message)


def weight(message: Message, count: Count) -> int:
    """Tokens of one message by a counter of text."""
    return FRAME_TOKENS + sum(count(text) for text in texts_of(message)) + _media(message)


def texts_of(message: Message) -> list[str]:
    """All that a tokenizer is to see of a message."""
    texts = [message.text, canonical(list(message.tool_calls)) if message.tool_calls else ""]
    return [text for text in texts if text]


def estimate_all(messages: Iterable[Message]) -> int:
    return sum(map(estimate, messages))


def rough(text: str) -> int:
    """About how many tokens a text takes; never less than a quarter of what any tokenizer over bytes can make of it."""
    return -(-(len(text) if text.isascii() else most(text)) // BYTES_A_TOKEN)


def most(text: str) -> int:
    """More tokens than this no tokenizer over bytes makes of a text: each takes one byte at least."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _media(message: Message) -> int:
    content = message.wire.get("content")
    if not isinstance(content, list):
        return 0
    return MEDIA_TOKENS * sum(1 for part in content if isinstance(part, dict) and "text" not in part)

"""Token estimates: cheap enough for every request, exact enough for headers.

Exact counts come from the upstream floor, once per node; they are asked for only where a budget comes near.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.domain.fingerprint import canonical
from proxy.domain.message import Message

BYTES_A_TOKEN = 4
"""English prose under OpenAI's tokenizers. Bytes, not letters: scripts that take more bytes take more tokens too."""
FRAME_TOKENS = 4
"""What the wrapping of one message costs (OpenAI cookbook, counting tokens for chat completions)."""
MEDIA_TOKENS = 765
"""A 1024 x 1024 image at high detail (OpenAI, vision guide); audio and files have no better guess."""


def estimate(message: Message, text_tokens: int | None = None) -> int:
    """Roughly how many tokens one message takes; `text_tokens` says it exactly for its text."""
    media = 0
    content = message.wire.get("content")
    if isinstance(content, list):
        media = sum(1 for part in content if isinstance(part, dict) and "text" not in part)
    if text_tokens is None:
        text_tokens = _rough(message.text)
    calls = _rough(canonical(list(message.tool_calls))) if message.tool_calls else 0
    return FRAME_TOKENS + text_tokens + calls + media * MEDIA_TOKENS


def estimate_all(messages: Iterable[Message]) -> int:
    return sum(estimate(message) for message in messages)


def _rough(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_A_TOKEN)

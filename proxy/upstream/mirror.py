"""`mirror`, the built-in offline model: a stand-in that answers with an account of the context it was sent.

It has no language model and says so. It is there so that a first start, a demo and a test show, without any key, which
earlier turns reach a model and which stay out. Equal contexts get equal answers; token figures are estimates.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

from proxy.domain.fingerprint import canonical
from proxy.domain.message import Message
from proxy.domain.turn import Asked, Chunk
from proxy.upstream.models import MIRROR
from proxy.upstream.tokens import estimate

_QUOTED_WORDS = 8
_QUOTED_TURNS = 5
_QUOTED_SYSTEM = 2
_WORDS_A_CHUNK = 4


async def ask(asked: Asked) -> AsyncGenerator[Chunk, None]:
    """The account of what was sent, streamed or whole."""
    messages = [Message(wire) for wire in asked.messages]
    text = account(messages)
    digest = hashlib.blake2b(canonical(list(asked.messages)).encode("utf-8", "surrogatepass"), digest_size=9)
    frame = {"id": f"chatcmpl-mirror-{digest.hexdigest()}", "created": int(time.time()), "model": MIRROR}
    usage = _usage(messages, text)
    if not asked.stream:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        yield Chunk({**frame, "object": "chat.completion", "choices": [choice], "usage": usage})
        return
    frame["object"] = "chat.completion.chunk"
    for delta, reason in [*((delta, None) for delta in _deltas(text)), ({}, "stop")]:
        yield Chunk({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    yield Chunk({**frame, "choices": [], "usage": usage})


def account(messages: Sequence[Message]) -> str:
    """What a model would have been given, in at most 120 words."""
    said = [message for message in messages if not message.is_system]
    earlier = [message.text for message in said[:-1] if message.role == "user"]
    lines = [
        "I am mirror, a stand-in without a language model: I only show what I was sent.",
        "",
        f"This time: {_counted(messages)}.",
    ]
    system = [message.text for message in messages if message.is_system]
    lines += [f"System text: {quote(text)}" for text in system[:_QUOTED_SYSTEM]]
    if earlier:
        lines.append("Earlier turns on this branch:")
        if len(earlier) > _QUOTED_TURNS:
            lines.append(f"- {len(earlier) - _QUOTED_TURNS} older ones")
        lines += [f"- {quote(text)}" for text in earlier[-_QUOTED_TURNS:]]
    else:
        lines.append("There are no earlier turns: a new topic.")
    if said:
        lines += ["", f"{_NEWEST.get(said[-1].role, 'The newest message')}: {quote(said[-1].text)}"]
    return "\n".join(lines)


_NEWEST = {"user": "Your new turn", "tool": "The newest tool result", "assistant": "The reply to go on with"}


def quote(text: str) -> str:
    """The first words of a text."""
    words = text.split()
    shown = " ".join(words[:_QUOTED_WORDS])[:80]
    return f'"{shown}{" ..." if len(words) > _QUOTED_WORDS or len(shown) == 80 else ""}"'


def _counted(messages: Sequence[Message]) -> str:
    counts = Counter(message.role for message in messages)
    told = ", ".join(f"{number} {role}" for role, number in counts.items())
    return f"{len(messages)} message{'s' if len(messages) != 1 else ''} ({told})"


def _deltas(text: str) -> Iterator[dict[str, Any]]:
    """The role, then a few words at a time; joined they are the text."""
    yield {"role": "assistant", "content": ""}
    words = text.split(" ")
    for start in range(0, len(words), _WORDS_A_CHUNK):
        piece = " ".join(words[start : start + _WORDS_A_CHUNK])
        yield {"content": piece + (" " if start + _WORDS_A_CHUNK < len(words) else "")}


def _usage(messages: Sequence[Message], text: str) -> dict[str, int]:
    prompt = sum(estimate(canonical(message.wire)) for message in messages)
    completion = estimate(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

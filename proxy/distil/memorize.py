"""Memories of branches: written by a language model as a typed DSPy program, or picked from what was said where there is none.

What a memory is made of is what people said on the path, without thinking blocks, without text that Graft placed, and without secrets.
A model that fails never fails the request: the picked sentences stand instead, and the answer says so and why.

DSPy is imported at the first memory that a model writes, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proxy.distil.extract import Said, extract
from proxy.distil.redaction import redact_all
from proxy.domain.memory import Told
from proxy.domain.ports import Scorer
from proxy.domain.tree import Node
from proxy.errors import InvalidRequest, ProxyError, ScorerFailed

if TYPE_CHECKING:
    from proxy.distil.memory_program import Memorist

READ_SHARE: Final = 0.5
"""Share of the model's window that the branch may take; the rest is for the prompt and the answer."""
LETTERS_A_TOKEN: Final = 3
DEADLINE_S: Final = 300.0
"""Small models on small machines write for minutes; whoever asks for a memory waits for it."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that writes memories."""

    scorer: Scorer
    name: str
    window_tokens: int
    schema: bool
    """It is known to honour a JSON schema as `response_format`."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """What became of a branch."""

    told: Told
    redacted: int
    """Secrets that were taken out."""
    model: str | None
    """Who wrote it; `None` where it was picked from what was said."""
    why: str | None = None
    """Why no model wrote it, where one was asked."""


async def memorize(path: Sequence[Node], writer: Writer | None, without_placed: Callable[[str], str]) -> Distilled:
    """Distil a path into a memory.

    Args:
        writer: The model; `None` picks sentences.
        without_placed: Takes out of a text what Graft placed in it.

    Raises:
        InvalidRequest: Nothing on the path was said in words.
    """
    conversation, redacted = await asyncio.to_thread(spoken, path, without_placed)
    if not conversation:
        raise InvalidRequest("Nothing on this branch was said in words; there is nothing to remember.", param="node_id")
    if writer is None:
        return Distilled(extract(conversation), redacted, None)
    try:
        told = await _written(conversation, writer)
    except ProxyError as exc:
        return Distilled(
            extract(conversation), redacted, None, f"The model {writer.name!r} gave no memory: {exc.message}"
        )
    clean, more = await asyncio.to_thread(redacted_told, told)
    return Distilled(clean, redacted + more, writer.name)


def spoken(path: Sequence[Node], without_placed: Callable[[str], str]) -> tuple[list[Said], int]:
    """What people said on a path, without what Graft placed and without secrets; and how many secrets there were."""
    said = [
        Said(node.message.role, without_placed(node.message.spoken).strip())
        for node in path
        if node.message.role in ("user", "assistant") and node.state != "unanswered"
    ]
    said = [one for one in said if one.text]
    texts, count = redact_all([one.text for one in said])
    return [one._replace(text=text) for one, text in zip(said, texts, strict=True)], count


def redacted_told(told: Told) -> tuple[Told, int]:
    """A memory without secrets, and how many there were."""
    texts, count = redact_all([told.title, told.problem, told.solution, told.content, *told.facts])
    title, problem, solution, content, *facts = texts
    return Told(title, problem, solution, tuple(facts), content), count


def shown(conversation: Sequence[Said], most: int) -> str:
    """A conversation as a model reads it: its beginning and its end, where it is longer than `most` characters."""
    whole = "\n\n".join(f"{one.role}: {one.text}" for one in conversation)
    if len(whole) <= most:
        return whole
    head = most // 4
    return f"{whole[:head]}\n\n(… left out …)\n\n{whole[head - most :]}"


async def _written(conversation: Sequence[Said], writer: Writer) -> Told:
    """Raises ScorerFailed and the UpstreamError family."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            program = await asyncio.to_thread(_program, writer)
            most = int(writer.window_tokens * READ_SHARE) * LETTERS_A_TOKEN
            return await program(shown(conversation, most))
    except TimeoutError as exc:
        raise ScorerFailed(f"it took longer than {DEADLINE_S:.0f} s.") from exc


def _program(writer: Writer) -> Memorist:
    from proxy.distil.memory_program import Memorist  # noqa: PLC0415 - imports DSPy

    return Memorist(writer.scorer, writer.window_tokens, schema=writer.schema)

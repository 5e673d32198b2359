"""Asking when unsure: a turn stays where its client is, and one line behind the reply offers the other place.

The line is Graft's, not the model's: it is put behind what passes to the client and is never part of what is stored. It comes
back in the client's history and is taken off again before anything is read, so no hash, no model and no memory ever sees it. A reply that
somebody reads by machine (tools, JSON, several choices) never gets one.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from proxy.domain.fingerprint import fold_text
from proxy.domain.message import Message, Wire
from proxy.domain.placement import Attachment
from proxy.domain.ports import TreeStore
from proxy.domain.tree import ROOT, Node, NodeId, UserId
from proxy.domain.turn import Chunk, Turn

YES = frozenset(
    {
        *("yes", "y", "yeah", "yep", "yup", "sure", "yes please", "yes, please", "please do", "do it"),
        *(
            "ja",
            "jep",
            "ja bitte",
            "ja, bitte",
            "oui",
            "si",
            "sì",
            "sí",
            "sim",
            "da",
            "да",
            "tak",
            "evet",
            "ano",
            "igen",
        ),
        *("kyllä", "はい", "是", "是的", "好", "好的", "네", "예", "हाँ", "نعم", "כן"),
    }
)
"""What is a yes when it is all that is said."""
TITLE_MAX = 60
"""Letters of an offered conversation that are told."""

_MARK = "(Graft: this looks like "
_LINE = re.compile(
    r"(?:(?<!\s)\s+)?\(Graft: this looks like [^\n]{1,400}\. Answer yes to (move it there|open it)\.\)\s*\Z"
)


@dataclass(frozen=True, slots=True)
class Between:
    """The two thresholds: above the upper one a turn is placed, below the lower one nothing is said."""

    low: float
    high: float

    def __contains__(self, chance: float) -> bool:
        return self.low <= chance < self.high


@dataclass(frozen=True, slots=True)
class Offer:
    """Another place for a turn."""

    parent_id: NodeId | None
    line: str

    @property
    def place(self) -> str:
        """As it is kept with the call."""
        return self.parent_id or ROOT


def may_ask(turn: Turn) -> bool:
    """Whether a person reads the reply as it is."""
    options = turn.options
    wanted = options.get("response_format")
    plain = not isinstance(wanted, Mapping) or wanted.get("type") == "text"
    modalities = options.get("modalities")
    spoken = isinstance(modalities, list) and "audio" in modalities
    machine = any(options.get(name) for name in ("tools", "functions", "logprobs"))
    return plain and not spoken and not machine and options.get("n") in (None, 1)


def weigh(attachment: Attachment, cursor: NodeId, between: Between) -> tuple[Attachment, NodeId | None] | None:
    """The place where the client is, and the one to be offered; `None` where nothing is to be asked."""
    if attachment.parent_id != cursor:
        if attachment.confidence not in between:
            return None
        stays = next((one.score for one in attachment.candidates if one.parent_id == cursor), 1 - attachment.confidence)
        reason = "unsure, so it stays where the client is"
        placed = replace(attachment, parent_id=cursor, route="continue", reason=reason, confidence=stays, unsure=True)
        return placed, attachment.parent_id
    runner_up = attachment.runner_up
    if not attachment.unsure or runner_up is None or runner_up.score not in between:
        return None
    return attachment, runner_up.parent_id


async def offer(store: TreeStore, user_id: UserId, parent_id: NodeId | None, cursor: NodeId) -> Offer:
    """The line that offers a place."""
    if parent_id is None:
        return Offer(None, f"{_MARK}a new topic. Answer yes to open it.)")
    title = _title(await store.path(user_id, parent_id), await store.path(user_id, cursor))
    return Offer(parent_id, f'{_MARK}it belongs to "{title}". Answer yes to move it there.)')


def without_lines(turn: Turn) -> tuple[Turn, bool]:
    """A turn whose history is free of offers, and whether it says yes to the last one."""
    bearing = [i for i, one in enumerate(turn.messages) if one.wire["role"] == "assistant" and _bears(one)]
    if not bearing:
        return turn, False
    messages = list(turn.messages)
    for index in bearing:
        messages[index] = _bare(messages[index])
    said = [i for i, message in enumerate(messages) if not message.is_system]
    accepts = len(said) > 1 and said[-2] in bearing and _says_yes(messages[said[-1]])
    return replace(turn, messages=messages), accepts


async def appended(chunks: AsyncGenerator[Chunk, None], line: str) -> AsyncGenerator[Chunk, None]:
    """An answer with the line behind its text; an answer that is no whole text stays as it is."""
    spoken = False
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk.is_whole:
                yield _whole(chunk, line)
                continue
            choice = _first(chunk)
            delta: Mapping[str, Any] = choice.get("delta") or {}
            spoken = spoken or bool(delta.get("content"))
            if choice.get("finish_reason") != "stop" or not spoken:
                yield chunk
                continue
            if delta:
                yield _piece(chunk, choice, delta, None)
            yield _piece(chunk, choice, {"content": f"\n\n{line}"}, None)
            yield _piece(chunk, choice, {}, "stop")


def _piece(chunk: Chunk, choice: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None) -> Chunk:
    usage = {} if reason is None else {name: chunk.wire[name] for name in ("usage",) if name in chunk.wire}
    wire = {name: value for name, value in chunk.wire.items() if name != "usage"}
    return Chunk({**wire, "choices": [{**choice, "delta": dict(delta), "finish_reason": reason}], **usage})


def _whole(chunk: Chunk, line: str) -> Chunk:
    choice = _first(chunk)
    message: Mapping[str, Any] = choice.get("message") or {}
    text = message.get("content")
    if choice.get("finish_reason") != "stop" or not isinstance(text, str) or not text:
        return chunk
    longer = {**choice, "message": {**message, "content": f"{text}\n\n{line}"}}
    return Chunk({**chunk.wire, "choices": [longer]})


def _first(chunk: Chunk) -> Mapping[str, Any]:
    choices = cast("Sequence[Mapping[str, Any]]", chunk.wire.get("choices") or ())
    return choices[0] if choices else {}


def _title(path: Sequence[Node], cursor: Sequence[Node]) -> str:
    """What its user said first where the offered path leaves the client's; on the client's own path, what was said there last."""
    known = {node.id for node in cursor}
    said = [node for node in path if node.message.role == "user"]
    apart = [node for node in said if node.id not in known]
    node = apart[0] if apart else said[-1] if said else path[-1]
    text = fold_text(node.message.spoken).replace('"', "'")
    return text if len(text) <= TITLE_MAX else f"{text[: TITLE_MAX - 1].rstrip()}…"


def _says_yes(message: Message) -> bool:
    return message.role == "user" and fold_text(message.text).casefold().strip(" .!,") in YES


def _bears(message: Message) -> bool:
    content = message.wire.get("content")
    if isinstance(content, str):
        return _MARK in content and _LINE.search(content) is not None
    return _MARK in message.text and _LINE.search(message.text) is not None


def _bare(message: Message) -> Message:
    content = message.wire["content"]
    if isinstance(content, str):
        return Message({**message.wire, "content": _LINE.sub("", content)})
    parts: list[Wire] = [
        {**part, "text": _LINE.sub("", part["text"])} if isinstance(part.get("text"), str) else part
        for part in cast("Sequence[dict[str, Any]]", content)
    ]
    return Message({**message.wire, "content": [part for part in parts if part.get("text") != ""]})

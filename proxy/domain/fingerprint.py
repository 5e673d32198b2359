"""Fingerprints: how a message and a transcript are recognised again.

Two forms stand beside each message. The *exact* one is identity: the same parent and the same exact form are the same node.
The *folded* one forgives what clients do to text on its way round (white space, Unicode form, a list of text parts in place
of a string, thinking blocks left out); it only ever finds the cursor, for an indentation fix is a new node.

A transcript is the chain of folded forms of what was said, system text left out: one hash for every prefix. The assistant
chain is the same over the assistant's messages alone, since a client may rewrite what its user wrote, never what we wrote.

Every hash is keyed with the user's own secret: it must not betray deleted or encrypted text, nor match another user's.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.domain.message import Message, Wire
from proxy.errors import InvalidRequest

Hash = str
"""32 hex digits: 128 bits of keyed BLAKE2b."""

_UPDATE = 2_047
"""Bytes hashed at a time: from 2048 on, hashlib hands the interpreter to other threads, which costs more than the hashing."""

_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode

NOTHING: Hash = ""
"""The chain before the first message."""


@dataclass(frozen=True, slots=True)
class Link:
    """One message's place in a transcript."""

    folded: Hash
    chain: Hash
    """Everything said up to and including this message."""
    assistants: Hash | None
    """The assistant's messages up to and including this one; `None` for other roles."""
    weight: int = 0
    """Length of the folded text: a long text is evidence, "Ok." is none."""


def keyed(key: bytes, *parts: str) -> Hash:
    """The keyed hash of some strings; their boundaries count."""
    pieces: list[bytes] = []
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        pieces += (len(encoded).to_bytes(8, "big"), encoded)
    whole = b"".join(pieces)
    digest = hashlib.blake2b(key=key, digest_size=16)
    for start in range(0, len(whole), _UPDATE):
        digest.update(whole[start : start + _UPDATE])
    return digest.hexdigest()


def exact(message: Message, key: bytes) -> Hash:
    """Identity: the whole message object, whatever the order of its keys."""
    return keyed(key, "exact", canonical(message.wire))


def folded(message: Message, key: bytes) -> Hash:
    """Recognition: role, folded text, media and tool calls."""
    return keyed(key, "folded", *_folded_parts(message))


def transcript(messages: Iterable[Message], key: bytes) -> list[Link]:
    """One link a message, system and developer text left out."""
    links: list[Link] = []
    link: Link | None = None
    assistants = NOTHING
    for message in messages:
        if message.is_system:
            continue
        link = extend(link, assistants, message, key)
        assistants = link.assistants or assistants
        links.append(link)
    return links


def extend(link: Link | None, assistants: Hash, message: Message, key: bytes) -> Link:
    """The link of one more message after `link`; `assistants` is the assistant chain so far."""
    parts = _folded_parts(message)
    mark = keyed(key, "folded", *parts)
    chain = keyed(key, "chain", link.chain if link else NOTHING, mark)
    follows = keyed(key, "assistants", assistants, mark) if message.role == "assistant" else None
    return Link(mark, chain, follows, weight=len(parts[1]))


def last_assistants(links: Sequence[Link]) -> Hash:
    """The assistant chain at the end of a transcript."""
    return next((link.assistants for link in reversed(links) if link.assistants), NOTHING)


def canonical(value: object) -> str:
    """JSON with sorted keys and no white space: equal values, equal text.

    Raises InvalidRequest for a value nested deeper than the interpreter can follow.
    """
    try:
        return _canonical(value)
    except RecursionError as exc:
        raise InvalidRequest("The request is nested too deeply.") from exc


def fold_text(text: str) -> str:
    """Text without differences that a reader does not see: Unicode form and runs of white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _folded_parts(message: Message) -> list[str]:
    wire = message.wire
    parts = [str(message.role), fold_text(message.spoken)]
    content = wire.get("content")
    if isinstance(content, list):
        parts += [canonical(part) for part in content if isinstance(part, dict) and "text" not in part]
    parts += [_called(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        parts.append(message.tool_call_id)
    if message.wire.get("function_call"):  # what tool calls were once
        parts.append(_called({"function": message.wire["function_call"]}))
    return parts


def _called(call: Wire) -> str:
    """A tool call by id, name and arguments; arguments are JSON in a string, spelt as each client likes."""
    function = call.get("function")
    if not isinstance(function, dict):
        return canonical(call)
    arguments = function.get("arguments")
    try:
        arguments = canonical(json.loads(arguments)) if isinstance(arguments, str) else canonical(arguments)
    except (ValueError, RecursionError):
        arguments = str(arguments)
    return canonical([call.get("id"), function.get("name"), arguments])

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

from proxy.domain.message import SYSTEM, Message, Wire, without_thinking
from proxy.domain.values import value
from proxy.errors import InvalidRequest

Hash = str
"""32 hex digits: 128 bits of keyed BLAKE2b."""

_UPDATE = 2_047
"""Bytes hashed at a time: from 2048 on, hashlib hands the interpreter to other threads, which costs more than the hashing."""

_BESIDE = 700
"""Bytes that a message takes in a `Memo` beside its text."""

_quoted = json.encoder.encode_basestring
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode

NOTHING: Hash = ""
"""The chain before the first message."""


@value(frozen=True, slots=True)
class Link:
    """One message's place in a transcript."""

    folded: Hash
    chain: Hash
    """Everything said up to and including this message."""
    assistants: Hash | None
    """The assistant's messages up to and including this one; `None` for other roles."""
    weight: int = 0
    """Length of the folded text: a long text is evidence, "Ok." is none."""


def keyed(key: bytes, *parts: str | bytes) -> Hash:
    """The keyed hash of some strings; their boundaries count."""
    whole = b""
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        whole += len(encoded).to_bytes(8, "big") + encoded
    digest = hashlib.blake2b(whole[:_UPDATE], key=key, digest_size=16)
    for start in range(_UPDATE, len(whole), _UPDATE):
        digest.update(whole[start : start + _UPDATE])
    return digest.hexdigest()


def exact(message: Message, key: bytes) -> Hash:
    """Identity: the whole message object, whatever the order of its keys."""
    wire = message.wire
    fields = [
        f"{_quoted(name)}:{_quoted(value) if type(value) is str else _spelt(value)}"
        for name, value in sorted(wire.items())
    ]
    return keyed(key, "exact", f"{{{','.join(fields)}}}")


def folded(message: Message, key: bytes) -> Hash:
    """Recognition: role, folded text, media and tool calls."""
    return keyed(key, "folded", *_folded_parts(message))


class Memo:
    """What was hashed lately. A client sends its whole history with every turn, so all but the end of it was here before.

    Messages are known by their own text, never by a hash of it. Nothing is dropped one by one: when a generation is full it
    becomes the old one, and what is asked for again moves on into the new.
    """

    def __init__(self, letters: int = 16_000_000) -> None:
        """`letters`: about how much text is kept, together with the room that each message takes beside it."""
        self._limit = letters // 2
        self._letters = 0
        self._marks: dict[tuple[bytes, object, object, str], tuple[Hash, int, Hash | None]] = {}
        """The folded hash, the length of the folded text and, where it was asked for, the exact hash of what is nothing but a text."""
        self._links: dict[tuple[Hash, Hash, Hash], Link] = {}
        self._old_marks = self._marks
        self._old_links = self._links

    def read(self, messages: Iterable[Message], key: bytes) -> tuple[list[Link], list[Hash | Wire]]:
        """The links of a transcript, as `transcript` makes them; and all its messages, texts by their exact hashes."""
        links: list[Link] = []
        told: list[Hash | Wire] = []
        link: Link | None = None
        chain = assistants = NOTHING
        for message in messages:
            wire = message.wire
            role, content = wire["role"], wire.get("content")
            # Most messages are nothing but role and content; they were here before, and cost two look-ups.
            known = self._marks.get((key, role, content, "")) if len(wire) == 2 and type(content) is str else None
            told.append((known and known[2]) or (self.exact(message, key) if message.is_text else wire))
            if role in SYSTEM:
                continue
            mark, weight, _ = known or self._mark(message, key)
            at = (chain, assistants, mark)
            link = self._links.get(at) or self._link(at, link, message, key, weight)
            chain, assistants = link.chain, link.assistants or assistants
            links.append(link)
        return links, told

    def extend(self, link: Link | None, assistants: Hash, message: Message, key: bytes) -> Link:
        """The same as `extend`; what comes again behind it is known."""
        mark, weight, _ = self._mark(message, key)
        at = (link.chain if link else NOTHING, assistants, mark)
        return self._links.get(at) or self._link(at, link, message, key, weight)

    def exact(self, message: Message, key: bytes) -> Hash:
        """The same as `exact`, sooner for a text."""
        if not message.is_text:
            return exact(message, key)
        at = (key, message.wire["role"], message.wire["content"], "")
        mark, weight, known = self._marks.get(at) or self._mark(message, key)
        if known is None:
            known = exact(message, key)
            self._marks[at] = mark, weight, known
        return known

    def _link(self, at: tuple[Hash, Hash, Hash], link: Link | None, message: Message, key: bytes, weight: int) -> Link:
        _, assistants, mark = at
        made = self._links[at] = self._old_links.get(at) or _linked(link, assistants, message, key, mark, weight)
        return made

    def _mark(self, message: Message, key: bytes) -> tuple[Hash, int, Hash | None]:
        wire = message.wire
        content = wire.get("content")
        if type(content) is not str and content is not None:
            return (*_marked(message, key), None)
        is_text = len(wire) == 2 and content is not None  # nothing but role and content
        calls = () if is_text else (wire.get("tool_calls"), wire.get("function_call"), wire.get("tool_call_id"))
        told = repr(calls) if any(calls) else ""
        at = (key, wire["role"], content or "", told)
        known = self._marks.get(at)
        if known is None:
            known = self._old_marks.get(at) or (*_marked(message, key), None)
            size = len(content or "") + len(told) + _BESIDE
            self._letters += size
            if self._letters > self._limit:
                self._old_marks, self._old_links = self._marks, self._links
                self._marks, self._links, self._letters = {}, {}, size
            self._marks[at] = known
        return known


def transcript(messages: Iterable[Message], key: bytes, memo: Memo | None = None) -> list[Link]:
    """One link a message, system and developer text left out."""
    if memo is not None:
        return memo.read(messages, key)[0]
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
    return _linked(link, assistants, message, key, *_marked(message, key))


def _linked(link: Link | None, assistants: Hash, message: Message, key: bytes, mark: Hash, weight: int) -> Link:
    chain = keyed(key, "chain", link.chain if link else NOTHING, mark)
    follows = keyed(key, "assistants", assistants, mark) if message.role == "assistant" else None
    return Link(mark, chain, follows, weight)


def _marked(message: Message, key: bytes) -> tuple[Hash, int]:
    """The folded hash, and the length of the folded text."""
    parts = _folded_parts(message)
    return keyed(key, "folded", *parts), len(parts[1])


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
    if text.isascii():
        if text.isprintable() and "  " not in text:  # no white space but single blanks
            return text.strip()
    else:
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _spelt(value: object) -> str:
    """The canonical form of one field that is no text: most hold nothing."""
    if value is None:
        return "null"
    return "[]" if value == [] else canonical(value)


def _folded_parts(message: Message) -> list[str]:
    wire = message.wire
    content, role = wire.get("content"), str(wire["role"])
    text = content if type(content) is str else message.text
    parts = [role, fold_text(without_thinking(text) if role == "assistant" else text)]
    if len(wire) == 2 and text is content:  # nothing but role and content, as most messages are
        return parts
    if isinstance(content, list):
        parts += [canonical(part) for part in content if isinstance(part, dict) and "text" not in part]
    parts += [_called(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        parts.append(message.tool_call_id)
    if wire.get("function_call"):  # what tool calls were once
        parts.append(_called({"function": wire["function_call"]}))
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

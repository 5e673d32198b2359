"""A stream's chunks out of its bytes, as reads bring them.

What is asked for on Graft's own account leaves no trace: a stream always brings usage, so that it can be accounted for; to a client
that did not ask for it, the `"usage": null` of every other chunk is taken out again (the usage chunk itself is kept back by the
door). Usage that rides on a chunk with choices is the provider's own way and passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from proxy.domain.turn import Chunk, Text
from proxy.errors import UpstreamError
from proxy.upstream import failures
from proxy.upstream.alike import Alike
from proxy.upstream.events import DONE, EventReader
from proxy.upstream.models import Model
from proxy.upstream.shapes import with_deltas
from proxy.upstream.spelling import encoded, is_half, object_in

_NO_USAGE = re.compile(rb'(?:(?<!\s)\s+)?"usage"\s*:\s*null\s*,|,\s*"usage"\s*:\s*null')
"""Cannot match inside a JSON string: a quote in there is escaped. Slow, for it is tried at every byte."""
_NO_USAGE_SPELLED = (b',"usage":null', b', "usage": null')
"""As most servers write it."""


class Reading:
    """One stream that is read."""

    def __init__(self, model: Model, *, usage_wanted: bool, any_shape: bool = False) -> None:
        """Begin.

        Args:
            any_shape: Chunks without choices and usage are chunks too, as they are for LiteLLM.
        """
        self._model = model
        self._any_shape = any_shape
        self._usage_wanted = usage_wanted
        self._events = EventReader()
        self._alike = Alike()
        self.done = False
        """Whether the stream has said that it is complete."""

    def of(self, data: bytes) -> Iterable[Chunk]:
        """The chunks that are complete with a read; no bytes are the end. Raises the UpstreamError family, between chunks too."""
        if not data:
            return self._each(self._events.end(), last=True)
        unread = self._events.unread()
        if unread is None:
            return self._each(self._events.feed(data))
        text, rest = self._alike.read(unread + data)
        if text is None:
            return self._anew(rest)
        return self._behind(text, rest) if rest else (text,)

    def _behind(self, text: Text, rest: bytes) -> Iterator[Chunk]:
        """Text, and what has come behind it."""
        payloads = self._events.feed(rest)
        text.followed = bool(payloads) and payloads[0] != DONE
        yield text
        yield from self._each(payloads)

    def _anew(self, data: bytes) -> Iterator[Chunk]:
        """The chunks of a read that is not like those before, which the next one may be like."""
        payloads = self._events.feed(data)
        is_whole = self._events.is_between
        for number, chunk in enumerate(self._each(payloads)):
            if not number and (is_whole or len(payloads) > 1):
                self._alike.learn(data, payloads, chunk)
            yield chunk

    def _each(self, payloads: list[bytes], *, last: bool = False) -> Iterator[Chunk]:
        """The chunks in payloads, up to the one that ends a stream.

        Args:
            last: Nothing follows: what is no JSON was cut in its middle.
        """
        if DONE in payloads:
            payloads, self.done = payloads[: payloads.index(DONE)], True
        for left, payload in enumerate(payloads, 1 - len(payloads)):
            chunk = self._chunk(payload, last=last)
            chunk.followed = left != 0
            yield chunk

    def _chunk(self, payload: bytes, *, last: bool) -> Chunk:
        """What a payload holds, read whole. Raises UpstreamError."""
        try:
            wire, payload = object_in(payload, self._model)
        except UpstreamError:
            if last or is_half(payload):  # cut in the middle of an event, whether or not that was closed
                raise failures.cut(self._model) from None
            raise
        if "choices" not in wire and "usage" not in wire and not self._any_shape:
            raise failures.answered(self._model, 200, {}, payload)
        if with_deltas(wire):
            payload = encoded(wire)
        told = payload
        if wire.get("object") != "chat.completion.chunk":  # some servers leave it out, or empty
            wire["object"] = "chat.completion.chunk"
        if not self._usage_wanted and wire.get("usage", wire) is None:
            del wire["usage"]
            told = _without_usage(payload) or encoded(wire)
        return Chunk(wire, told)


def _without_usage(payload: bytes) -> bytes | None:
    """A chunk without its `"usage": null`; `None` where there are more of them, below the top."""
    if payload.count(b'"usage"') == 1:
        for spelled in _NO_USAGE_SPELLED:
            if spelled in payload:
                return payload.replace(spelled, b"")
    payload, taken = _NO_USAGE.subn(b"", payload)
    return payload if taken == 1 else None

"""JSON as providers write it, and as it is passed on: the provider's own bytes, or mended ones where those are no JSON.

What can be understood all the same (`NaN`, half of a character) is written anew, for no client's parser need take it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from proxy.domain.turn import Chunk
from proxy.errors import UpstreamError
from proxy.upstream import failures
from proxy.upstream.models import Model
from proxy.upstream.shapes import readable

_SURROGATES = re.compile("[\ud800-\udfff]")
_ERROR_FIELDS = ("error", "message", "detail")

_decode = msgspec.json.Decoder().decode
_checked = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode


def encoded(value: object) -> bytes:
    """JSON; halves of characters, which only a foreign import can bring, are escaped."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):  # the latter for whole numbers of more than 64 bits
        return json.dumps(value).encode()


def spelt(wire: dict[str, Any]) -> Chunk:
    """A chunk that was made here, with its bytes; halves of characters are replaced."""
    try:
        return Chunk(wire, _encode(wire))
    except (UnicodeEncodeError, OverflowError):
        mended: dict[str, Any] = _whole_characters(wire)
        return Chunk(mended, encoded(mended))


def object_in(payload: bytes, model: Model) -> tuple[dict[str, Any], bytes]:
    """The JSON object in an answer, and its bytes: the provider's own, or mended ones where those were no JSON.

    Raises UpstreamError when it is none, or one that tells of an error.
    """
    try:
        value = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _lenient(payload)
        payload = encoded(value)
    if not isinstance(value, dict):
        raise UpstreamError(
            f"The model {model.name!r} answered with something that is not a JSON object.", model=model.name
        )
    if value.get("error") or ("choices" not in value and any(value.get(name) for name in _ERROR_FIELDS)):
        raise failures.answered(model, 200, {}, payload)
    if not readable(value.get("choices")):
        raise failures.unreadable(model)
    return value, payload


def is_half(payload: bytes) -> bool:
    """Whether it is the beginning of JSON."""
    try:
        _decode(payload)
    except msgspec.DecodeError as exc:
        return "truncated" in str(exc)
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def mended(body: bytes, model: Model) -> bytes:
    """An answer that nobody reads here, as JSON that its client can read. Raises UpstreamError where it is none."""
    try:
        _checked(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return object_in(body, model)[1]
    return body


def _lenient(payload: bytes) -> object:
    """JSON as Python writes it, too: numbers that are none (`NaN`, `Infinity`) become null, and halves of characters U+FFFD."""
    try:
        value: object = json.loads(payload, parse_constant=lambda _: None, parse_float=_finite)
        return _whole_characters(value)
    except (ValueError, RecursionError):
        return None


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _whole_characters(value: Any) -> Any:
    match value:
        case str():
            return _SURROGATES.sub("\ufffd", value)
        case list():
            return [_whole_characters(item) for item in value]
        case dict():
            return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
        case _:
            return value

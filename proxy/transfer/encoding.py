"""JSON out: one value, one line; equal values, equal bytes."""

from __future__ import annotations

import json

import msgspec

_encode = msgspec.json.Encoder().encode


def encoded(value: object) -> bytes:
    """JSON on one line."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        # Half an emoji, cut by a client, and very long integers are JSON to Python and not to msgspec.
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()

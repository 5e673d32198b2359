"""JSON on its way out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from pydantic import BaseModel


def rendered(value: Any) -> bytes:
    """JSON also of what msgspec refuses: half an emoji cut by a client, integers of any length."""
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python")
    raise TypeError(f"{type(value).__name__} has no JSON form")

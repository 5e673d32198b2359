"""Headers of a provider's error that a client may use; whatever way they came, they go through here.

A provider may send what it likes in a header, and HTTP takes most of it: bytes above 127, escape sequences, kilobytes. A client is told
what is plain and short, and nothing of the rest, for half an id finds no request at its provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_NAMES: Final = re.compile(r"x-ratelimit-[a-z0-9_-]+|anthropic-ratelimit-[a-z0-9_-]+|retry-after(-ms)?|(x-)?request-id")
_VALUES: Final = re.compile(r"[ -~]+")
_WAIT: Final = "retry-after-ms"
_WAITS: Final = re.compile(r"[0-9]{1,8}(\.[0-9]*)?")
"""Of that, what is no longer than a day or so. `Retry-After` itself is written anew."""
_LONGEST: Final = 200
"""Characters of a name and of a value; the longest ids of providers have about 60."""


def passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of a provider's headers that a client is told; names in lower case."""
    return {name: value for name, value in headers if _is_plain(name, value)}


def _is_plain(name: str, value: str) -> bool:
    if len(name) > _LONGEST or len(value) > _LONGEST:
        return False
    return bool(_NAMES.fullmatch(name) and (_WAITS if name == _WAIT else _VALUES).fullmatch(value))

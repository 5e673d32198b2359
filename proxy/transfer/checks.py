"""Values from files: decoded and checked, with the place of whatever is wrong.

A file may come from anywhere. What passes here can be stored, hashed and sent: shapes are those that the domain reads, numbers
fit the database, nothing nests deeper than the libraries behind can follow.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from proxy.domain.message import ROLES, Message
from proxy.errors import InvalidRequest

T = TypeVar("T")

TOP: Final = "the beginning"
"""The place of a whole document; paths begin below it."""
MAX_DEPTH: Final = 100
LAST_SECOND: Final = 253_402_300_799.0
"""The end of the year 9999, in seconds since 1970."""

_FIELDS: Final = frozenset(
    (
        "role",
        "content",
        "name",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "refusal",
        "audio",
        "annotations",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
    )
)
"""Fields of messages that models are sent, or sent themselves."""
_PATH: Final = re.compile(r"(?P<fault>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)


def fault(place: str, what: str) -> InvalidRequest:
    """The error for something wrong at a place such as `line 12` or `branches[2].messages[0]`."""
    return InvalidRequest(f"The file cannot be imported, and nothing was changed. At {place}: {what}", param=place)


def decoded(raw: bytes | msgspec.Raw, kind: type[T], place: str) -> T:
    """JSON of one type. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError as exc:
        raise fault(place, "it nests too deeply.") from exc
    except msgspec.ValidationError as exc:
        if "out of range" not in str(exc):
            raise _misfit(exc, place) from exc
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    # Half an emoji, cut by a client, and very long integers are JSON to Python and not to msgspec.
    return converted(_by_python(bytes(raw), place), kind, place)


def converted(value: object, kind: type[T], place: str) -> T:
    """A decoded value as one type. Raises InvalidRequest."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise _misfit(exc, place) from exc
    except RecursionError as exc:
        raise fault(place, "it nests too deeply.") from exc


def message(wire: Mapping[str, Any], place: str) -> Message:
    """A message that Graft can read. Raises InvalidRequest."""
    role = wire.get("role")
    if role not in ROLES:
        raise fault(f"{place}.role", f"{_shown(role)} is none of {', '.join(ROLES)}.")
    content = wire.get("content")
    if not (content is None or isinstance(content, str | list)):
        raise fault(f"{place}.content", f"text or a list of parts is needed, not {_shown(content)}.")
    _check_objects(content if isinstance(content, list) else None, f"{place}.content")
    calls = wire.get("tool_calls")
    if not (calls is None or isinstance(calls, list)):
        raise fault(f"{place}.tool_calls", f"a list is needed, not {_shown(calls)}.")
    _check_objects(calls, f"{place}.tool_calls")
    for name in ("tool_call_id", "name"):
        if not isinstance(wire.get(name), str | None):
            raise fault(f"{place}.{name}", f"text is needed, not {_shown(wire[name])}.")
    check_depth(wire, place)
    return Message(wire)


def foreign_message(fields: Mapping[str, Any], place: str) -> tuple[Message, dict[str, object]]:
    """A message of another program, and its fields that are no model's business. Raises InvalidRequest."""
    checked = message(fields, place)
    if checked.role != "assistant" and fields.get("content") is None:
        raise fault(f"{place}.content", "text or a list of parts is needed; only replies may have none.")
    if fields.keys() <= _FIELDS:
        return checked, {}
    wire = {name: value for name, value in fields.items() if name in _FIELDS}
    return Message(wire), {name: value for name, value in fields.items() if name not in _FIELDS}


def check_depth(value: object, place: str) -> None:
    """Raises InvalidRequest for what nests deeper than anything that people write."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise fault(place, f"it nests more than {MAX_DEPTH} levels deep.")


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    if isinstance(value, list):
        return [inner for inner in value if isinstance(inner, dict | list)]
    return []


def _check_objects(values: list[object] | None, place: str) -> None:
    for index, value in enumerate(values or ()):
        if not isinstance(value, dict):
            raise fault(f"{place}[{index}]", f"an object is needed, not {_shown(value)}.")


def _by_python(raw: bytes, place: str) -> object:
    try:
        return json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite)
    except RecursionError as exc:
        raise fault(place, "it nests too deeply.") from exc
    except json.JSONDecodeError as exc:
        at = f"line {exc.lineno}, column {exc.colno}" if b"\n" in raw else f"character {exc.pos + 1}"
        raise fault(place, f"this is not JSON: {exc.msg}, {at}.") from exc
    except ValueError as exc:
        raise fault(place, f"this is not JSON: {exc}.") from exc


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(f"the number {digits[:40]} is out of range")
    return number


def _misfit(exc: msgspec.ValidationError, place: str) -> InvalidRequest:
    found = cast("re.Match[str]", _PATH.fullmatch(str(exc)))
    path = found["path"]
    if path and place == TOP:
        return fault(path, f"{found['fault']}.")
    return fault(f"{place}{'' if path.startswith('[') else '.'}{path}" if path else place, f"{found['fault']}.")


def _shown(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:57]}..."

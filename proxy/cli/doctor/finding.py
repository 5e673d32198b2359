"""What one check found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table."""

    check: str
    state: State
    told: str
    do: str = ""
    """What to do; empty where all is well."""


def ok(check: str, told: str) -> Finding:
    return Finding(check, "ok", told)


def warn(check: str, told: str, do: str) -> Finding:
    """Something that works and may hurt."""
    return Finding(check, "warn", told, do)


def fail(check: str, told: str, do: str) -> Finding:
    """Something that does not work."""
    return Finding(check, "fail", told, do)

"""What a file of `routing.program` holds, looked at before DSPy is there to read it.

`graft optimize` writes such files. Whatever else is in a file is left to DSPy, which reads it once the port is open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from proxy.errors import ConfigError

PROMPT_VERSION = 2
"""Of the prompts in `signatures`; raised with every change to one."""

_AGAIN = "run `graft optimize` again, or leave the program out"


class _Field(msgspec.Struct):
    prefix: str
    description: str


class _Signature(msgspec.Struct):
    instructions: str
    fields: list[_Field]


class _Predictor(msgspec.Struct):
    signature: _Signature
    demos: list[dict[str, Any]]
    lm: dict[str, Any] | None


class _Made(msgspec.Struct):
    dependency_versions: dict[str, str]


class Saved(msgspec.Struct):
    """A compiled `PlaceTurn` as DSPy saves it."""

    compare: _Predictor
    find: _Predictor
    rank: _Predictor
    metadata: _Made
    prompt_version: int


class _Versioned(msgspec.Struct):
    prompt_version: Any = PROMPT_VERSION
    """One without is no program, which is told of it."""


def check(file: Path) -> None:
    """Raises ConfigError for a file that is not there, is no program of `graft optimize`, or was compiled for other prompts."""
    told = f"routing.program names {str(file)!r}, which"
    if not file.is_file():
        raise ConfigError(f"{told} is not there: `graft optimize` writes one.")
    if file.suffix != ".json":
        raise ConfigError(f"{told} does not end in .json: DSPy reads no other.")
    try:
        written = file.read_bytes()
        check_version(msgspec.json.decode(written, type=_Versioned).prompt_version)
        msgspec.json.decode(written, type=Saved)
    except OSError as exc:
        raise ConfigError(f"{told} cannot be read: {exc.strerror}.") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{told} is no program of `graft optimize`: {exc}; {_AGAIN}.") from exc


def check_version(version: object) -> None:
    """Raises ConfigError for a program of other prompts."""
    if version != PROMPT_VERSION:
        raise ConfigError(
            f"The routing program was compiled for prompts of version {version!r}, these are version {PROMPT_VERSION}: {_AGAIN}."
        )

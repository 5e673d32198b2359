"""Where the environments of real clients lie: under `build/clients`, each named by a digest of its pins.

A change of a pin therefore makes a new environment, and an old one is never half new. `install.py` makes them; tests only look.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).with_name("pins")
COMMAND = "python -m tests.clients.install"
AIDER_INSTALLS = sys.version_info < (3, 13)
"""aider 0.86 asks for Python 3.10 to 3.12."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with pinned packages in it."""

    name: str
    pins: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        read = [sys.version.encode(), *(pin.read_bytes() for pin in self.pins)]
        return ROOT / "build" / "clients" / f"{self.name}-{hashlib.sha256(b'|'.join(read)).hexdigest()[:12]}"

    @property
    def mark(self) -> Path:
        """A file that is there once everything is installed."""
        return self.folder / "complete"

    def program(self, name: str) -> Path:
        return self.folder / "bin" / name


LIBRARIES = Environment("libraries", (PINS / "libraries.txt",))
LITELLM = Environment("litellm", (PINS / "litellm.txt",))
AIDER = Environment("aider", (PINS / "aider.txt",))
NODE = Environment("node", (PINS / "node" / "package.json", PINS / "node" / "package-lock.json"))
ALL = (LIBRARIES, LITELLM, AIDER, NODE) if AIDER_INSTALLS else (LIBRARIES, LITELLM, NODE)

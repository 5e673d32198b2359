"""What training need not do twice: vectors of texts, and whole tables of measured decisions, in a folder of one's own.

Both are known by what they were made from, so that a change of the data or of the features measures anew. The files hold text
digests and numbers, no text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from proxy.routing.embedder import Embedder, Vectors
from proxy.routing.learn.table import Table

MEASURED_BY = (
    "reading/text",
    "reading/cues",
    "reading/tongue",
    "reading/tongues",
    "reading/germanic",
    "reading/romance",
    "reading/afar",
    "pairs",
    "supply",
    "vectors",
    "nodes",
    "part",
    "features",
    "shared",
    "evidence",
    "learn/draws",
    "learn/services",
    "learn/errands",
    "learn/lessons",
    "learn/dialogues",
    "learn/examples",
    "learn/table",
)
"""Modules that a table depends on."""


class Remembering:
    """An embedder that embeds each text once, and keeps the vectors in a folder if it is given one."""

    def __init__(self, inner: Embedder, folder: Path | None = None) -> None:
        self._inner = inner
        self.name, self.size = inner.name, inner.size
        self._file = folder / f"vectors-{inner.name}.npz" if folder else None
        self._known: dict[bytes, Vectors] = {}
        self._kept = 0
        if self._file is not None and self._file.exists():
            with np.load(self._file, allow_pickle=False) as arrays:
                self._known = {key.tobytes(): row for key, row in zip(arrays["keys"], arrays["vectors"], strict=True)}
            self._kept = len(self._known)

    def embed(self, texts: Sequence[str]) -> Vectors:
        keys = [_digest(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known.update(zip(new, self._inner.embed(list(new.values())), strict=True))
        rows = np.zeros((len(texts), self.size), np.float32)
        for row, key in enumerate(keys):
            rows[row] = self._known[key]
        return rows

    def keep(self) -> None:
        """Write what is new to the folder."""
        if self._file is not None and len(self._known) > self._kept:
            keys = np.array([np.frombuffer(key, np.uint8) for key in self._known])
            np.savez(self._file, keys=keys, vectors=np.stack(list(self._known.values())))
            self._kept = len(self._known)


def table(folder: Path | None, name: str, data: Sequence[bytes], measure: Callable[[], Table]) -> Table:
    """A table from the folder, or measured now and kept there for the next time."""
    if folder is None:
        return measure()
    digest = hashlib.blake2b(digest_size=8)
    for part in [*data, *(_source(module) for module in MEASURED_BY)]:
        digest.update(part)
    file = folder / f"decisions-{name}-{digest.hexdigest()}.npz"
    if not file.exists():
        measure().write(file)
    return Table.read(file)


def _source(module: str) -> bytes:
    return files("proxy.routing").joinpath(f"{module}.py").read_bytes()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

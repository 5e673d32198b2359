"""The process's memory: how much of what was freed is kept, when it is given back, and when garbage is looked for.

glibc keeps freed memory for later, and the more so the larger the pieces were that were freed: after a batch of embeddings, or after
a library was loaded, hundreds of megabytes. Other C libraries are left as they are.

Source: mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LIMITS = ((_MMAP_THRESHOLD, 1 << 20), (_TRIM_THRESHOLD, 2 << 20), (_ARENA_MAX, 2))
"""Pieces of a megabyte go back when they are freed, smaller ones when two megabytes of them lie at the end; two arenas, for threads
that each keep an arena of their own keep as many times as much."""


def limit() -> bool:
    """Keep little of what is freed; early in the process, before there are threads. False where the C library is not glibc."""
    libc = _glibc()
    if libc is None:
        return False
    taken = [libc.mallopt(name, value) == 1 for name, value in _LIMITS]
    return all(taken)


def one_thread() -> bool:
    """Let numpy multiply on the thread that asks; False where it was imported before, and has threads of its own by now.

    Placement multiplies small matrices. Handing them to other threads takes longer than the work, and each waits in a loop for more.

    Source: OpenBLAS, USAGE.md, `OPENBLAS_NUM_THREADS`.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return "numpy" not in sys.modules


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage meanwhile: modules make hundreds of thousands of objects and free hardly any. It takes an eighth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def grow() -> None:
    """Look for no garbage until `settle`: a process that is going to serve is put together, and imports its libraries."""
    gc.disable()


def settle() -> None:
    """Pass over what the libraries hold and give back what they freed; to be called once they are loaded.

    What they hold is never freed, and each look of the garbage collector at it costs a tenth of a second. A request makes thousands
    of objects and hardly a cycle among them, so it need not look after every 700 either.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


class Cycles:
    """Bytes that lie in objects which hold each other, and so stay until garbage is looked for.

    Garbage is looked for by the number of objects, whatever they weigh: answers of ten megabytes would pile up to gigabytes.
    """

    def __init__(self, most_bytes: int = 64 << 20) -> None:
        self._most_bytes, self._bytes = most_bytes, 0

    def add(self, size: int) -> None:
        """So many more, in bytes; looks for garbage when it is enough. What is in use yet is found the next time."""
        self._bytes += size
        if self._bytes >= self._most_bytes:
            self._bytes = 0
            gc.collect()


def _glibc() -> Any:
    """The C library of this process; `None` where it is another one."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):  # a platform without dlopen of itself
        return None
    return libc if hasattr(libc, "gnu_get_libc_version") else None

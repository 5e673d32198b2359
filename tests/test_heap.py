"""Memory that was freed goes back to the system, where the C library is glibc."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from proxy import heap

FREED = """
from pathlib import Path
from proxy import heap

def rss_mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

assert heap.limit()
before = rss_mib()
pieces = [b"x" * (64 * 1024 + number) for number in range(1600)]
grown = rss_mib() - before
del pieces
heap.settle()
print(grown, rss_mib() - before)
"""


def glibc() -> bool:
    return sys.platform == "linux" and heap._glibc() is not None


@pytest.mark.skipif(not glibc(), reason="only glibc is told how much to keep")
def test_what_was_freed_is_given_back() -> None:
    root = Path(heap.__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True, cwd=root)
    grown, left = map(float, told.stdout.split())
    assert grown > 80
    assert left < 20


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda _: object())
    assert heap.limit() is False


def test_what_is_loaded_is_looked_at_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    heap.grow()
    try:
        assert not gc.isenabled()
        heap.settle()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] == 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_no_garbage_is_looked_for_while_a_module_is_imported() -> None:
    with heap.importing():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_numpy_is_told_to_stay_on_one_thread_before_it_is_imported() -> None:
    told = "import os; from proxy import heap; first = heap.one_thread(); import numpy; print(first, heap.one_thread(), os.environ['OPENBLAS_NUM_THREADS'])"
    root = Path(heap.__file__).parents[1]
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=root, env=env)
    assert ran.stdout.split() == ["True", "False", "1"]


class Holding:
    """An object that holds itself, with what weighs something."""

    def __init__(self) -> None:
        self.itself = self


def test_what_holds_itself_is_looked_for_by_what_it_weighs() -> None:
    cycles = heap.Cycles(most_bytes=1000)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        left = weakref.ref(Holding())
        cycles.add(999)
        assert left() is not None
        cycles.add(1)
        assert left() is None
        left = weakref.ref(Holding())
        cycles.add(999)
        assert left() is not None
    finally:
        if was_enabled:
            gc.enable()

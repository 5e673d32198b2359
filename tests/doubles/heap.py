"""What this process holds of the C library's heap, which counts what libraries hold outside of Python too."""

from __future__ import annotations

import ctypes


class Mallinfo2(ctypes.Structure):
    """Source: mallinfo(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def malloc_mib() -> float:
    """What libraries and large Python objects hold of glibc's heap, once all that is free has been given back; 0 where it cannot tell."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return 0.0
    libc.malloc_trim(0)
    libc.mallinfo2.restype = Mallinfo2
    told = libc.mallinfo2()
    return float(told.uordblks + told.hblkhd) / 2**20

"""What one thread of the lab gives back, all of them can have again."""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
_M_ARENA_MAX = -8


def one_heap() -> None:
    """Have all threads of this process share one heap, where the C library would give each of them its own (glibc).

    They take turns anyway. What is made by one and given back by another would keep the heaps growing, run after run.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)

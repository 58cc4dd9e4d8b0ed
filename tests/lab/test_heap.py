"""The threads of a lab share one heap."""

import subprocess
import sys

import pytest

_HEAPS = """
import ctypes, sys, threading
from harness.lab.heap import one_heap
if sys.argv[1] == "shared":
    one_heap()
held, together = [], threading.Barrier(8)
def hold():
    together.wait()
    held.extend(bytes(4096) for _ in range(100))
    together.wait()
threads = [threading.Thread(target=hold) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.parametrize(("how", "several"), [("shared", False), ("apart", True)])
def test_threads_share_one_heap_once_they_are_told(how: str, several: bool) -> None:
    told = subprocess.run([sys.executable, "-c", _HEAPS, how], capture_output=True, text=True, check=True).stdout
    assert (told.count("<heap ") > 1) is several

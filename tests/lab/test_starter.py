"""What a lab that is coming up learns of the one who started it."""

from __future__ import annotations

import os
import threading

from harness.lab.starter import when_nobody_reads


def test_a_reader_that_closes_is_noticed_and_one_that_stays_is_not() -> None:
    reader, writer = os.pipe()
    gone = threading.Event()
    when_nobody_reads(writer, gone.set)
    os.write(writer, b"a line\n")
    assert not gone.wait(0.2)
    os.close(reader)
    assert gone.wait(10)
    os.close(writer)

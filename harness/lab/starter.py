"""A lab that is coming up knows whether somebody still waits for it: the reader of its standard output."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable


def when_nobody_reads(descriptor: int, told: Callable[[], None]) -> None:
    """Have `told` called, in a thread, once the last reader of this pipe has closed it; a killed one has, too."""

    def wait() -> None:
        poll = select.poll()
        # An error is reported unasked; that there is room to write is not wanted.
        poll.register(descriptor, 0)
        poll.poll()
        told()

    threading.Thread(target=wait, name="starter", daemon=True).start()

"""The word that a lab is to end, which its process waits for."""

from __future__ import annotations

import os
import signal


class Ending:
    """Told by a signal that has a handler, or by a thread; to be made in the main thread, once in a process.

    An Event that a handler sets is not enough: Python calls handlers between two steps of the main thread, and of a
    signal that comes just before it begins to wait it would never hear.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def tell(self) -> None:
        os.write(self._write, b"\0")

    def wait(self) -> None:
        """Return once it has been told, be it long ago."""
        os.read(self._read, 1)

"""A lab hears that it is to end, however soon that is said."""

import subprocess
import sys

import pytest

_PROGRAM = """
import os, signal, threading
from harness.lab.ending import Ending
ending = Ending()
signal.signal(signal.SIGTERM, lambda *_: None)
{word}
ending.wait()
print("heard")
"""


@pytest.mark.parametrize(
    "word",
    [
        "os.kill(os.getpid(), signal.SIGTERM)",
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()",
        "ending.tell()",
        "threading.Timer(0.2, ending.tell).start()",
        "[ending.tell() for _ in range(1000)]",
    ],
)
def test_a_word_is_heard_before_and_while_it_is_waited_for(word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(word=word)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "heard\n"


def test_without_a_word_nothing_is_heard() -> None:
    program = _PROGRAM.format(word="")
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=1.5, check=True)

"""The lab's log, written as CloudStack's management server writes its own: a job's lines have its logid."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

# Source: AsyncJobManagerImpl puts the first characters of a job's id into the context of its thread's log lines.
_LENGTH = 8
_OF_JOB: ContextVar[str] = ContextVar("logid", default="")


@contextmanager
def of_job(job_id: str) -> Iterator[None]:
    """What this thread logs meanwhile belongs to the job."""
    token = _OF_JOB.set(job_id[:_LENGTH])
    try:
        yield
    finally:
        _OF_JOB.reset(token)


def logid() -> str:
    """By which the lines of the job can be found for which this thread works; "" where it works for none."""
    return _OF_JOB.get()


class _Formatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-5s [%(name)s] (%(threadName)s) (logid:%(logid)s) %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.logid = logid()
        return super().format(record)


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """What this process has to say goes to this file, from INFO on."""
    root, handler = logging.getLogger(), logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(_Formatter())
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()

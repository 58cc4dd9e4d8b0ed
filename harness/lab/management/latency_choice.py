"""Which latencies a person asks for: a preset by its name, perhaps sped up, or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from harness.errors import HarnessError
from harness.lab.management.latency import INSTANT, Latencies, Operation
from harness.toml_file import Table, read

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Given = Seconds | tuple[Seconds, Seconds]

# What a small cloud with shared storage takes, roughly.
_REAL_CLOUD = Latencies(
    {
        Operation.DEPLOY: (25, 25),
        Operation.START: (12, 12),
        Operation.STOP: (6, 6),
        Operation.REBOOT: (8, 8),
        Operation.SCALE: (4, 4),
        Operation.MIGRATE: (15, 15),
        Operation.DESTROY: (8, 8),
    }
)
_PRESETS = {"instant": INSTANT, "real-cloud": _REAL_CLOUD}
_DIVIDED = re.compile(r"(?P<name>[a-z-]+)/(?P<factor>[0-9]*\.?[0-9]+)")


class LatencyError(HarnessError):
    """There are no such latencies."""


class _LatencyFile(Table):
    """Seconds of each operation: a number, or the shortest and the longest time to draw from."""

    seed: int = 0
    deploy: Given = 0
    start: Given = 0
    stop: Given = 0
    reboot: Given = 0
    scale: Given = 0
    migrate: Given = 0
    destroy: Given = 0

    @field_validator(*(operation.value for operation in Operation))
    @classmethod
    def _check(cls, given: float | tuple[float, float]) -> float | tuple[float, float]:
        if isinstance(given, tuple) and given[0] > given[1]:
            raise ValueError("the shortest time comes first")
        return given

    def latencies(self) -> Latencies:
        given = {operation: getattr(self, operation.value) for operation in Operation}
        ranges = {op: value if isinstance(value, tuple) else (value, value) for op, value in given.items()}
        return Latencies({op: both for op, both in ranges.items() if both[1] > 0}, self.seed)


def latencies_of(choice: str) -> Latencies:
    """`instant`, `real-cloud`, `real-cloud/10` for a tenth of it, or else the path of a TOML file.

    Raises:
        LatencyError: a factor of 0, a file that cannot be read, or one that says something else.
    """
    if choice in _PRESETS:
        return _PRESETS[choice]
    divided = _DIVIDED.fullmatch(choice)
    if divided is not None and divided["name"] in _PRESETS:
        if float(divided["factor"]) == 0:
            raise LatencyError(f"{choice}: cannot be divided by 0; give a larger factor")
        return _PRESETS[divided["name"]].divided(float(divided["factor"]))
    return read(Path(choice), _LatencyFile, LatencyError, given_as="--latency").latencies()

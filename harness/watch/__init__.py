"""Follows a cloud's scales and migrations as they happen, and holds each against its prediction."""

from harness.watch.records import Verdict, WatchedLine
from harness.watch.watch import Watch

__all__ = ["Verdict", "Watch", "WatchedLine"]

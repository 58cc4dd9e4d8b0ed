"""Audits a running cloud without changing it: which instances can be scaled live, and what is wrong with the others.

>>> from pathlib import Path
>>> from harness.audit import Bounds, Selection, audit
>>> from harness.run.environment import load
>>> found = audit(load(Path("cloud.toml")), Path("audit"), Selection(cluster="cluster-a"), Bounds(max_ssh=4))
>>> [line.instance_name for line in found.instances if not line.is_ready]
[]
"""

from harness.audit.audit import Audit, Bounds, audit
from harness.audit.records import CloudLine, EndLine, Grade, HostLine, InstanceLine, StateLine
from harness.audit.selection import Selection

__all__ = [
    "Audit",
    "Bounds",
    "CloudLine",
    "EndLine",
    "Grade",
    "HostLine",
    "InstanceLine",
    "Selection",
    "StateLine",
    "audit",
]

"""What the operations of the management brain work with: state, agents, disks, jobs, and what time they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.disks import Disks
from harness.lab.faults.registry import Faults
from harness.lab.management.jobs import Job, JobRunner, Result, Work
from harness.lab.management.latency import Pace
from harness.lab.management.model import InstanceRecord, User
from harness.lab.management.state import CloudState
from harness.lab.seams import Seams
from harness.reference.refusal import render_instance


@dataclass(frozen=True)
class Patience:
    """Deadlines: of a guest to shut down by itself (the agent's stop.script.timeout), of a live migration.

    `ping_seconds` lie between two questions to the hosts what runs on them (ping.interval).
    """

    stop_seconds: float = 120.0
    migrate_seconds: float = 300.0
    ping_seconds: float = 60.0


@dataclass(frozen=True)
class Cloud:
    """The parts of one management server; `agents` by host id."""

    state: CloudState
    agents: Mapping[str, KvmAgent]
    disks: Disks
    jobs: JobRunner
    patience: Patience
    pace: Pace
    faults: Faults = field(default_factory=Faults)

    @property
    def seams(self) -> Seams:
        """What decides here, as it is now."""
        return self.state.seams

    def agent_of(self, instance: InstanceRecord) -> KvmAgent:
        """The agent of the host that an instance runs on. Raises KeyError where it has none."""
        return self.agents[instance.host_id or ""]

    def do_in_line(self, instance_id: str, user: User, java: str, act: Callable[[], object]) -> Job:
        """A job of the cloud's own, in the instance's line: after whatever is being done with it."""

        def run() -> Result:
            if instance_id in self.state.instances:
                act()
            return {"success": True}

        return self.jobs.submit(java, user, Work(instance_id, run, "VirtualMachine", instance_id))

    def note(
        self,
        kind: str,
        text: str,
        instance: InstanceRecord,
        user: User,
        *,
        level: str = "INFO",
        state: str = "Completed",
    ) -> None:
        """Write an event about an instance."""
        resource = ("VirtualMachine", instance.id, instance.name)
        self.state.events.add(kind, text, user, state=state, level=level, resource=resource)


def rendered(instance: InstanceRecord) -> str:
    """An instance as it stands in CloudStack's texts."""
    return render_instance(instance.database_id, instance.instance_name, instance.state, instance.id)

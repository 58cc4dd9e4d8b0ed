"""Cases in several processes (pytest-xdist): one reaches the cloud and keeps the record, the others are invited."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.errors import HarnessError
from harness.pytest_plugin.cases import CONTEXT

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import NodeManager, WorkerController

    from harness.run.verification import Invitation, Verification

_WORKERS: pytest.StashKey[Workers] = pytest.StashKey()
# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_INPUT = "harness_invitation"
# A lab on KVM hosts may have to make its guest image first.
_INVITATION_SECONDS = 900.0
# A worker that is in the middle of a case is not waited for longer: what it leaves is in the ledger.
_END_SECONDS = 1.0
# Of an invitation that is there as a whole.
_END_OF_LETTER = "\n"


class Workers:
    """The processes of a run, seen from the one that owns it."""

    def __init__(self, nodes: NodeManager) -> None:
        self._nodes = nodes
        # It has secrets in it, so it is in no folder, where it would stay after a kill.
        self._letter = os.memfd_create("cs-harness-invitation")
        self._ended = False
        self.chains: Mapping[str, str] | None = None
        self.beginning: Sequence[str] = ()

    @property
    def count(self) -> int:
        return len(self._nodes.specs)

    @property
    def invitation_file(self) -> Path:
        return Path(f"/proc/{os.getpid()}/fd/{self._letter}")

    @contextmanager
    def inviting(self, verification: Verification) -> Iterator[None]:
        """Invite them when the block has reached the cloud, or tell them that it did not."""
        from harness.run.verification import Invitation

        try:
            yield
        except HarnessError as failure:
            self._send(Invitation(refusal=str(failure)))
            raise
        self._send(verification.invitation)

    def _send(self, invitation: Invitation) -> None:
        self.invitation_file.write_text(invitation.model_dump_json() + _END_OF_LETTER, encoding="utf-8")

    def end(self) -> None:
        """End those that still run; safe to call twice."""
        self._nodes.group.terminate(timeout=_END_SECONDS)
        if not self._ended:
            self._ended = True
            os.close(self._letter)


def workers_of(config: pytest.Config) -> Workers | None:
    """The run's workers, or None where cases run in this process."""
    return config.stash.get(_WORKERS, None)


def pytest_configure_node(node: WorkerController) -> None:
    workers = node.config.stash.get(_WORKERS, None)
    if workers is None:
        workers = node.config.stash[_WORKERS] = Workers(node.nodemanager)
    node.workerinput[_INPUT] = str(workers.invitation_file)


@contextmanager
def joined(config: pytest.Config) -> Iterator[None]:
    """In a worker: take part in the run to which its owner invites, once that has reached the cloud."""
    from harness.run.session import Session
    from harness.run.verification import Invitation, join
    from harness.waiting import wait_until

    _die_with_the_owner()
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    file = Path(worker[_INPUT])
    letter = wait_until(
        "the run to begin",
        lambda: file.read_text(encoding="utf-8"),
        lambda text: text.endswith(_END_OF_LETTER),
        _INVITATION_SECONDS,
        first_pause_s=0.02,
        longest_pause_s=0.05,
    )
    context = join(Invitation.model_validate_json(letter), worker["workerid"])
    config.stash[CONTEXT] = context
    try:
        yield
    finally:
        if isinstance(context.connected, Session):
            context.connected.close()


def _die_with_the_owner() -> None:
    """A worker whose run was killed must make nothing more: a clean-up may be at it already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ChainScheduling(LoadScopeScheduling):
    """Gives cases that cannot overlap to one worker, one after another, and every other case to whoever is free."""

    def __init__(
        self, config: pytest.Config, log: Producer | None, chains: Mapping[str, str], beginning: Sequence[str]
    ) -> None:
        """`chains` by case; `beginning` are chains, and cases of none, that begin before all others, in this order."""
        super().__init__(config, log)
        self._chains = chains
        self._beginning = beginning
        # The order of collection is the one we want.
        config.option.loadscopereorder = False

    def schedule(self) -> None:
        """Give out the cases, the first time, or what is left of them."""
        if self.collection is None:
            for scope in self._beginning:
                # Its cases will be put here, where it stands in line.
                self.workqueue[scope] = {}
        super().schedule()

    def remove_node(self, node: WorkerController) -> str | None:
        """What a worker had not begun when it died goes to others; the case at which it died does not.

        xdist's own (3.8) gives that to the next worker as well, which then dies of it.
        """
        work = self.assigned_work.pop(node)
        left = [(scope, nodeid) for scope, unit in work.items() for nodeid, done in unit.items() if not done]
        if not left:
            return None
        for scope, nodeid in left[1:]:
            self.workqueue.setdefault(scope, {})[nodeid] = False
        for other in self.assigned_work:
            self._reschedule(other)
        return left[0][1]

    def _split_scope(self, nodeid: str) -> str:
        return self._chains.get(nodeid, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ChainScheduling | None:
    workers = workers_of(config)
    if workers is None or workers.chains is None:
        return None
    return ChainScheduling(config, log, workers.chains, workers.beginning)

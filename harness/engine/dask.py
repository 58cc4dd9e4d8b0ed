"""Parts on the workers of a Dask cluster: one that is running, or one of processes on this machine."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness.engine.parts import Done, P, Part, R
from harness.errors import HarnessError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

_PACKAGE = "cloudstack-scaling-harness"
# A part whose worker is lost is given to another one; lost once more it is a failure.
ALLOWED_FAILURES = "distributed.scheduler.allowed-failures"
_CONNECT_S = 10


class EngineError(HarnessError):
    """The engine cannot be used; the text says why."""


class Dask:
    """A PartsEngine. `address` is `dask://scheduler:8786`, or `local:4` for that many processes on this machine.

    On a running cluster its scheduler's `distributed.scheduler.allowed-failures` decides how often a part is given to
    another worker; 1 is what a local one has.

    Raises:
        EngineError: the extra is not installed, nothing answers there, or workers have another harness.
    """

    def __init__(self, address: str) -> None:
        try:
            import dask
            import distributed
        except ImportError:
            raise EngineError(f"--engine {address} needs Dask: install {_PACKAGE}[dask]") from None
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.address = address
        self._cluster: LocalCluster | None = None
        local = re.fullmatch(r"local:(\d{1,3})", address)
        remote = re.fullmatch(r"dask://(\S+:\d+)", address)
        if local is not None and int(local[1]):
            with dask.config.set({ALLOWED_FAILURES: 1}):
                self._cluster = distributed.LocalCluster(
                    n_workers=int(local[1]),
                    threads_per_worker=1,
                    processes=True,
                    # Without one its HTTP server listens on port 8787 of every interface.
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    host="127.0.0.1",
                )
            where: Any = self._cluster
        elif remote is not None:
            where = f"tcp://{remote[1]}"
        else:
            raise EngineError(f"--engine {address}: give dask://host:port or local:processes")
        try:
            self.client: Client = distributed.Client(where, timeout=_CONNECT_S, set_as_default=False)
        except OSError as failure:
            self.close()
            reason = " ".join(str(failure).split())
            raise EngineError(f"--engine {address}: no Dask scheduler answers there: {reason}") from None
        self._check()

    def _check(self) -> None:
        ours = version(_PACKAGE)
        try:
            theirs = self.client.run(version, _PACKAGE)
        except ImportError:
            theirs = {"a worker": "none"}
        self.close_unless(bool(theirs), "it has no workers; start one with `dask worker`")
        others = {worker: other for worker, other in theirs.items() if other != ours}
        self.close_unless(not others, f"workers need {_PACKAGE} {ours}; there is {others}")

    def close_unless(self, good: bool, says: str) -> None:
        """Raises EngineError."""
        if not good:
            self.close()
            raise EngineError(f"--engine {self.address}: {says}")

    @property
    def width(self) -> int:
        """As many parts as there are workers."""
        return max(1, len(self._workers()))

    def _workers(self) -> dict[str, str]:
        """Names by address."""
        found = self.client.scheduler_info(n_workers=-1)["workers"]
        return {address: str(worker["name"]) for address, worker in found.items()}

    def carry_out(
        self, work: Callable[[P], R], parts: Sequence[Part[P]], at_once: int | None = None
    ) -> Iterator[Done[R]]:
        """No more of them are under way than there are workers, so that one that is lost loses little.

        A HarnessError of the work is that part's failure, and so is the loss of its worker, again, after it was given
        to another one. Any other error passes through.
        """
        from distributed import as_completed

        waiting, under_way = list(reversed(parts)), as_completed(loop=self.client.loop)
        keys: dict[str, str] = {}

        def begin() -> Iterator[Done[R]]:
            while waiting and len(keys) < (self.width if at_once is None else min(self.width, at_once)):
                part = waiting.pop()
                allowed = self._near(part)
                if allowed == []:
                    yield Done(part.key, None, f"no worker's name begins with {part.near!r}")
                    continue
                future = self.client.submit(work, part.what, pure=False, retries=0, workers=allowed)
                keys[future.key] = part.key
                under_way.add(future)

        yield from begin()
        while keys:
            future = next(under_way)
            yield self._done(keys.pop(future.key), future)
            yield from begin()

    def _near(self, part: Part[Any]) -> list[str] | None:
        if part.near is None:
            return None
        return [address for address, name in self._workers().items() if name.startswith(part.near)]

    def _done(self, key: str, future: Future) -> Done[Any]:
        from distributed.scheduler import KilledWorker

        try:
            return Done(key, future.result(), None)
        except KilledWorker:
            return Done(key, None, "the workers that had it were lost, one after the other")
        except HarnessError as failure:
            return Done(key, None, str(failure))
        finally:
            future.release()

    def close(self) -> None:
        """Leave the cluster; one on this machine ends."""
        if getattr(self, "client", None) is not None:
            self.client.close()
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

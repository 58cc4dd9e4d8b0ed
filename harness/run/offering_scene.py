"""The offerings of a case: made of any class, and written down before they are made."""

from __future__ import annotations

import itertools
from dataclasses import replace

from harness.cloud import offerings
from harness.cloud.client import PARAMETER_ERROR, ApiError
from harness.cloud.entities import HostRecord, OfferingRecord
from harness.reference.offering import CustomParameters, Offering, OfferingClass, Size, parameters_for
from harness.reference.release import Release
from harness.run.ledger import Change, OfferingMade
from harness.run.permits import CannotArrangeError
from harness.run.scene import Scene
from harness.run.session import Session
from harness.run.steps import Steps

# How CloudStack begins to tell the range that a size has to be in (ConfigurationManagerImpl.createServiceOffering).
_OUT_OF_RANGE = ("specify the cpu number value between", "specify the memory value between")
NO_TAGS: frozenset[str] = frozenset()


class OfferingScene(Scene):
    """A scene that makes offerings, and names what a case makes."""

    def __init__(self, session: Session, case_id: str, run_id: str, steps: Steps, home: HostRecord) -> None:
        super().__init__(session, steps, home)
        self.case_id = case_id
        self._name = f"csh-{run_id}-{case_id}".lower()
        self._numbers = itertools.count(1)

    @property
    def release(self) -> Release:
        return self.session.inventory.release

    def fixed(
        self,
        cpus: int,
        speed_mhz: int,
        memory_mib: int,
        *,
        cap: bool = False,
        dynamic: bool = True,
        tags: frozenset[str] = NO_TAGS,
    ) -> Offering:
        """Create a fixed offering; `tags` are what it demands of hosts."""
        return self._create(
            Offering("", "", cpus, speed_mhz, memory_mib, cpu_cap=cap, dynamic_scaling=dynamic, host_tags=tags)
        )

    def constrained(
        self,
        cpus: tuple[int, int],
        speed_mhz: int,
        memory_mib: tuple[int, int],
        *,
        cap: bool = False,
        dynamic: bool = True,
    ) -> Offering:
        """Create a custom constrained offering with these ranges."""
        return self._create(
            Offering(
                "",
                "",
                None,
                speed_mhz,
                None,
                cpu_cap=cap,
                dynamic_scaling=dynamic,
                min_cpus=cpus[0],
                max_cpus=cpus[1],
                min_memory_mib=memory_mib[0],
                max_memory_mib=memory_mib[1],
            )
        )

    def unconstrained(self, *, cap: bool = False, dynamic: bool = True, tags: frozenset[str] = NO_TAGS) -> Offering:
        """Create a custom offering that leaves everything to the instance's parameters."""
        return self._create(Offering("", "", None, None, None, cpu_cap=cap, dynamic_scaling=dynamic, host_tags=tags))

    def offering(
        self, offering_class: OfferingClass, size: Size, *, cap: bool = False, dynamic: bool = True
    ) -> tuple[Offering, CustomParameters]:
        """Create an offering of this class; with it come the parameters that make it this size.

        A constrained one allows up to four times the vCPUs and the memory.
        """
        if offering_class is OfferingClass.FIXED:
            offering = self.fixed(size.cpus, size.speed_mhz, size.memory_mib, cap=cap, dynamic=dynamic)
        elif offering_class is OfferingClass.CONSTRAINED:
            cpus, memory_mib = (1, 4 * size.cpus), (size.memory_mib // 2, 4 * size.memory_mib)
            offering = self.constrained(cpus, size.speed_mhz, memory_mib, cap=cap, dynamic=dynamic)
        else:
            offering = self.unconstrained(cap=cap, dynamic=dynamic)
        return offering, parameters_for(offering, size)

    def scalable(
        self, size: Size, *, cap: bool = False, dynamic: bool = True, tags: frozenset[str] = NO_TAGS
    ) -> tuple[Offering, CustomParameters]:
        """An offering of the simplest class that this release scales live, fixed from 4.23 on and custom before.

        With it come the parameters that make it this size.
        """
        if self.release.scales_fixed_offerings:
            offering = self.fixed(size.cpus, size.speed_mhz, size.memory_mib, cap=cap, dynamic=dynamic, tags=tags)
        else:
            offering = self.unconstrained(cap=cap, dynamic=dynamic, tags=tags)
        return offering, parameters_for(offering, size)

    def made_inactive(self, offering: Offering) -> Offering:
        """The offering, which no instance may get any more."""
        with self.steps.step(f"make {offering.name} inactive"):
            offerings.make_inactive(self.api, offering.id)
        return replace(offering, active=False)

    def _create(self, wanted: Offering) -> Offering:
        wanted = replace(wanted, name=self.next_name())
        intended = OfferingMade(name=wanted.name)
        number = self.intend(intended)
        with self.steps.step(f"create {wanted.offering_class} offering"):
            created = self._created(wanted)
        self.session.ledger.amend(number, intended.model_copy(update={"id": created.id}))
        return replace(wanted, id=created.id)

    def _created(self, wanted: Offering) -> OfferingRecord:
        """Raises CannotArrangeError where the cloud's largest sizes (vm.serviceoffering.*.max) do not allow it."""
        try:
            return offerings.create(self.api, wanted)
        except ApiError as refused:
            if refused.code == PARAMETER_ERROR and any(text in refused.text for text in _OUT_OF_RANGE):
                raise CannotArrangeError(f"needs an offering that the cloud does not allow: {refused.text}") from None
            raise

    def intend(self, change: Change) -> int:
        """Write down what is about to be made or changed; gives the ledger's line. Raises CannotArrangeError."""
        self.session.permits.require(change.permission, change.purpose)
        return self.session.ledger.intend(self.case_id, change)

    def next_name(self) -> str:
        """A name that bears the run and the case."""
        return f"{self._name}-{next(self._numbers)}"

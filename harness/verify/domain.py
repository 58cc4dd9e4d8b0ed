"""Reads a domain without the reference's help, for what a case asserts literally."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.hosts.observation import DomainView, Observation
from harness.reference.domain import MEMORY_SLOTS


class NotVerifiedError(HarnessError):
    """What a case asserts could not be seen."""


def seen_domain(observation: Observation) -> DomainView:
    """The domain of a look. Raises NotVerifiedError where it was not seen."""
    if not isinstance(observation.domain, DomainView):
        raise NotVerifiedError(f"the domain of {observation.instance_name} on {observation.host}: {observation.domain}")
    return observation.domain


def is_prepared(domain: DomainView) -> bool:
    """Whether a domain is prepared for live scaling: memory slots with space above its memory, and vCPUs to spare."""
    has_memory = domain.max_memory_kib is not None and domain.max_memory_kib > domain.memory_kib
    return has_memory and domain.memory_slots == MEMORY_SLOTS and domain.max_vcpus > domain.vcpus

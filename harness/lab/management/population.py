"""Fills a fresh cloud with instances that run, evenly spread over its hosts."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice

from harness.lab.management import lifecycle, offerings
from harness.lab.management.cloud import Cloud
from harness.lab.management.deploy import DeployRequest, create_instance
from harness.lab.management.latency import INSTANT, Operation, Pace
from harness.lab.management.model import State
from harness.lab.management.offerings import OfferingRequest
from harness.reference.creation import WantedOffering

OFFERING = "lab-resident"


def populate(cloud: Cloud, count: int) -> None:
    """Deploy instances of one small offering for the first admin, whatever time the cloud's operations take.

    Raises:
        NoCapacityError: a host is full.
    """
    if not count:
        return
    state = cloud.state
    at_once = replace(cloud, pace=Pace(INSTANT, state.clock))
    wanted = WantedOffering(OFFERING, 1, 500, 256)
    record = offerings.create(state, OfferingRequest(wanted))
    template_id, network_id = next(iter(state.templates)), next(iter(state.networks))
    hosts = [(state.host(host_id),) for host_id in state.hosts]
    for number, on in enumerate(islice(cycle(hosts), count), start=1):
        request = DeployRequest(record.id, template_id, network_id, name=f"resident-{number}")
        instance = create_instance(at_once, request, state.admin)
        instance = state.change(instance.id, state=State.STARTING)
        size = state.size_of(instance)
        lifecycle.start_on_one(at_once, instance, on, record.offering, size, Operation.DEPLOY)

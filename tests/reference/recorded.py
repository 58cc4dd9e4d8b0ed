"""A recorded scenario done again by nothing but the reference: no lab, no API, a world of plain values."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.reference.capacity import Allocation, Host, allocation, with_allocation
from harness.reference.domain import Domain, domain_at_start
from harness.reference.offering import CustomParameters, Offering, concrete_size, parameters_refusal, size_at_start
from harness.reference.readiness import flag_refusal, instance_flag, is_prepared
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import Prediction, predict
from harness.reference.settings import CPU_THRESHOLD, ENABLE_DYNAMIC_SCALE, MEMORY_THRESHOLD, Settings
from harness.reference.world import RUNNING, STOPPED, Instance, World
from tests.reference.worlds import LAB_HOSTS

RELEASES = {"4.22": BEFORE, "4.23": SINCE}
# What no pure function can do again, and why.
LEFT_OUT = {
    "BUSY": "a race: two scales of one instance at once (DEF-01)",
    "TWO-FIT": "a race: two instances grow at once into room for one (DEF-06)",
    "NEG-17": "it sets limits of the root admin's account, which that account cannot have",
}
# Steps of scenarios that are otherwise done again.
STEPS_LEFT_OUT = {
    "scale?": "a missing or unknown parameter is refused before there is an instance to decide about",
    "scale?id": "as above",
    "scale?serviceofferingid": "as above",
    "scale?id,serviceofferingid": "as above",
    "change running": "another command, changeServiceForVirtualMachine",
}
_DATA = Path(__file__).parents[1] / "data" / "lab"
_CLUSTERS = {"cluster A": "a", "cluster B": "b"}
_SAVED = {"cpuNumber": "cpus", "cpuSpeed": "speed_mhz", "memory": "memory_mib"}
_UUID_IN_BRACKETS = re.compile(r"\[[0-9a-f-]{36}\]")

Step = Mapping[str, Any]


def scenarios(version: str) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = json.loads((_DATA / f"scenarios-{version}.json").read_text(encoding="utf-8"))
    return found


class Replay:
    """The cloud of one scenario; each step is held against what was seen of it."""

    def __init__(self, release: Release) -> None:
        thresholds = {CPU_THRESHOLD: "0.95", MEMORY_THRESHOLD: "0.95"}
        self._release = release
        self._globals: dict[str, str] = {ENABLE_DYNAMIC_SCALE: "true"}
        self._clusters: dict[str, dict[str, str]] = {cluster: dict(thresholds) for cluster in _CLUSTERS.values()}
        self._hosts = LAB_HOSTS
        self._offerings: dict[str, Offering] = {}
        self._instance: Instance | None = None
        self.steps_done = 0

    @property
    def _world(self) -> World:
        return World(self._release, Settings(global_values=self._globals, clusters=self._clusters), self._hosts)

    @property
    def _vm(self) -> Instance:
        assert self._instance is not None
        return self._instance

    def step(self, step: Step) -> None:
        name = step["step"].split(" ")[0]
        if step["step"] in STEPS_LEFT_OUT:
            return
        asked, seen = step.get("asked", {}), step["seen"]
        does = {
            "set": self._set,
            "deploy": self._deploy,
            "scale": self._scale,
            "stop": self._stop,
            "start": self._start,
            "update": self._update,
            "inactive": self._inactive,
            "look": self._look,
        }
        does[name](asked, seen)
        self.steps_done += 1

    def _set(self, asked: Step, seen: Step) -> None:
        assert seen == {"http": 200}
        values = self._clusters[_CLUSTERS[asked["clusterid"]]] if "clusterid" in asked else self._globals
        if asked["command"] == "resetConfiguration":
            del values[asked["name"]]
        else:
            values[asked["name"]] = asked["value"]

    def _offering(self, wanted: Step) -> Offering:
        """Equal wishes are one offering within a scenario, as they were in the recording."""
        key = json.dumps(wanted, sort_keys=True)
        return self._offerings.setdefault(
            key,
            Offering(
                id=str(uuid.uuid5(uuid.NAMESPACE_OID, key)),
                name="<offering>",
                cpus=wanted.get("cpunumber"),
                speed_mhz=wanted.get("cpuspeed"),
                memory_mib=wanted.get("memory"),
                cpu_cap=wanted["limitcpuuse"],
                dynamic_scaling=wanted["dynamicscalingenabled"],
                min_cpus=wanted.get("mincpunumber"),
                max_cpus=wanted.get("maxcpunumber"),
                min_memory_mib=wanted.get("minmemory"),
                max_memory_mib=wanted.get("maxmemory"),
                host_tags=frozenset(wanted["hosttags"].split(",")) if "hosttags" in wanted else frozenset(),
            ),
        )

    def _deploy(self, asked: Step, seen: Step) -> None:
        offering, given = self._offering(asked["offering"]), _parameters(asked["details"])
        assert parameters_refusal(self._release, offering, given, self._world.settings) is None
        assert seen["job"] == 1
        flag = instance_flag(
            requested=asked.get("dynamicscalingenabled", True),
            offering=offering.dynamic_scaling,
            template=asked["template_dynamically_scalable"],
            zone_setting=self._world.settings.flag(ENABLE_DYNAMIC_SCALE),
        )
        size = concrete_size(offering, given)
        host = self._world.host(asked["host"])
        self._instance = Instance(
            name="i-2-3-VM",
            state=RUNNING,
            offering=offering,
            size=size,
            cpu_cap=offering.cpu_cap,
            flag=flag,
            template_flag=asked["template_dynamically_scalable"],
            host_id=host.id,
            domain=self._started(host, offering, given, flag=flag),
            saved=given,
        )
        self._use(host, allocation(host).with_allocated(size))
        self._holds(seen["vm"])

    def _started(self, host: Host, offering: Offering, saved: CustomParameters, *, flag: bool) -> Domain:
        settings = self._world.settings
        prepared = is_prepared(
            self._release,
            flag=flag,
            zone_setting=settings.flag(ENABLE_DYNAMIC_SCALE),
            custom_offering=offering.is_custom,
        )
        size = size_at_start(offering, saved)
        return domain_at_start(
            self._release, settings, host, offering, size, cpu_cap=offering.cpu_cap, prepared=prepared
        )

    def _use(self, host: Host, used: Allocation) -> None:
        self._hosts = tuple(with_allocation(other, used) if other.id == host.id else other for other in self._hosts)

    def _scale(self, asked: Step, seen: Step) -> None:
        offering = self._offering(asked["offering"])
        prediction = predict(self._world, self._vm, offering, _parameters(asked["details"]))
        if seen["job"] == 1:
            assert prediction.refusal is None
        else:
            assert prediction.refusal is not None
            text = _UUID_IN_BRACKETS.sub(f"[{offering.id}]", seen["text"])
            assert prediction.refusal.matches(seen["code"], text), prediction.refusal
        self._apply(prediction)
        if seen["job"] == 1:
            self._holds(seen["vm"])

    def _apply(self, prediction: Prediction) -> None:
        self._hosts = prediction.hosts
        self._instance = replace(
            self._vm,
            offering=prediction.offering,
            size=prediction.size,
            cpu_cap=prediction.cpu_cap,
            flag=prediction.flag,
            domain=prediction.domain,
            saved=prediction.saved,
            host_id=prediction.host_ids[0],
        )

    def _stop(self, _: Step, seen: Step) -> None:
        host = self._world.host(self._vm.host_id)
        self._use(host, allocation(host).with_released(self._vm.size))
        self._instance = replace(self._vm, state=STOPPED)
        self._holds(seen["vm"])

    def _start(self, _: Step, seen: Step) -> None:
        host = self._world.host(self._vm.host_id)
        self._use(host, allocation(host).with_allocated(self._vm.size))
        domain = self._started(host, self._vm.offering, self._vm.saved, flag=self._vm.flag)
        self._instance = replace(self._vm, state=RUNNING, domain=domain)
        self._holds(seen["vm"])

    def _update(self, asked: Step, seen: Step) -> None:
        wanted = asked["isdynamicallyscalable"]
        refusal = flag_refusal(
            self._release,
            template=self._vm.template_flag,
            offering=self._vm.offering.dynamic_scaling,
            zone_setting=self._world.settings.flag(ENABLE_DYNAMIC_SCALE),
        )
        if wanted and refusal is not None:
            assert (refusal.code, refusal.text) == (seen["http"], seen["text"])
            return
        assert seen["http"] == 200
        self._instance = replace(self._vm, flag=wanted)

    def _inactive(self, asked: Step, seen: Step) -> None:
        assert seen["http"] == 200
        offering = self._offering(asked["id"])
        self._offerings[json.dumps(asked["id"], sort_keys=True)] = replace(offering, active=False)

    def _holds(self, seen: Step) -> None:
        """The instance is as the API showed it."""
        vm = self._vm
        saved = {name: getattr(vm.saved, field) for name, field in _SAVED.items()}
        assert {
            "cpunumber": vm.size.cpus,
            "cpuspeed": vm.size.speed_mhz,
            "memory": vm.size.memory_mib,
            "state": vm.state,
            "hostname": vm.host_id if vm.state == RUNNING else None,
            "serviceofferingname": vm.offering.name,
            "isdynamicallyscalable": vm.flag,
            "details": {name: value for name, value in saved.items() if value is not None},
        } == {**seen, "details": {name: value for name, value in seen["details"].items() if name in _SAVED}}

    def _look(self, _: Step, seen: Step) -> None:
        """The domain is as libvirt showed it; what libvirt adds by itself is added here as well."""
        domain = self._vm.domain
        current = "" if domain.vcpus == domain.max_vcpus else f" current='{domain.vcpus}'"
        cpus = domain.topology
        assert {
            "host": self._vm.host_id,
            "memory": str(domain.memory_kib),
            "max": domain.max_memory_kib and f"<maxMemory slots='16' unit='KiB'>{domain.max_memory_kib}</maxMemory>",
            "vcpu": f"<vcpu placement='static'{current}>{domain.max_vcpus}</vcpu>",
            "numa": domain.numa_cpus
            and f"<cell id='0' cpus='{domain.numa_cpus}' memory='{domain.numa_memory_kib}' unit='KiB'/>",
            "topology": f"<topology sockets='{cpus.sockets}' dies='1' cores='{cpus.cores}' threads='{cpus.threads}'/>",
            "dimms": [str(dimm) for dimm in domain.dimms_kib],
            "shares": domain.shares,
            "quota": domain.quota_us,
            "period": domain.period_us,
            "scheduler": {
                "cpu_shares": domain.shares,
                "vcpu_period": domain.scheduler_period_us,
                "vcpu_quota": domain.scheduler_quota_us,
            },
        } == seen


def _parameters(details: Step) -> CustomParameters:
    given = {name: str(value) for name, value in details.items()}
    return CustomParameters(given.get("cpu"), given.get("speed"), given.get("mem"))

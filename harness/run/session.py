"""One run's connection to a cloud: API, hosts, what the cloud is made of, and the settings that all cases presume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from harness.cloud import configuration, infrastructure
from harness.cloud.client import ApiAnswerError, ApiCredentialsError, ApiUnreachableError, Call, CloudApi
from harness.cloud.configuration import Place
from harness.cloud.entities import Cluster, HostRecord, NetworkRecord, TemplateRecord, Zone
from harness.cloud.infrastructure import NoSuchEntityError
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.failures import HostFailure
from harness.hosts.log_reading import lines_with
from harness.hosts.observation import HostFacts
from harness.hosts.pool import Hosts
from harness.hosts.view import HostView
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.release import Release, release_of
from harness.reference.scaling import World
from harness.reference.settings import Settings, tags_in
from harness.run.api_access import api_of
from harness.run.environment import Environment, EnvironmentFileError
from harness.run.evidence import gather
from harness.run.home import is_usable
from harness.run.host_logins import host_access, log_access
from harness.run.ledger import THE_RUN, Change, Ledger
from harness.run.permits import CannotArrangeError, permits_of
from harness.run.settings_guard import SettingsGuard
from harness.run.take_back import take_back
from harness.run.witness import WatchedView, Witness
from harness.verify.finding import HOST_SIDE_LAYERS, Layer

Found = TypeVar("Found")

_LOOKS_AT_ONCE = 8
_MOST_OF_A_LOG = 1024 * 1024
# What was read of the settings holds so long where this run changes none. What others change just then a request might
# have met or not.
_SETTINGS_HOLD_S = 1.0
# What the management server's log is called among those of agents.
MANAGEMENT_LOG = "management-server"
# What a case finds unless it says otherwise.
PRESUMED_IN_ZONE = {names.ENABLE_DYNAMIC_SCALE: "true"}
PRESUMED_IN_CLUSTERS = {names.MEMORY_CEILING: "0", names.CPU_CEILING: "0", names.AUTO_MIGRATE: "true"}


def agent_log(host_name: str) -> str:
    """What the log of a host's agent is called."""
    return f"agent-{host_name}"


class NothingToTestError(HarnessError):
    """The zone lacks something without which no case can run."""


class WrongReleaseError(HarnessError):
    """The cloud behaves like another release than the one asked for."""


@dataclass(frozen=True)
class Inventory:
    """What the run uses of the cloud. There is at least one usable host."""

    version: str
    release: Release
    zone: Zone
    clusters: tuple[Cluster, ...]
    template: TemplateRecord
    unscalable_template: TemplateRecord | None
    network: NetworkRecord | None
    facts: dict[str, HostFacts]


class Session:
    """One process's connection to the cloud. What it changes there is in the ledger; `take_back` goes by that."""

    def __init__(self, environment: Environment, ledger: Ledger, *, leave_settings: bool = False) -> None:
        self.ledger = ledger
        self.environment = environment
        self.permits = permits_of(environment, leave_settings=leave_settings)
        self.api = self._caller = api_of(environment)
        self.redactor = Redactor(self.api.secrets)
        self._hosts: Hosts | None = None
        self._accesses: dict[str, HostAccess] = {}
        self._witness: Witness | None = None
        self._settings_read: tuple[Settings, float] | None = None
        self.unreached: dict[str, HostFailure] = {}
        self.guest_agent_answered = False
        # Where the first guests of a run stay silent no other is waited for: the template has no agent. One may do so
        # for its own reasons where the environment file says that there is one.
        self.silent_guests_left = 3 if environment.guest.agent else 1
        self.guest_agent_silent: str | None = None
        if environment.guest.agent is False:
            self.guest_agent_silent = "the environment file says that the template has no guest agent"

    def open(self, expected_release: str | None = None) -> Inventory:
        """Look at the cloud and its hosts; nothing is changed.

        Raises:
            HarnessError: something that no case can do without is missing, unreachable or refuses; one line says what.
        """
        file = self.environment.file
        try:
            return self._look_around(expected_release)
        except ApiUnreachableError as failure:
            raise EnvironmentFileError(
                f"{file}: api.endpoint: {failure}; mend the address or start the server"
            ) from None
        except ApiCredentialsError as failure:
            raise EnvironmentFileError(f"{file}: api.api_key, api.secret_key: {failure}; {failure.mend}") from None
        except ApiAnswerError as failure:
            raise EnvironmentFileError(f"{file}: api.endpoint: {failure}; give the API's own address") from None
        except HostFailure as failure:
            raise EnvironmentFileError(f"{file}: hosts: {failure}") from None

    def _look_around(self, expected_release: str | None) -> Inventory:
        environment = self.environment
        cloud_version = infrastructure.version(self.api)
        release = release_of(cloud_version, has_new_settings=configuration.has_new_settings(self.api))
        if expected_release is not None and release_of(expected_release) != release:
            raise WrongReleaseError(
                f"CloudStack {expected_release} is expected; the cloud says {cloud_version}, acts like {release.name}"
            )
        zone = self._named("cloud.zone", lambda: infrastructure.zone(self.api, environment.cloud.zone))
        template = self._template("cloud.template", zone, environment.cloud.template)
        if not template.dynamically_scalable:
            raise EnvironmentFileError(
                f"{environment.file}: cloud.template: {template.name!r} is not dynamically scalable; "
                "name one that is (updateTemplate isdynamicallyscalable=true)"
            )
        unscalable = None
        if environment.cloud.unscalable_template is not None:
            name = environment.cloud.unscalable_template
            unscalable = self._template("cloud.unscalable_template", zone, name)
        network = None
        if environment.cloud.network is not None:
            wanted = environment.cloud.network
            network = self._named("cloud.network", lambda: infrastructure.network(self.api, zone.id, wanted))
        hosts = self._reach(zone)
        facts = self._facts([host.name for host in hosts if host.state == "Up"])
        if not any(is_usable(host) for host in hosts):
            raise NothingToTestError(f"zone {zone.name} has no KVM host that is Up and Enabled")
        if self.unreached and not any(is_usable(host) and host.name in facts for host in hosts):
            raise next(iter(self.unreached.values()))
        clusters = infrastructure.clusters(self.api, zone.id)
        self.inventory = Inventory(
            version=cloud_version,
            release=release,
            zone=zone,
            clusters=tuple(clusters),
            template=template,
            unscalable_template=unscalable,
            network=network,
            facts=facts,
        )
        return self.inventory

    def _facts(self, names: Sequence[str]) -> dict[str, HostFacts]:
        """By host; of those that cannot be looked into `unreached` keeps why."""

        def looked_at(name: str) -> HostFacts | HostFailure:
            try:
                return self.view(name).facts()
            except HostFailure as failure:
                return failure

        with ThreadPoolExecutor(max_workers=_LOOKS_AT_ONCE) as threads:
            seen = dict(zip(names, threads.map(looked_at, names), strict=True))
        self.unreached = {name: found for name, found in seen.items() if isinstance(found, HostFailure)}
        return {name: found for name, found in seen.items() if isinstance(found, HostFacts)}

    def look_anew(self, host_name: str) -> None:
        """Look into a host that was broken; from then on it is known. Raises HarnessError where it still is."""
        self.inventory.facts[host_name] = self.view(host_name).facts()

    def reach_hosts(self) -> None:
        """Know the way into the hosts, without a look at them or at anything else. Raises HarnessError."""
        self._reach(infrastructure.zone(self.api, self.environment.cloud.zone))

    def _reach(self, zone: Zone) -> list[HostRecord]:
        hosts = infrastructure.hosts(self.api, zone.id)
        self._accesses = {host.name: host_access(self.environment, host) for host in hosts}
        self.redactor.learn(*(access.password for access in self._accesses.values()))
        self._hosts = Hosts(self._accesses.values(), self.environment.hosts.transport)
        return hosts

    def act_as(self, api: CloudApi, network_id: str | None) -> None:
        """Act as another account, with its own network; what takes that account back still acts as the caller."""
        api.has_answered, api.job_ids = self.api.has_answered, self.api.job_ids
        self.api = api
        self.redactor.learn(*api.secrets)
        if self.inventory.network is not None and network_id is not None:
            network = self.inventory.network.model_copy(update={"id": network_id})
            self.inventory = replace(self.inventory, network=network)

    def presume(self) -> None:
        """Bring the settings to what all cases presume: scaling on, ceilings at the host, auto-migration on.

        What may not be changed is left as it is; cases that need it find that out by themselves.
        """
        with suppress(CannotArrangeError):
            self.arrange_zone({})
        for cluster in self.inventory.clusters:
            with suppress(CannotArrangeError):
                self.arrange_cluster(cluster.id)

    def arrange_zone(self, terms: Mapping[str, str]) -> None:
        """Bring the zone's settings to what cases presume, but for `terms`.

        Raises:
            ApiError: the cloud refuses.
            CannotArrangeError: they are otherwise and may not be changed.
        """
        for name, presumed in PRESUMED_IN_ZONE.items():
            self._guard.set(name, terms.get(name, presumed), Place(zone_id=self.inventory.zone.id))

    def arrange_cluster(self, cluster_id: str) -> None:
        """Bring a cluster's settings to what cases presume that are alone there. Raises as `arrange_zone`."""
        if self.inventory.release.scales_fixed_offerings:
            for name, value in PRESUMED_IN_CLUSTERS.items():
                self._guard.set(name, value, Place(cluster_id=cluster_id))

    @property
    def _guard(self) -> SettingsGuard:
        return self.settings_guard(THE_RUN)

    def settings_guard(self, case_id: str) -> SettingsGuard:
        """What changes settings for a case."""
        return SettingsGuard(self.api, self.ledger, self.permits, case_id, self._forget_settings)

    def api_with(self, api_key: str, secret_key: str) -> CloudApi:
        """The same API with the keys of another user; its calls are heard as the session's own."""
        api = api_of(self.environment, api_key, secret_key)
        self.redactor.learn(*api.secrets)
        api.listener, api.witness = self.api.listener, self.api.witness
        api.has_answered, api.job_ids = self.api.has_answered, self.api.job_ids
        return api

    def calling_api(self) -> CloudApi:
        """A connection of its own with the keys of the environment file, to which nobody listens."""
        api = api_of(self.environment)
        api.has_answered = self.api.has_answered
        return api

    def watched_by(self, witness: Witness, listener: Callable[[Call], object]) -> None:
        """From now on these hear and see what is sent and seen, until others do."""
        self._forget_settings()
        self._witness = witness
        self.api.listener, self.api.witness = listener, witness.hears

    def gather_evidence(self, run_folder: Path, case_id: str) -> list[str]:
        """Write what the witness knows, and logs that can be reached, to the run's folder; gives the files."""
        witness = self._witness or Witness()
        facts, logs = self.inventory.facts, self._logs(witness.hosts)
        return gather(run_folder, case_id, witness, self.redactor, facts, logs, self._accesses.__getitem__)

    def lines_of(self, job_ids: Sequence[str], hosts: Sequence[str]) -> dict[str, list[str]]:
        """What the logs of management server and agents, as far as they can be read, have of these jobs; by log."""
        words = [f"logid:{job_id[:8]}" for job_id in job_ids]
        found: dict[str, list[str]] = {}
        for name, (access, file) in self._logs(hosts).items():
            # A log that cannot be read tells nothing; evidence says so.
            with suppress(HarnessError):
                found[name] = lines_with(access, file, words, _MOST_OF_A_LOG).splitlines()
        return found

    def _logs(self, hosts: Sequence[str]) -> dict[str, tuple[HostAccess, str]]:
        environment = self.environment
        logs: dict[str, tuple[HostAccess, str]] = {}
        if environment.logs.management is not None:
            management = environment.logs.management
            logs[MANAGEMENT_LOG] = log_access(environment, management), management.file
        return logs | {agent_log(name): (self._accesses[name], environment.logs.agent) for name in hosts}

    @property
    def required_layers(self) -> tuple[Layer, ...]:
        """The layers without which a case has not been looked at."""
        if self.environment.guest.agent:
            return (*HOST_SIDE_LAYERS, Layer.GUEST)
        return HOST_SIDE_LAYERS

    def view(self, host_name: str) -> HostView:
        """The way to look into a host. Raises HarnessError for one that the environment cannot reach."""
        if self._hosts is None:
            raise RuntimeError("open() comes first")
        view = self._hosts.on(host_name)
        return view if self._witness is None else WatchedView(view, self._witness)

    def hosts(self) -> list[HostRecord]:
        """The zone's KVM hosts with their allocation as it is now."""
        return infrastructure.hosts(self.api, self.inventory.zone.id)

    def world(self) -> World:
        """What the management server knows now, for the reference to decide by."""
        settings = self._settings()
        return World(
            release=self.inventory.release,
            settings=settings,
            hosts=tuple(self._reference_host(host, settings) for host in self.hosts()),
        )

    def _settings(self) -> Settings:
        """As they were read not long ago, or anew."""
        if self._settings_read is not None and time.monotonic() - self._settings_read[1] < _SETTINGS_HOLD_S:
            return self._settings_read[0]
        cluster_ids = [cluster.id for cluster in self.inventory.clusters]
        # From before they are asked for: how old they are at the most.
        asked_at = time.monotonic()
        settings = configuration.snapshot(
            self.api, self.inventory.zone.id, cluster_ids, by_name=self._has_many_settings
        )
        self._settings_read = settings, asked_at
        return settings

    def _forget_settings(self) -> None:
        self._settings_read = None

    @cached_property
    def _has_many_settings(self) -> bool:
        return configuration.are_many(self.api)

    def take_back(self, case_id: str | None = None, said: Callable[[Change, int], object] | None = None) -> list[str]:
        """Take back what a case created or changed, or all that this run did; a line for each thing that stayed.

        `said` hears of each thing before it is taken back, and how many there are from it on.
        """
        self._forget_settings()
        job_seconds = self.environment.time_limits.job
        return take_back(self._caller, job_seconds, self.ledger, case_id, self.still_runs, said)

    def still_runs(self, host_name: str, instance_name: str) -> bool:
        """Of a host that cannot be looked into CloudStack's word is all there is."""
        if self._hosts is None or host_name not in self._accesses:
            return False
        try:
            return instance_name in self._hosts.on(host_name).domain_names()
        except HostFailure:
            return False

    def close(self) -> None:
        """End all connections."""
        if self._hosts is not None:
            self._hosts.close()

    def _reference_host(self, host: HostRecord, settings: Settings) -> Host:
        facts = self.inventory.facts.get(host.name)
        memory_overcommit = settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)
        return Host(
            id=host.id,
            name=host.name,
            cluster_id=host.cluster_id,
            cpus=host.cpus,
            speed_mhz=host.speed_mhz,
            memory_bytes=round(host.allocatable_memory_bytes / memory_overcommit),
            # Reserved capacity is in these too, see HostRecord.
            used_cpu_mhz=host.allocated_cpu_mhz,
            used_memory_bytes=host.allocated_memory_bytes,
            tags=tags_in(host.tags),
            # A host whose facts are unknown was down when the run began: no instance of the run is there.
            up=host.state == "Up" and facts is not None,
            enabled=host.resource_state == "Enabled",
            cgroup_version=facts.cgroup_version if facts else 1,
        )

    def _template(self, key: str, zone: Zone, name: str) -> TemplateRecord:
        return self._named(key, lambda: infrastructure.template(self.api, zone.id, name))

    def _named(self, key: str, find: Callable[[], Found]) -> Found:
        """Name the key of the environment file that asked for what the cloud does not have."""
        try:
            return find()
        except NoSuchEntityError as missing:
            raise EnvironmentFileError(f"{self.environment.file}: {key}: {missing}") from None

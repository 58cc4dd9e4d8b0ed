"""Asks the reference about an instance of a running cloud: API and host are read, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.audit.inventory import Inventory, read, reference_host
from harness.audit.running_domain import as_reference, is_prepared
from harness.audit.selection import Selection
from harness.cloud.client import CloudApi
from harness.cloud.entities import HostRecord
from harness.cloud.fleet import FleetHost, FleetInstance
from harness.errors import HarnessError
from harness.hosts.failures import HostFailure
from harness.hosts.fleet import look_at_fleet
from harness.hosts.observation import DomainView, SchedulerView
from harness.reference.capacity import AccountLimits, Host
from harness.reference.decision import EndlessScaleError
from harness.reference.domain import Domain, domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size, size_at_start
from harness.reference.readiness import is_prepared as would_be_prepared
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import RUNNING, STOPPED, Instance, Prediction, World, predict
from harness.reference.settings import CPU_CEILING, ENABLE_DYNAMIC_SCALE, MEMORY_CEILING, Settings, seeded_by_upgrade
from harness.run.api_access import read_only_api
from harness.run.environment import Environment
from harness.run.host_logins import host_access
from harness.run.question import Question

RELEASES: Mapping[str, Release] = {release.name: release for release in (BEFORE, SINCE)}
_UNLIMITED = -1
# What decides too, and no list tells of.
_NOT_TOLD = (
    "limits of the account's domain",
    "affinity groups, and storage that not every host reaches",
    "whether other requests take room meanwhile",
)


class CannotPredictError(HarnessError):
    """Something without which nothing can be said was not found or not seen."""


@dataclass(frozen=True)
class LiveQuestion(Question):
    """A question with what is not known about it. `restarted`: the domain is that of a restart before the scale."""

    not_seen: tuple[str, ...] = ()
    restarted: bool = False

    def predict(self) -> Prediction:
        """Raises CannotPredictError where the job would never end."""
        try:
            return predict(self.world, self.instance, self.offering, self.parameters)
        except EndlessScaleError as endless:
            raise CannotPredictError(f"{self.instance.name}: {endless}") from None

    def after_restart(self) -> LiveQuestion:
        """The same scale of the instance after it was stopped and started on its host."""
        instance = replace(self.instance, domain=_started(self.world, self.instance), state=RUNNING)
        return replace(self, instance=instance, restarted=True)

    @property
    def restart_prepares(self) -> bool:
        """Whether a restart would prepare a running domain that is not."""
        is_running = self.instance.state == RUNNING
        return is_running and not self.instance.domain.prepared and _started(self.world, self.instance).prepared

    def as_release(self, name: str) -> LiveQuestion:
        """The same instance, running as it is, on another release. Raises CannotPredictError for an unknown one.

        An upgrade seeds the new settings, and everything else stays.
        """
        release = RELEASES.get(name)
        if release is None:
            raise CannotPredictError(f"--as-release {name}: known are {', '.join(RELEASES)}")
        settings = self.world.settings
        if release.scales_fixed_offerings and not self.world.release.scales_fixed_offerings:
            settings = _upgraded(settings)
        return replace(self, world=replace(self.world, release=release, settings=settings))


class LiveCloud:
    """A cloud that is read anew for each question. `api` is its read-only connection."""

    def __init__(self, environment: Environment) -> None:
        """Raises EnvironmentFileError."""
        self._environment = environment
        self.api = read_only_api(environment)

    def question(
        self, instance: str, offering: str, parameters: CustomParameters = NO_PARAMETERS, *, host: str | None = None
    ) -> LiveQuestion:
        """What is asked: `instance` and `offering` by id or name.

        `host` is where a stopped instance would start; by default the first that is up.

        Raises:
            CannotPredictError: there is no such offering, or the instance's domain was not seen.
            HarnessError: the API or the host cannot be read.
        """
        return self.questions(instance, offering, parameters, host=host)[0]

    def questions(
        self,
        instance: str,
        offering: str | None,
        parameters: CustomParameters = NO_PARAMETERS,
        *,
        host: str | None = None,
    ) -> list[LiveQuestion]:
        """One for each active offering where `offering` is None, by name. Raises as `question`."""
        inventory = read(self.api, self._environment.cloud.zone, Selection(instance=instance))
        # Of the API's own, the first: ids are one, names of instances need not be.
        if len(inventory.residents) > 1:
            ids = ", ".join(one.id for one in inventory.residents)
            raise CannotPredictError(f"instance {instance}: there are several of that name, say which: {ids}")
        found = inventory.residents[0]
        current = inventory.offerings.get(found.offering_id)
        if current is None:
            raise CannotPredictError(f"instance {instance}: its offering {found.offering_name} was removed")
        there = self._host(inventory, found, host)
        domain, cgroup_version, unseen = self._look(found, there)
        world = _world(inventory, there, cgroup_version)
        known = self._instance(inventory, found, current, there.id, domain, world)
        others = [f"cgroup version of other hosts: taken for {cgroup_version}, as on {there.name}"]
        not_seen = (*_NOT_TOLD, *unseen, *(others if len(world.hosts) > 1 else ()))
        return [
            LiveQuestion(
                world=world,
                instance=known,
                offering=wanted,
                parameters=parameters,
                cluster_names=inventory.clusters,
                not_seen=not_seen,
            )
            for wanted in _offerings(inventory, offering)
        ]

    def _host(self, inventory: Inventory, found: FleetInstance, name: str | None) -> FleetHost:
        if found.state not in (RUNNING, STOPPED):
            raise CannotPredictError(
                f"instance {found.name} is {found.state}: only running and stopped ones are scaled"
            )
        if found.state == RUNNING:
            if name not in (None, found.host_name):
                raise CannotPredictError(f"instance {found.name} runs on {found.host_name}: --host is for stopped ones")
            chosen = [host for host in inventory.all_hosts if host.id == found.host_id]
        else:
            chosen = [host for host in inventory.all_hosts if host.state == "Up" and name in (None, host.name)]
        if not chosen:
            raise CannotPredictError(f"instance {found.name}: no KVM host of the zone is {name or 'its host, or up'}")
        return chosen[0]

    def _look(self, found: FleetInstance, host: FleetHost) -> tuple[Domain | None, int, tuple[str, ...]]:
        record = HostRecord.model_construct(name=host.name, address=host.address or host.name)
        try:
            look = look_at_fleet(host_access(self._environment, record), [found.instance_name])
        except HostFailure as failure:
            raise CannotPredictError(f"instance {found.name}: its domain was not seen: {failure}") from None
        version = look.facts.cgroup_version
        if found.state == STOPPED:
            return None, version, (f"the host of its next start: taken for {host.name}",)
        member = look.members.get(found.instance_name)
        if member is None:
            raise CannotPredictError(f"instance {found.name}: it does not run on {host.name}, as the API says")
        if not isinstance(member.domain, DomainView):
            raise CannotPredictError(f"instance {found.name}: its domain was not seen: {member.domain.reason}")
        if not isinstance(member.scheduler, SchedulerView):
            raise CannotPredictError(f"instance {found.name}: its scheduler was not seen: {member.scheduler.reason}")
        prepared = is_prepared(member.domain, found.memory_mib or 0)
        return as_reference(member.domain, member.scheduler, prepared=prepared), version, ()

    def _instance(
        self,
        inventory: Inventory,
        found: FleetInstance,
        offering: Offering,
        host_id: str,
        domain: Domain | None,
        world: World,
    ) -> Instance:
        if found.cpus is None or found.speed_mhz is None or found.memory_mib is None:
            raise CannotPredictError(f"instance {found.name}: the API does not tell its size")
        size = Size(found.cpus, found.speed_mhz, found.memory_mib)
        known = Instance(
            name=found.instance_name or found.name,
            state=found.state,
            offering=offering,
            size=size,
            cpu_cap=offering.cpu_cap,
            flag=found.flag,
            template_flag=inventory.templates.get(found.template_id, found.flag),
            host_id=host_id,
            domain=domain
            or domain_at_start(
                world.release, world.settings, world.host(host_id), offering, size, cpu_cap=False, prepared=False
            ),
            saved=found.saved,
            owner=found.account,
            limits=_limits(self.api, found),
        )
        return known if domain is not None else replace(known, domain=_started(world, known))


def _offerings(inventory: Inventory, wanted: str | None) -> list[Offering]:
    """The one that is wanted, active or not, or all active ones."""
    everything = [one for one in inventory.offerings.values() if not one.for_system_vms]
    if wanted is None:
        return sorted((one for one in everything if one.active), key=lambda one: one.name)
    found = [one for one in everything if wanted in (one.id, one.name)]
    if len(found) != 1:
        names = ", ".join(sorted({one.name for one in everything})[:20])
        which = (
            f"there are several of that name: {', '.join(one.id for one in found)}" if found else f"there are {names}"
        )
        raise CannotPredictError(f"offering {wanted}: {'' if found else 'no such offering; '}{which}")
    return found


def _world(inventory: Inventory, there: FleetHost, cgroup_version: int) -> World:
    """The instance's cluster: what is elsewhere decides nothing."""
    hosts: list[Host] = []
    for host in inventory.all_hosts:
        known = reference_host(inventory, host, cgroup_version) if host.cluster_id == there.cluster_id else None
        if known is not None:
            hosts.append(known)
    if there.id not in {host.id for host in hosts}:
        raise CannotPredictError(f"host {there.name}: the API does not tell its size")
    return World(inventory.release, inventory.settings, tuple(hosts))


def _upgraded(settings: Settings) -> Settings:
    known = {MEMORY_CEILING, CPU_CEILING} & settings.global_values.keys()
    if known:
        return settings
    return replace(settings, global_values={**settings.global_values, **seeded_by_upgrade(settings)})


def _started(world: World, instance: Instance) -> Domain:
    offering = instance.offering
    kept = offering.is_custom and not instance.saved.is_empty
    return domain_at_start(
        world.release,
        world.settings,
        world.host(instance.host_id),
        offering,
        size_at_start(offering, instance.saved) if kept else instance.size,
        cpu_cap=instance.cpu_cap,
        prepared=would_be_prepared(
            world.release,
            flag=instance.flag,
            zone_setting=world.settings.flag(ENABLE_DYNAMIC_SCALE),
            custom_offering=offering.is_custom,
        ),
    )


def _limits(api: CloudApi, found: FleetInstance) -> AccountLimits | None:
    """None where the owner has none: root admins, and what the API does not tell."""
    if found.project_id is not None or not found.account:
        return None
    answer = api.list("listAccounts", "account", name=found.account, domainid=found.account_domain_id, listall=True)
    for part in answer:
        if part.get("name") == found.account:
            return AccountLimits(
                account=found.account,
                cpus=_limit(part.get("cpulimit")),
                memory_mib=_limit(part.get("memorylimit")),
                used_cpus=int(part.get("cputotal", 0)),
                used_memory_mib=int(part.get("memorytotal", 0)),
            )
    return None


def _limit(text: object) -> int:
    """A number, or "Unlimited"."""
    return int(str(text)) if str(text).lstrip("-").isdecimal() else _UNLIMITED

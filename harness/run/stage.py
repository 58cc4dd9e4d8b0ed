"""One case's world: offerings of any class, instances on known hosts, settings for its duration."""

from __future__ import annotations

from harness.cloud import accounts, infrastructure, instances, networks
from harness.cloud.accounts import AccountKeys
from harness.cloud.client import ApiError
from harness.cloud.configuration import Place, update
from harness.cloud.entities import HostRecord, TemplateRecord
from harness.cloud.instances import JobFailedError
from harness.hosts.observation import DomainView
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size, concrete_size
from harness.reference.rule import Rule
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT, SETTINGS, Scope, unknown_setting
from harness.run import room
from harness.run.holds import Claim
from harness.run.home import is_usable
from harness.run.ledger import AccountMade, HostTagsChanged, InstanceMade, NetworkMade, TemplateFlagChanged
from harness.run.offering_scene import OfferingScene
from harness.run.permits import CannotArrangeError
from harness.run.session import Session
from harness.run.staged_account import StagedAccount
from harness.run.staged_instance import StagedInstance
from harness.run.steps import Steps
from harness.verify.finding import Layer
from harness.verify.instance import compare_job, compare_refusal
from harness.verify.ways import compare_facts

_LACKING_MIB = 64


class Stage(OfferingScene):
    """What a case arranges and what was seen of it; `close` takes everything away again."""

    def __init__(
        self, session: Session, case_id: str, run_id: str, steps: Steps, home: HostRecord, claim: Claim
    ) -> None:
        super().__init__(session, case_id, run_id, steps, home)
        # Nobody else changes what the hosts of its cluster count; on a cloud of others that cannot be known.
        alone = claim.alone is not None and session.environment.lab is not None
        self.has_the_books = alone and not self._left_by_others()
        self.shares_home = claim.alone is None
        self._claim = claim
        self._instances: list[StagedInstance] = []
        self._settings = session.settings_guard(case_id)

    def _left_by_others(self) -> bool:
        """Whether capacity is reserved there for what another case could not stop."""
        there = {host.name for host in (self.home, *self.neighbours)}
        return any(case != self.case_id and host in there for case, host, _ in self.session.ledger.may_run_on())

    @property
    def neighbours(self) -> list[HostRecord]:
        """The other usable hosts of the home host's cluster, as they are now."""
        return [
            host
            for host in self.session.hosts()
            if host.cluster_id == self.home.cluster_id and host.id != self.home.id and is_usable(host)
        ]

    @property
    def unscalable_template(self) -> TemplateRecord:
        """A template whose dynamic-scaling flag is off. Raises CannotArrangeError where the run has none."""
        known, file = self.session.inventory.unscalable_template, self.session.environment.file
        if known is None:
            raise CannotArrangeError(
                f"needs a template whose flag is off; name one as cloud.unscalable_template in {file}"
            )
        # Asked anew: where the session was opened another case may just have had it switched.
        template = infrastructure.template(self.api, self.session.inventory.zone.id, known.name)
        if template.dynamically_scalable:
            raise CannotArrangeError(
                f"needs a template whose flag is off; it is on in {known.name}, cloud.unscalable_template in {file}"
            )
        return template

    def switched(self, template: TemplateRecord, on: bool) -> TemplateRecord:
        """Give a template another dynamic-scaling flag for this case; gives it as it is then.

        Raises:
            CannotArrangeError: the environment file does not allow to change templates.
        """
        self._require_alone("a template", zone_wide=True)
        self.intend(
            TemplateFlagChanged(
                template_id=template.id, template_name=template.name, former=template.dynamically_scalable
            )
        )
        with self.steps.step(f"switch the flag of template {template.name} {'on' if on else 'off'}"):
            infrastructure.set_template_flag(self.api, template.id, on)
        for instance in self._instances:
            if instance.template_id == template.id:
                instance.template_is_switched(on)
        return template.model_copy(update={"dynamically_scalable": on})

    def needs_mib(self, memory_mib: int) -> None:
        """Raises CannotArrangeError unless the home host has that much memory free."""
        there = room.free_mib(self.session.world(), self.home.id)
        if there < memory_mib:
            raise CannotArrangeError(f"needs {memory_mib} MiB free on host {self.home.name}; has {there}")

    def needs_a_neighbour_for(self, size: Size) -> HostRecord:
        """Another usable host of the home host's cluster that has room for this size now.

        Raises:
            CannotArrangeError: there is none; the text says what each has.
        """
        world = self.session.world()
        there = {host.name: (host, world.host(host.id)) for host in self.neighbours}
        for record, host in there.values():
            if room.takes(world, host, size):
                return record
        has = ", ".join(room.free_text(world, host) for _, host in there.values()) or "there is none"
        cluster = self.home.cluster_name
        raise CannotArrangeError(
            f"needs a second host in cluster {cluster} with room for {room.size_text(size)}; {has}"
        )

    def leave_only_other_clusters(self, instance_mib: int) -> int:
        """Take memory of the home host's cluster until the largest size that fits elsewhere fits none of its hosts.

        The instance of `instance_mib` that is to grow to it runs on the home host already. Gives that size in MiB.

        Raises:
            CannotArrangeError: no other cluster has a usable host with more than that, or fillers have no room.
        """
        world = self.session.world()
        elsewhere = [
            host for host in world.hosts if host.cluster_id != self.home.cluster_id and host.up and host.enabled
        ]
        grown_mib = max((room.free_mib(world, host.id) for host in elsewhere), default=0)
        if grown_mib <= instance_mib:
            raise CannotArrangeError(f"needs a host with more than {instance_mib} MiB free in another cluster")
        for host in (self.home, *self.neighbours):
            enough_mib = grown_mib - (instance_mib if host.id == self.home.id else 0)
            if room.free_mib(world, host.id) >= enough_mib:
                self.leave_memory_mib(enough_mib - _LACKING_MIB, on=host)
        return grown_mib

    @property
    def home_memory_bytes(self) -> int:
        """All memory of the home host, without overcommit: what a ceiling of 0 means."""
        return self.session.world().host(self.home.id).memory_bytes

    @property
    def home_total_mib(self) -> int:
        """The most memory that the home host could give away if it were empty, overcommit included."""
        world = self.session.world()
        return room.total_mib(world, world.host(self.home.id))

    def starts_with(self, domain: DomainView, vcpus: int, memory_kib: int) -> bool:
        """Whether a domain has these vCPUs, this memory and no DIMM; with memory overcommit it starts with less."""
        overcommit = self.session.world().settings.number(MEMORY_OVERCOMMIT, self.home.cluster_id)
        small = domain.memory_kib == memory_kib if overcommit == 1 else domain.memory_kib <= memory_kib
        return domain.vcpus == vcpus and domain.dimms_kib == () and small

    @property
    def cpu_overcommit(self) -> float:
        """cpu.overprovisioning.factor of the home host's cluster."""
        return self.session.world().settings.number(CPU_OVERCOMMIT, self.home.cluster_id)

    @property
    def largest_memory_mib(self) -> int:
        """The most memory that one host of the home host's cluster could give away if it were empty."""
        world = self.session.world()
        return max(room.total_mib(world, world.host(host.id)) for host in (self.home, *self.neighbours))

    @property
    def largest_free_mib(self) -> int:
        """The most memory that one host of the home host's cluster has free now."""
        world = self.session.world()
        return max(room.free_mib(world, host.id) for host in (self.home, *self.neighbours))

    def cpu_threshold_below(self, growth_mhz: int) -> str:
        """A value for the cluster's CPU threshold that a growth by so much crosses, and what is allocated does not."""
        return room.cpu_threshold_below(self.session.world(), self.home.cluster_id, growth_mhz)

    def speed(self, part: float) -> int:
        """MHz that are this part of a CPU of the home host."""
        return int(self.home.speed_mhz * part)

    def size(self, cpus: int, part: float, memory_mib: int) -> Size:
        """A size whose speed is this part of a CPU of the home host."""
        return Size(cpus, self.speed(part), memory_mib)

    def setting(self, name: str, value: str) -> None:
        """Give a setting another value for this case, in the zone or in the home host's cluster.

        A release that does not have the setting must say so; that is verified instead.
        """
        zone_wide = SETTINGS[name].scope is Scope.ZONE
        self._require_alone(name, zone_wide=zone_wide)
        zone_id = self.session.inventory.zone.id
        self._set(name, value, Place(zone_id=zone_id) if zone_wide else Place(cluster_id=self.home.cluster_id))

    def global_setting(self, name: str, value: str) -> None:
        """Give a setting another global value for this case, where the environment file allows that.

        Raises:
            CannotArrangeError: it is not allowed, and another value is in force.
        """
        self._require_alone(name, zone_wide=True)
        self._set(name, value, Place())

    def _has(self, name: str) -> bool:
        return self.release.scales_fixed_offerings or not SETTINGS[name].since_pull_request

    def _set(self, name: str, value: str, place: Place) -> None:
        with self.steps.step(f"set {name} to {value}"):
            if self._has(name):
                self._settings.set(name, value, place)
            else:
                self.saw(compare_refusal(unknown_setting(name), lambda: update(self.api, name, value, place)))

    def refused_at_once(self, command: str, **parameters: object) -> ApiError:
        """Send a command that must not come to a job; gives the answer.

        Raises:
            AssertionError: it was accepted.
        """
        with self.steps.step(f"ask for a {command} that cannot be"):
            try:
                self.api.call(command, **parameters)
            except ApiError as refused:
                return refused
        raise AssertionError(f"{command} with {parameters} was accepted")

    def _require_alone(self, name: str, *, zone_wide: bool) -> None:
        if self._claim.alone != "zone" and (zone_wide or self._claim.alone != "cluster"):
            raise RuntimeError(f"a case that changes {name} has to hold its place: mark it alone")

    def instance(
        self,
        offering: Offering,
        parameters: CustomParameters = NO_PARAMETERS,
        *,
        dynamic_scaling: bool = True,
        template: TemplateRecord | None = None,
        on: HostRecord | None = None,
        owner: StagedAccount | None = None,
        starts_by: Rule | None = None,
    ) -> StagedInstance:
        """Deploy an instance, on the home host and for the run's own account unless told otherwise.

        A failed deployment may have many causes. Where the case has seen that the cloud deploys its like, `starts_by`
        is the rule by which it must start, and that it does not is a finding.

        Raises:
            CannotArrangeError: the host has no room for it, or its owner no network.
            JobFailedError: CloudStack could not deploy it.
        """
        size = concrete_size(offering, parameters)
        world = self.session.world()
        host = world.host((on or self.home).id)
        if not room.takes(world, host, size):
            raise CannotArrangeError(
                f"needs room for {room.size_text(size)} on host {host.name}; {room.free_text(world, host)}"
            )
        inventory = self.session.inventory
        template = template or inventory.template
        network_id = inventory.network.id if inventory.network else None
        name = self.next_name()
        self.takes(name, size)
        created: list[str] = []
        intended = InstanceMade(name=name)
        number = self.intend(intended)

        def remember(instance_id: str) -> None:
            created.append(instance_id)
            self.session.ledger.amend(number, intended.model_copy(update={"id": instance_id}))

        def may_run_on(host_name: str, domain: str) -> None:
            there = {"id": created[0], "runs_on": (host_name, domain)}
            self.session.ledger.amend(number, intended.model_copy(update=there))

        with self.steps.step(f"deploy {name}"):
            try:
                job = instances.deploy(
                    self.api,
                    self.session.environment.time_limits.job,
                    name=name,
                    zone_id=inventory.zone.id,
                    template_id=template.id,
                    network_id=owner.network_id if owner else network_id,
                    offering_id=offering.id,
                    host_id=host.id,
                    parameters=parameters,
                    dynamic_scaling=dynamic_scaling,
                    on_created=remember,
                    owner=owner.address if owner else None,
                )
            except ApiError as refused:
                if owner is None:
                    raise
                raise CannotArrangeError(f"needs an instance of account {owner.name}: {refused}") from None
        if not job.succeeded:
            if starts_by is not None:
                self.saw(compare_job(None, job, starts_by))
            raise JobFailedError(f"deploying {name}", job)
        made = StagedInstance(
            self,
            created[0],
            world,
            host,
            offering,
            parameters,
            template,
            requested_flag=dynamic_scaling,
            owner=owner,
            may_run_on=may_run_on,
        )
        self._instances.append(made)
        return made

    def account(self) -> StagedAccount:
        """Make a plain account, with a user whose keys are known to it alone. Raises CannotArrangeError."""
        intended = AccountMade(name=self.next_name())
        number = self.intend(intended)
        with self.steps.step(f"create account {intended.name}"):
            seconds = self.session.environment.time_limits.job
            made = accounts.create(self.api, seconds, intended.name, accounts.AccountType.USER)
        self.session.ledger.amend(number, intended.model_copy(update={"id": made.id}))
        return StagedAccount(self, made, self._network_for(made))

    def _network_for(self, account: AccountKeys) -> str | None:
        """A network that an account may use: everybody's, or a likeness of the run's own."""
        network = self.session.inventory.network
        if network is None or network.acl_type == networks.SHARED:
            return None if network is None else network.id
        intended = NetworkMade(name=self.next_name())
        number = self.intend(intended)
        with self.steps.step(f"create network {intended.name}"):
            zone_id = self.session.inventory.zone.id
            made = networks.create_like(self.api, intended.name, zone_id, network, account.address)
        self.session.ledger.amend(number, intended.model_copy(update={"id": made.id}))
        return made.id

    def tag_host(self, host: HostRecord, tag: str) -> None:
        """Give a host one more tag for this case.

        Raises:
            CannotArrangeError: the environment file does not allow to change hosts.
        """
        self._require_alone("a host's tags", zone_wide=False)
        former = infrastructure.host_tags(self.api, host.id)
        ours = f"{former},{tag}" if former else tag
        self.intend(HostTagsChanged(host_id=host.id, host_name=host.name, former=former, ours=ours))
        with self.steps.step(f"tag host {host.name}"):
            infrastructure.set_host_tags(self.api, host.id, ours)

    def facts(
        self,
        rule: Rule,
        read_from: str,
        seen: dict[str, object],
        *,
        as_built: dict[str, object],
        mended: dict[str, object],
    ) -> None:
        """Hold facts that a known defect decides, by name, against how they are as built and how mended."""
        comparison, shown = compare_facts(rule, Layer.API, read_from, seen, as_built=as_built, mended=(mended,))
        self.saw(comparison)
        if shown is not None:
            self.shows({rule: shown})

    def recount_callers_resources(self) -> None:
        """Have CloudStack count anew what the caller's account has, after it counted there what was another's."""
        accounts.recount(self.api)

    def own_tag(self) -> str:
        """A tag that no host has."""
        return self.next_name()

    def leave_memory_mib(self, left_mib: int, on: HostRecord | None = None) -> StagedInstance:
        """Deploy a filler on a host, by default the home host, so that it has just `left_mib` of unallocated memory.

        Raises:
            CannotArrangeError: the host has less than that free already, or no room for a filler of the rest.
        """
        world = self.session.world()
        host = on or self.home
        return self._filler(room.memory_filler(world, world.host(host.id), left_mib), host)

    def leave_cpu_mhz(self, left_mhz: int) -> list[StagedInstance]:
        """Deploy fillers on the home host so that it has at most `left_mhz` of unallocated CPU, and hardly less.

        Raises:
            CannotArrangeError: the host has less than that free already, or no room for the fillers.
        """
        world = self.session.world()
        return [self._filler(size, self.home) for size in room.cpu_fillers(world, world.host(self.home.id), left_mhz)]

    def _filler(self, size: Size, host: HostRecord) -> StagedInstance:
        return self.instance(self.fixed(size.cpus, size.speed_mhz, size.memory_mib), on=host)

    def left_running(self) -> list[tuple[str, str]]:
        """Host and domain of each instance of its that runs on though CloudStack calls it stopped."""
        of_its_own = [place for case, *place in self.session.ledger.may_run_on() if case == self.case_id]
        return [(host, domain) for host, domain in of_its_own if self.session.still_runs(host, domain)]

    def close(self) -> list[str]:
        """Take everything away; returns a line for each thing that stayed."""
        with self.steps.step("take everything back"):
            return self.session.take_back(self.case_id)

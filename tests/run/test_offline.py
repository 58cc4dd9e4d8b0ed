"""The file that asks the reference: a short one suffices, and what is wrong with one is said in one line."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.reference.scaling import Outcome, Prediction
from harness.report.prediction import prediction_document
from harness.report.prediction_text import prediction_text
from harness.run.offline import OfflineFile, OfflineFileError, load
from harness.run.question import Question, answer, question

EXAMPLE = Path(__file__).parents[2] / "configs" / "predict.toml"
SHORT = """
[[hosts]]
name = "kvm1"
cpus = 8
speed_mhz = 2000
memory_mib = 8192
[settings.zone]
enable.dynamic.scale.vm = true
[instance.offering]
cpus = 2
speed_mhz = 1000
memory_mib = 1024
[request.offering]
cpus = 4
speed_mhz = 1000
memory_mib = 2048
"""
SECOND_HOST = '[[hosts]]\nname = "kvm2"\ncpus = 16\nspeed_mhz = 2000\nmemory_mib = 8192\n'
CUSTOM = SHORT.replace("[instance.offering]\ncpus = 2", "[instance]\ncpus = 2\n[instance.offering]")


def _file(folder: Path, text: str) -> Path:
    file = folder / "question.toml"
    file.write_text(text)
    return file


def _asked(folder: Path, text: str) -> tuple[Question, Prediction]:
    offline = load(_file(folder, text))
    asked = question(offline)
    return asked, answer(offline, asked)


def test_a_file_of_fifteen_lines_is_answered(tmp_path: Path) -> None:
    assert len(SHORT.strip().splitlines()) == 15
    asked, prediction = _asked(tmp_path, SHORT)
    assert prediction.outcome is Outcome.IN_PLACE
    assert asked.instance.domain.prepared
    assert asked.world.hosts[0].used_cpu_mhz == 2000
    assert prediction.domain.dimms_kib == (1024 * 1024,)


def test_the_annotated_file_is_answered() -> None:
    offline = load(EXAMPLE)
    assert answer(offline, question(offline)).host_ids == ("kvm2",)


def test_every_commented_key_of_the_annotated_file_exists_and_nothing_else_is_new(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    uncommented = re.sub(r"(?m)^# (?=(\[instance\.|[a-z_.]+ = ))", "", text)
    assert uncommented.count("\n# ") < text.count("\n# ")
    asked = question(load(_file(tmp_path, uncommented)))
    assert asked.lands_on == "kvm2"
    assert asked.instance.limits is not None


def test_every_key_that_there_is_stands_in_the_annotated_file() -> None:
    text = re.sub(r"(?m)^# (?=(\[instance\.|[a-z_.]+ = ))", "", EXAMPLE.read_text())
    written = tomllib.loads(text)

    def missing(model: type, table: dict) -> list[str]:
        return sorted({field.alias or name for name, field in model.model_fields.items()} - set(table))

    fields = OfflineFile.model_fields
    instance = fields["instance"].annotation
    assert missing(OfflineFile, written) == []
    assert missing(instance, written["instance"]) == []
    assert missing(fields["request"].annotation, written["request"]) == []
    assert missing(instance.model_fields["offering"].annotation, written["instance"]["offering"]) == []
    assert missing(instance.model_fields["start"].annotation, written["instance"]["start"]) == []
    assert missing(type(load(EXAMPLE).hosts[0]), written["hosts"][0]) == []


def test_settings_may_be_written_with_quotes_or_without(tmp_path: Path) -> None:
    plain, _ = _asked(tmp_path, SHORT)
    quoted, _ = _asked(tmp_path, SHORT.replace("enable.dynamic.scale.vm", '"enable.dynamic.scale.vm"'))
    assert plain.world.settings == quoted.world.settings


def test_without_settings_cloudstacks_defaults_hold_and_nothing_can_be_scaled(tmp_path: Path) -> None:
    _, prediction = _asked(tmp_path, SHORT.replace("enable.dynamic.scale.vm = true", ""))
    assert prediction.refusal is not None
    assert prediction.refusal.rule.id == "zone-disabled"


def test_an_instance_that_started_before_the_upgrade_is_not_prepared(tmp_path: Path) -> None:
    asked, prediction = _asked(tmp_path, SHORT + '[instance.start]\nrelease = "4.22"\n')
    assert not asked.instance.domain.prepared
    assert prediction.refusal is not None
    assert prediction.refusal.rule.id == "not-prepared-memory"


def test_an_instance_that_started_smaller_has_the_dimm_of_its_growth(tmp_path: Path) -> None:
    asked, prediction = _asked(tmp_path, SHORT + "[instance.start]\nmemory_mib = 512\ncpus = 1\n")
    assert asked.instance.domain.dimms_kib == (512 * 1024,)
    assert asked.instance.domain.vcpus == 2
    assert prediction.domain.dimms_kib == (512 * 1024, 1024 * 1024)


def test_an_instance_that_started_elsewhere_keeps_the_ceilings_of_there(tmp_path: Path) -> None:
    asked, _ = _asked(tmp_path, SECOND_HOST + SHORT + '[instance.start]\nhost = "kvm1"\n')
    assert asked.instance.host_id == "kvm2"
    assert asked.instance.domain.max_vcpus == 8


def test_settings_that_were_different_at_its_start_shape_its_domain(tmp_path: Path) -> None:
    start = "[instance.start.settings]\nkvm.cpu.dynamic.scaling.capacity = 3\n"
    asked, prediction = _asked(tmp_path, SHORT + start)
    assert asked.instance.domain.max_vcpus == 3
    assert prediction.refusal is not None
    assert prediction.refusal.rule.id == "vcpu-hotplug"


def test_parameters_scale_an_instance_on_its_own_custom_offering(tmp_path: Path) -> None:
    text = CUSTOM.split("[request.offering]")[0] + "[request]\ncpus = 3\n"
    asked, prediction = _asked(tmp_path, text)
    assert asked.instance.saved.cpus == "2"
    assert prediction.outcome is Outcome.IN_PLACE
    assert prediction.saved.cpus == "3"


def test_limits_count_the_instance_where_the_file_does_not_say_what_is_used(tmp_path: Path) -> None:
    _, prediction = _asked(tmp_path, SHORT + "[instance.limits]\ncpus = 3\n")
    assert prediction.refusal is not None
    assert "Current Account Resource Amount = 2" in prediction.refusal.text


def test_a_setting_that_the_release_does_not_have_is_ignored_and_named(tmp_path: Path) -> None:
    text = 'release = "4.22"\n' + SHORT + "[settings.global]\nkvm.cpu.dynamic.scaling.capacity = 3\n"
    asked, _ = _asked(tmp_path, text)
    assert asked.ignored == ("kvm.cpu.dynamic.scaling.capacity",)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("cpus = 8\n", "", r"hosts\.0\.cpus: missing"),
        ("cpus = 8", "cpus = 8\ncpu = 1", r"hosts\.0\.cpu: unknown key; known here are cgroup_version, cluster"),
        ("cpus = 8", "cpus = 0", r"hosts\.0\.cpus: .*greater than or equal to 1, found 0"),
        ("cpus = 8", 'cpus = "8"', r"hosts\.0\.cpus: .*integer, found '8'"),
        ("[request.offering]", "[request.offer]", r"request\.offer: unknown key; known here are caller, cpus"),
        (
            "[request.offering]",
            "[request.offering]\nx = 1",
            r"request\.offering\.x: unknown key; known here are active",
        ),
        ("[settings.zone]", "[settings.zones]", r"settings\.zones: unknown key; known here are clusters, global, zone"),
        ("scale.vm = true", "scale.vn = true", r'settings\.zone\."enable.*vn": .* did you mean enable\.dynamic\.scale'),
        ("enable.dynamic.scale.vm", "unheard", r'settings\.zone\."unheard": no such setting .* that count are'),
        ("vm = true", "vm = 7", r'settings\.zone\."enable.*": must be true or false, found 7'),
        (
            "enable.dynamic.scale.vm",
            "scale.retry",
            r"settings\.zone.*no value of its own there; give it in settings\.glo",
        ),
        (
            "[settings.zone]",
            "[settings.global]\nscale.retry = 2.5\n[settings.zone]",
            r".*must be a whole number, found 2\.5",
        ),
        ("[settings.zone]", "[settings.global]\nscale.retry = 2147483648\n[settings.zone]", r".*fit into a Java int"),
        (
            "[settings.zone]",
            "[settings.global]\nmem.overprovisioning.factor = 0\n[settings.zone]",
            r".*factor\": must be a ratio from 0\.01 to 1000, found 0",
        ),
        (
            "[settings.zone]",
            "[settings.clusters.b]\n[settings.zone]",
            r"settings\.clusters\.b: no host is in this cluster",
        ),
        (
            "[instance.offering]",
            '[instance]\nhost = "x"\n[instance.offering]',
            r"instance\.host: no such host: x; there are kvm1",
        ),
        (
            "[instance.offering]",
            "[instance]\ncpus = 3\n[instance.offering]",
            r"instance\.cpus: .*fixes it at 2; leave it out",
        ),
        ("offering]\ncpus = 2", "offering]", r"instance\.cpus: missing; the instance's offering leaves it open"),
        (
            "[instance.offering]",
            '[instance.start]\nhost = "x"\n[instance.offering]',
            r"instance\.start\.host: no such host: x",
        ),
        (
            "[instance.offering]",
            "[instance.start]\nmemory_mib = 511\n[instance.offering]",
            r"instance\.start: the instance cannot have got from there",
        ),
        ("[[hosts]]", SECOND_HOST.replace("kvm2", "kvm1") + "[[hosts]]", r"hosts\.1\.name: there are two hosts kvm1"),
        ("[request.offering]", '[request.offering]\nname = "x"\n[request.offering]', "not TOML"),
        ("[[hosts]]", "[hosts]", r"hosts: .*list"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SHORT
    with pytest.raises(OfflineFileError, match=rf"question\.toml: {says}") as raised:
        _asked(tmp_path, SHORT.replace(old, new, 1))
    assert "\n" not in str(raised.value)


def test_a_job_that_would_never_end_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    text = SHORT.replace("memory_mib = 2048", "memory_mib = 9000") + "[settings.global]\nscale.retry = -1\n"
    with pytest.raises(
        OfflineFileError, match=r'settings\.global\."scale\.retry": scale\.retry is -1 .*; give 0 or more'
    ):
        _asked(tmp_path, text)


def test_a_host_that_does_not_take_the_instance_is_an_error(tmp_path: Path) -> None:
    text = SHORT.replace("memory_mib = 2048", "memory_mib = 8000") + '[request]\nlands_on = "kvm1"\n'
    text = text.replace("[[hosts]]", "[[hosts]]\nused_memory_mib = 2000", 1) + SECOND_HOST
    with pytest.raises(OfflineFileError, match=r"request\.lands_on: kvm1 does not take it; the hosts that do are kvm2"):
        _asked(tmp_path, text)


# Hardly any number is refused by itself, so that most files get as far as a prediction.
NUMBERS = st.sampled_from([1, 2, 3, 4, 512, 1000, 1025, 2048, 8192, 2**31 - 1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    release=st.sampled_from(["4.22", "4.23"]),
    state=st.sampled_from(["Running", "Running", "Stopped", "Starting"]),
    hypervisor=st.sampled_from(["KVM", "KVM", "KVM", "External", "Hyperv"]),
    ratio=st.sampled_from([1.0, 1.5, 2.0, 0.01, 1000.0, float("nan")]),
)
def test_whatever_the_file_asks_it_is_answered_or_refused_in_one_line(
    tmp_path: Path, data: st.DataObject, release: str, state: str, hypervisor: str, ratio: float
) -> None:
    def sizes(*names: str, always: bool = False) -> str:
        drawn = NUMBERS if always else st.none() | NUMBERS
        values = {name: data.draw(drawn) for name in names}
        return "".join(f"{name} = {value}\n" for name, value in values.items() if value is not None)

    three = ("cpus", "speed_mhz", "memory_mib")
    offering = data.draw(st.sampled_from([True, False]))
    text = (
        f'release = "{release}"\n'
        f'[[hosts]]\nname = "a"\n{sizes(*three, always=True)}{sizes("used_cpu_mhz", "reserved_memory_mib")}'
        f"{SECOND_HOST}"
        "[settings.zone]\nenable.dynamic.scale.vm = true\n"
        f"[settings.global]\nmem.overprovisioning.factor = {ratio}\n"
        f'[instance]\nstate = "{state}"\nhypervisor = "{hypervisor}"\n{"" if offering else sizes(*three, always=True)}'
        f"[instance.offering]\n{sizes(*three, always=True) if offering else sizes('speed_mhz', 'max_cpus')}"
        f"[instance.saved]\n{sizes(*three)}"
        f"[request]\n{sizes(*three)}[request.offering]\n{sizes(*three, 'min_cpus')}"
    )
    try:
        asked, prediction = _asked(tmp_path, text)
        said = prediction_text(prediction_document(asked, prediction)).splitlines()[0]
    except HarnessError as wrong:
        said = str(wrong)
    assert said
    assert "\n" not in said

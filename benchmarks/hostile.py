"""Feeds hostile configurations, domain XML and API answers to what reads them: does anything but a line come of it?"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import BaseAdapter

from harness.cloud import accounts, client, configuration, infrastructure, instances, jobs, networks, offerings, tags
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.hosts import cpu_use, domain_xml, guest_agent, virsh_reading
from harness.marvin import config as marvin
from harness.reference.offering import NO_PARAMETERS
from harness.run import cloud_notes, environment, offline, zone_lock

_EXAMPLE = Path(__file__).parents[1] / "configs"
_WORDS = ["", "x" * 3000, "true", "null", "-1", "0", "9" * 5000, "1e999", "\x00", "\ud800", "‮", "<", "&lt;", "{}", "~"]
_JUNK: list[Any] = [None, True, [], {}, -1, 10**30, 1.5, float("inf"), *_WORDS, [[[]]], {"": {}}, [None], [1, "a"]]
_DOMAIN = """<domain type='kvm' id='7'><name>i-2-7-VM</name><maxMemory slots='16' unit='KiB'>4194304</maxMemory>
<memory unit='KiB'>524288</memory><currentMemory unit='KiB'>524288</currentMemory><vcpu current='2'>8</vcpu>
<cputune><shares>1000</shares><period>10000</period><quota>2500</quota></cputune><cpu><topology sockets='2' cores='4'
threads='1'/><numa><cell id='0' cpus='0-7' memory='524288' unit='KiB'/></numa></cpu><devices><memory model='dimm'>
<target><size unit='KiB'>262144</size><node>0</node></target></memory>
<console type='pty'><log file='/x'/></console></devices>
</domain>"""
_ANSWER = {
    "count": 1, "jobid": "j1", "id": "i1", "jobstatus": 1, "jobresultcode": 0, "jobresult": {"errorcode": 530},
    "capability": {"cloudstackversion": "4.23.0.0"}, "success": True,
    "zone": [{"id": "z", "name": "z", "networktype": "Advanced"}],
    "cluster": [{"id": "c", "name": "c", "zoneid": "z", "hypervisortype": "KVM"}],
    "host": [{"id": "h", "name": "h", "ipaddress": "1.1.1.1", "clusterid": "c", "hypervisor": "KVM", "state": "Up",
              "resourcestate": "Enabled", "cpunumber": 8, "cpuspeed": 2000, "memorytotal": 1 << 32,
              "cpuallocatedvalue": 0, "memoryallocatedbytes": 0, "hosttags": "a,b"}],
    "template": [{"id": "t", "name": "t", "isready": True, "hypervisor": "KVM", "isdynamicallyscalable": True}],
    "network": [{"id": "n", "name": "n", "acltype": "Account"}],
    "virtualmachine": [{"id": "v", "name": "n", "instancename": "i-2-3-VM", "state": "Running", "zoneid": "z",
                        "hostid": "h", "hostname": "h", "serviceofferingid": "o", "cpunumber": 1, "cpuspeed": 500,
                        "memory": 256, "isdynamicallyscalable": True, "details": {"cpuNumber": "1"}}],
    "serviceoffering": [{"id": "o", "name": "n", "limitcpuuse": False, "dynamicscalingenabled": True}],
    "account": [{"id": "a", "name": "n", "domainid": "d", "cputotal": 1, "memorytotal": 1, "user": [{"id": "u"}]}],
    "user": [{"id": "u", "account": "a", "domainid": "d", "created": "2026", "accounttype": 1}],
    "userkeys": {"apikey": "k", "secretkey": "s"}, "configuration": [{"name": "scale.retry", "value": "2"}],
    "tag": [{"key": "cs-harness-lock.z", "value": "csh-1 of x"}], "errorcode": 431, "errortext": "no", "cserrorcode": 1,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # A question is not asked again here: nobody answers otherwise.
    client._ASKED_AGAIN_S = 0.0
    chance = random.Random(arguments.seed)  # noqa: S311
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        kinds = [Configurations(chance, Path(folder)), Domains(chance), Answers(chance)]
        _feed(kinds, arguments.number // 10, found)
        before = _memory_mib()
        _feed(kinds, arguments.number - arguments.number // 10, found)
    grown = _memory_mib() - before
    print(f"{arguments.number} documents, {found.pop('refused')} refused in a line, {found.pop('taken', 0)} taken")
    print(f"memory after the first tenth grew by {grown:.1f} MiB at its most")
    print(f"{sum(found.values())} tracebacks")
    for told, times in found.most_common(20):
        print(f"{times} times: {told}")
    sys.exit(1 if found else 0)


def _feed(kinds: list[Kind], number: int, found: Counter[str]) -> None:
    for n in range(number):
        kind = kinds[n % len(kinds)]
        document = kind.document()
        for read in kind.readers(document):
            try:
                read()
            except HarnessError as refused:
                found["refused"] += 1
                if len(str(refused)) > 20_000:
                    found[f"a line of {len(str(refused)) // 10_000}0,000 signs"] += 1
            except Exception as failure:  # noqa: BLE001 - what is counted here
                where = traceback.extract_tb(failure.__traceback__)[-1]
                found[f"{type(failure).__name__} in {where.filename}:{where.lineno} {str(failure)[:80]}"] += 1
            else:
                found["taken"] += 1


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Kind:
    """A kind of document, and what reads it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def document(self) -> str:
        raise NotImplementedError

    def readers(self, document: str) -> list[Callable[[], object]]:
        raise NotImplementedError

    def spoilt_text(self, text: str) -> str:
        """Some of its letters and stretches are otherwise."""
        for _ in range(self.chance.choice([0, 1, 1, 3, 10])):
            at, length = self.chance.randrange(len(text) + 1), self.chance.choice([0, 1, 5, 40])
            other = self.chance.choice([*_WORDS, text[at : at + 200], chr(self.chance.randrange(0x3000)), "\n", "'"])
            text = text[:at] + other + text[at + length :]
        return text

    def spoilt_tree(self, tree: Any, depth: int = 0) -> Any:
        """Some of its values are otherwise, missing, or nested deeply."""
        dice = self.chance.random()
        if dice < 0.06:
            return self.chance.choice(_JUNK)
        if dice < 0.062:
            return json.loads("[" * 900 + "]" * 900)
        if isinstance(tree, dict):
            kept = {name: part for name, part in tree.items() if self.chance.random() > 0.05}
            return {name: self.spoilt_tree(part, depth + 1) for name, part in kept.items()}
        if isinstance(tree, list):
            return [self.spoilt_tree(part, depth + 1) for part in tree] * self.chance.choice([1, 1, 1, 3])
        return tree


class Configurations(Kind):
    """Environment files, questions to the reference, and Marvin configurations."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        super().__init__(chance)
        names = {"real-cloud.toml": environment.load, "predict.toml": offline.load, "marvin.cfg": marvin.read}
        self._kinds = [((_EXAMPLE / name).read_text(), read) for name, read in names.items()]
        self._file = folder / "config"

    def document(self) -> str:
        text, self._read = self.chance.choice(self._kinds)
        return self.spoilt_text("\n".join(line.removeprefix("# ") for line in text.splitlines()))

    def readers(self, document: str) -> list[Callable[[], object]]:
        self._file.write_text(document, encoding="utf-8", errors="surrogatepass")
        return [lambda: self._read(self._file)]


class Domains(Kind):
    """Domain XML, and whatever else a host may say."""

    def document(self) -> str:
        dice = self.chance.random()
        if dice < 0.02:
            entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
            return f'<!DOCTYPE domain [<!ENTITY a0 "ha">{entities}]><domain><vcpu>&a9;</vcpu></domain>'
        if dice < 0.04:
            depth = self.chance.choice([100, 5000, 100_000])
            return f"<domain>{'<a>' * depth}{'</a>' * depth}</domain>"
        if dice < 0.05:
            return _DOMAIN.replace("i-2-7-VM", "x" * 2_000_000)
        if dice < 0.3:
            text = "\n".join(f"{self.chance.choice(_VIRSH)}{self.chance.choice(_NUMBERS)}" for _ in range(12))
            return self.spoilt_text(text)
        if dice < 0.4:
            returned = {"return": [{"logical-id": 0, "online": True, "phys-index": 1}], "size": 1, "pid": 2}
            return json.dumps(self.spoilt_tree(returned))
        return self.spoilt_text(_DOMAIN)

    def readers(self, document: str) -> list[Callable[[], object]]:
        return [
            lambda: domain_xml.read_domain(document),
            lambda: domain_xml.is_running(document),
            lambda: domain_xml.console_file(document),
            lambda: virsh_reading.read_scheduler(document),
            lambda: virsh_reading.read_vcpu_counts(document),
            lambda: virsh_reading.read_cgroup(document),
            lambda: virsh_reading.read_nodeinfo(document),
            lambda: virsh_reading.read_versions(document),
            lambda: guest_agent.read_guest(document, document, document),
            lambda: cpu_use.read_begun(document),
            lambda: cpu_use.read_status(document),
            lambda: cpu_use.read_cpu_use("1.5", document, document, "1.6"),
            lambda: cpu_use.read_cpu_use(document, "vcpu.0.time=5", document, document),
            lambda: Redactor(["canary-secret"]).text(document),
        ]


_VIRSH = ["cpu_shares : ", "vcpu_period : ", "vcpu_quota : ", "maximum live ", "current live ", "version ", "weight "]
_VIRSH += ["quota 0 ", "period 0 ", "max 0 max ", "CPU(s): ", "CPU frequency: ", "Memory size: ", "vcpu.0.time="]
_VIRSH += ["throttled 0 ", "Using library: libvirt ", "Running hypervisor: QEMU ", "error: ", "unreadable "]
_NUMBERS = ["1", "2", "1000", "-1", "9" * 5000, "1.5", "²", "", " 7 MHz", "٣"]


class _Canned(BaseAdapter):
    """A server's side without a network: each request gets the next of the answers."""

    def __init__(self, answer: Callable[[str], tuple[int, str, bytes]]) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:  # type: ignore[override]
        status, kind, body = self._answer(str(request.body))
        answer = requests.Response()
        answer.status_code, answer.headers["Content-Type"], answer.request = status, kind, request
        answer.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        return answer

    def close(self) -> None:
        pass


class Answers(Kind):
    """What the API may answer, to every function that reads an answer."""

    def document(self) -> str:
        dice = self.chance.random()
        if dice < 0.02:
            return "[" * 50_000
        if dice < 0.04:
            return '{"x":' * 50_000 + "1" + "}" * 50_000
        tree = {"xresponse": self.spoilt_tree(_ANSWER)}
        if self.chance.random() < 0.3:
            # createAccount and the like answer with one in place of a list.
            tree = {"xresponse": {name: p[0] if isinstance(p, list) and p else p for name, p in _ANSWER.items()}}
            tree = {"xresponse": self.spoilt_tree(tree["xresponse"])}
        text = json.dumps(tree)
        return self.spoilt_text(text) if dice < 0.3 else text

    def readers(self, document: str) -> list[Callable[[], object]]:
        status = self.chance.choice([200, 200, 200, 401, 431, 500, 503])
        kind = self.chance.choice(["application/json", "application/json", "text/javascript", "text/html"])
        body = document.encode("utf-8", errors="surrogatepass")
        # As CloudStack has it, which names the answer by its command.
        api = CloudApi("http://127.0.0.1:1/client/api", "key", "secret")
        session = api._connection().session
        session.mount("http://", _Canned(lambda _: (status, kind, body)))
        return [
            lambda: infrastructure.version(api),
            lambda: infrastructure.zone(api, "z"),
            lambda: infrastructure.clusters(api, "z"),
            lambda: infrastructure.hosts(api, "z"),
            lambda: infrastructure.host_tags(api, "h"),
            lambda: infrastructure.template(api, "z", "t"),
            lambda: infrastructure.network(api, "z", "n"),
            lambda: instances.get(api, "v"),
            lambda: instances.id_of(api, "n"),
            lambda: instances.begin_scale(api, "v", "o", NO_PARAMETERS).wait(0.001),
            lambda: instances.destroy(api, 0.001, "v"),
            lambda: accounts.create(api, 0.001, "n", accounts.AccountType.USER),
            lambda: accounts.id_of(api, "n"),
            lambda: accounts.counts(api, "n"),
            lambda: accounts.recount(api),
            lambda: accounts.delete(api, 0.001, "a"),
            lambda: networks.id_of(api, "n"),
            lambda: offerings.id_of(api, "n"),
            lambda: offerings.delete(api, "o"),
            lambda: configuration.value(api, "scale.retry", Place()),
            lambda: configuration.has_new_settings(api),
            lambda: configuration.snapshot(api, "z", ["c"], by_name=configuration.are_many(api)),
            lambda: configuration.snapshot(api, "z", ["c"], by_name=True),
            lambda: tags.listed(api, tags.USER, "u"),
            lambda: list(zone_lock.locks(api)),
            lambda: zone_lock.still_held(api),
            lambda: cloud_notes.noted(api),
            lambda: jobs.run_job(api, "x", 0.001),
            lambda: Redactor().tree(api.call("listX")),
        ]


if __name__ == "__main__":
    main()

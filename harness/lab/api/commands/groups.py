"""Affinity groups and SSH key pairs, which are kept and shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Shown, Single, command
from harness.lab.api.commands import instances
from harness.lab.api.named_records import groups_meant
from harness.lab.api.scope import scope
from harness.lab.api.views import records as views
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import State
from harness.lab.management.records import AffinityGroup, KeyPair

_KINDS = ("host anti-affinity", "host affinity", "non-strict host anti-affinity", "non-strict host affinity")


def _groups(call: Call) -> list[Shown]:
    shows, state, member = scope(call), call.cloud.state, call.text("virtualmachineid")
    with state.lock:
        found = [views.affinity_group(call.cloud, g) for g in state.affinity_groups.values() if shows(g.account_id)]
    return found if member is None else [each for each in found if member in _members(each)]


def _members(shown: Shown) -> list[str]:
    return [str(each) for each in members] if isinstance(members := shown["virtualmachineIds"], list) else []


def _kinds(_call: Call) -> list[Shown]:
    return [{"type": kind} for kind in _KINDS]


def _create_group(call: Call) -> Answer:
    owner, name, kind, state = call.owner(), call.must("name"), call.must("type"), call.cloud.state
    if kind not in _KINDS:
        raise InvalidValueError(f"Unable to create affinity group, invalid affinity group type{kind}")
    with state.lock:
        if any(each.name == name and each.account_id == owner.id for each in state.affinity_groups.values()):
            raise InvalidValueError(f"Unable to create affinity group, a group with name {name} already exists.")
        made = AffinityGroup(str(uuid4()), name, kind, call.text("description") or "", owner.id)
        state.affinity_groups[made.id] = made

    def run() -> Result:
        return {"affinitygroup": views.affinity_group(call.cloud, made)}

    return Begun(Work(made.id, run, "AffinityGroup", made.id), made.id)


def _delete_group(call: Call) -> Answer:
    state, name, group_id, shows = call.cloud.state, call.text("name"), call.text("id"), scope(call)
    with state.lock:
        found = [
            each
            for each in state.affinity_groups.values()
            if each.id == group_id or (group_id is None and each.name == name and shows(each.account_id))
        ]
    if not found:
        raise InvalidValueError("Either the affinity group Id or group name must be specified to delete the group")
    group = found[0]
    check_owner(state, call.user, group.account_id)

    def run() -> Result:
        with state.lock:
            state.affinity_groups.pop(group.id, None)
            state.removed_ids.add(group.id)
            for each in [each for each in state.instances.values() if group.id in each.affinity_group_ids]:
                state.change(each.id, affinity_group_ids=tuple(g for g in each.affinity_group_ids if g != group.id))
        return {"success": True}

    return Begun(Work(group.id, run, "AffinityGroup", group.id))


def _update_groups(call: Call) -> Answer:
    instance = call.instance()
    wanted = groups_meant(call, instance.account_id)
    if instance.state is not State.STOPPED:
        raise InvalidValueError(
            f"Unable update affinity groups of Instance {instance.name}. It should be in Stopped state"
        )

    def run() -> Result:
        call.cloud.state.change(instance.id, affinity_group_ids=wanted or ())
        return {"virtualmachine": instances.shown(call, instance.id)}

    return Begun(Work(instance.id, run, "VirtualMachine", instance.id))


def _key_pairs(call: Call) -> list[Shown]:
    shows, state = scope(call), call.cloud.state
    with state.lock:
        return [views.key_pair(call.cloud, each) for each in state.key_pairs.values() if shows(each.account_id)]


def _kept_key_pair(call: Call, raw: bytes) -> KeyPair:
    """A new record with the fingerprint of a public key. Raises InvalidValueError."""
    owner, name, state = call.owner(), call.must("name"), call.cloud.state
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    with state.lock:
        if any(each.name == name and each.account_id == owner.id for each in state.key_pairs.values()):
            raise InvalidValueError(f"A key pair with name '{name}' already exists for this account.")
        made = KeyPair(str(uuid4()), name, fingerprint, owner.id)
        state.key_pairs[made.id] = made
    return made


def _register_key_pair(call: Call) -> Answer:
    try:
        raw = base64.b64decode(call.must("publickey").split()[1], validate=True)
    except (IndexError, binascii.Error):
        raise InvalidValueError("Public key is invalid") from None
    return Single({"keypair": views.key_pair(call.cloud, _kept_key_pair(call, raw))})


def _create_key_pair(call: Call) -> Answer:
    """The private key is told this once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    made = _kept_key_pair(call, base64.b64decode(public.split()[1]))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return Single({"keypair": {**views.key_pair(call.cloud, made), "privatekey": private.decode()}})


def _delete_key_pair(call: Call) -> Answer:
    owner, name, state = call.owner(), call.must("name"), call.cloud.state
    with state.lock:
        found = [each for each in state.key_pairs.values() if each.name == name and each.account_id == owner.id]
        if not found:
            raise InvalidValueError(f"A key pair with name '{name}' does not exist for account {owner.name}")
        del state.key_pairs[found[0].id]
    return DONE


COMMANDS = (
    command("listAffinityGroups", selection.listing("affinitygroup", _groups, "id name type"), "affinitygroup"),
    command("listAffinityGroupTypes", selection.listing("affinityGroupType", _kinds, "")),
    command("createAffinityGroup", _create_group),
    command("deleteAffinityGroup", _delete_group, "affinitygroup"),
    command("updateVMAffinityGroup", _update_groups, "virtualmachine"),
    command("listSSHKeyPairs", selection.listing("sshkeypair", _key_pairs, "id name fingerprint"), "keypair"),
    command("createSSHKeyPair", _create_key_pair),
    command("registerSSHKeyPair", _register_key_pair),
    command("deleteSSHKeyPair", _delete_key_pair),
)

"""Entities as classes: create, list, delete and what else the scaling and offering modules do with them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from harness.waiting import wait_until

from ..sshClient import SshClient
from .utils import is_server_ssh_ready, random_gen

STATE_SECONDS = 600.0
_OFFERING_KEYS = [
    "cpunumber",
    "cpuspeed",
    "displaytext",
    "memory",
    "name",
    "storagetype",
    "hosttags",
    "deploymentplanner",
    "isvolatile",
    "customizediops",
    "miniops",
    "maxiops",
    "offerha",
    "provisioningtype",
    "dynamicscalingenabled",
    "diskofferingstrictness",
    "diskofferingid",
    "tags",
]
_DISK_KEYS = ["name", "displaytext", "disksize", "miniops", "maxiops", "provisioningtype", "storagetype", "tags"]


def send(apiclient: Any, command: str, **parameters: Any) -> Any:
    """Have `apiclient` send a command; parameters that are None are left out."""
    made = getattr(importlib.import_module(f"marvin.cloudstackAPI.{command}"), f"{command}Cmd")()
    for name, value in parameters.items():
        if value is not None:
            setattr(made, name, value)
    return getattr(apiclient, command)(made)


class Entity:
    """Attributes of an answer, and the commands that list and delete such a thing."""

    listing: ClassVar[str] = ""
    removal: ClassVar[str] = ""

    def __init__(self, items: Mapping[str, Any]) -> None:
        self.__dict__.update(items)

    def __getattr__(self, name: str) -> Any:
        # mypy is not to know an answer's fields; at run time one that is not there is an error, as in Marvin.
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    @classmethod
    def list(cls, apiclient: Any, **parameters: Any) -> Any:
        if {"account", "domainid"} <= parameters.keys():
            parameters["listall"] = True
        return send(apiclient, cls.listing, **parameters)

    def delete(self, apiclient: Any) -> None:
        send(apiclient, self.removal, id=self.id)


class Account(Entity):
    listing, removal = "listAccounts", "deleteAccount"

    @classmethod
    def create(
        cls,
        apiclient: Any,
        services: Mapping[str, Any],
        admin: bool = False,
        domainid: str | None = None,
        roleid: str | None = None,
        account: str | None = None,
    ) -> Self:
        made = send(
            apiclient,
            "createAccount",
            accounttype=2 if admin and domainid else int(admin),
            username=f"{services['username']}-{random_gen()}",
            domainid=domainid,
            roleid=roleid,
            account=account,
            **{key: services[key] for key in ("email", "firstname", "lastname", "password")},
        )
        return cls(vars(made))


class ServiceOffering(Entity):
    listing, removal = "listServiceOfferings", "deleteServiceOffering"

    @classmethod
    def create(
        cls,
        apiclient: Any,
        services: Mapping[str, Any],
        tags: str | None = None,
        domainid: str | None = None,
        cacheMode: str | None = None,
        **parameters: Any,
    ) -> Self:
        wanted = {key: services[key] for key in _OFFERING_KEYS if key in services}
        wanted |= {"domainid": domainid, "cacheMode": cacheMode, **({"tags": tags} if tags else {}), **parameters}
        return cls(vars(send(apiclient, "createServiceOffering", **wanted)))


class DiskOffering(Entity):
    listing, removal = "listDiskOfferings", "deleteDiskOffering"

    @classmethod
    def create(
        cls,
        apiclient: Any,
        services: Mapping[str, Any],
        tags: str | None = None,
        custom: bool = False,
        domainid: str | None = None,
        **parameters: Any,
    ) -> Self:
        wanted = {key: services[key] for key in _DISK_KEYS if key in services}
        if custom:
            wanted.pop("disksize", None)
            wanted["customized"] = True
        wanted |= {"domainid": domainid, **({"tags": tags} if tags else {}), **parameters}
        return cls(vars(send(apiclient, "createDiskOffering", **wanted)))


class Template(Entity):
    listing, removal = "listTemplates", "deleteTemplate"

    # Tests call it on what get_template answers, too: Template.update(template, apiclient, ...).
    def update(self: Any, apiclient: Any, **parameters: Any) -> Any:
        return send(apiclient, "updateTemplate", id=self.id, **parameters)


class Host(Entity):
    listing, removal = "listHosts", "deleteHost"


class Volume(Entity):
    listing, removal = "listVolumes", "deleteVolume"


class StoragePool(Entity):
    listing, removal = "listStoragePools", "deleteStoragePool"


class Configurations(Entity):
    listing = "listConfigurations"

    @classmethod
    def update(cls, apiclient: Any, name: str, value: str | None = None, **scope: Any) -> None:
        send(apiclient, "updateConfiguration", name=name, value=value, **scope)


class VirtualMachine(Entity):
    listing, removal = "listVirtualMachines", "destroyVirtualMachine"
    RUNNING = "Running"
    STOPPED = "Stopped"

    @classmethod
    def create(
        cls,
        apiclient: Any,
        services: Mapping[str, Any],
        templateid: str | None = None,
        accountid: str | None = None,
        domainid: str | None = None,
        zoneid: str | None = None,
        networkids: Any = None,
        serviceofferingid: str | None = None,
        mode: str = "default",
        customcpunumber: int | None = None,
        customcpuspeed: int | None = None,
        custommemory: int | None = None,
        rootdisksize: int | None = None,
        **parameters: Any,
    ) -> Self:
        details = {
            "cpuNumber": customcpunumber,
            "cpuSpeed": customcpuspeed,
            "memory": custommemory,
            "rootdisksize": rootdisksize,
        }
        made = send(
            apiclient,
            "deployVirtualMachine",
            serviceofferingid=serviceofferingid or services.get("serviceoffering"),
            templateid=templateid or services.get("template"),
            zoneid=zoneid or services.get("zoneid"),
            account=accountid or services.get("account"),
            domainid=domainid or services.get("domainid"),
            networkids=networkids or services.get("networkids"),
            displayname=services.get("displayname"),
            name=services.get("name"),
            details=[{key: value for key, value in details.items() if value is not None}],
            **parameters,
        )
        return cls({"ipaddress": made.nic[0].ipaddress, **vars(made), "login": services})

    def start(self, apiclient: Any) -> None:
        send(apiclient, "startVirtualMachine", id=self.id)
        self._await(apiclient, self.RUNNING)

    def stop(self, apiclient: Any, forced: bool | None = None) -> None:
        send(apiclient, "stopVirtualMachine", id=self.id, forced=forced)
        self._await(apiclient, self.STOPPED)

    def reboot(self, apiclient: Any) -> None:
        send(apiclient, "rebootVirtualMachine", id=self.id)
        self._await(apiclient, self.RUNNING)

    def update(self, apiclient: Any, **parameters: Any) -> Any:
        return send(apiclient, "updateVirtualMachine", id=self.id, **parameters)

    def migrate(self, apiclient: Any, hostid: str | None = None) -> None:
        send(apiclient, "migrateVirtualMachine", virtualmachineid=self.id, hostid=hostid)

    def delete(self, apiclient: Any, expunge: bool = True, **parameters: Any) -> None:
        send(apiclient, self.removal, id=self.id, expunge=expunge, **parameters)

    def get_ssh_client(
        self,
        ipaddress: str | None = None,
        reconnect: bool = False,
        port: int | None = None,
        keyPairFileLocation: str | None = None,
        retries: int = 20,
    ) -> SshClient:
        login = self.login
        password = None if keyPairFileLocation else login["password"]
        return is_server_ssh_ready(
            ipaddress or self.ipaddress,
            port or login["ssh_port"],
            login["username"],
            password,
            retries=retries,
            keyPairFileLocation=keyPairFileLocation,
        )

    def _await(self, apiclient: Any, state: str) -> None:
        wait_until(
            f"{self.id} to be {state}",
            lambda: self.list(apiclient, id=self.id)[0].state,
            lambda seen: seen == state,
            STATE_SECONDS,
        )

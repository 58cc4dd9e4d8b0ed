"""Alerts: what an admin should know of, as listAlerts shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from harness.lab.management.record_log import Logged, RecordLog

# Kinds of alerts by name. Source: AlertService.AlertType.
KINDS = {
    "ALERT.MEMORY": 0,
    "ALERT.CPU": 1,
    "ALERT.STORAGE": 2,
    "ALERT.STORAGE.ALLOCATED": 3,
    "ALERT.NETWORK.PUBLICIP": 4,
    "ALERT.NETWORK.IPV6SUBNET": 10,
    "ALERT.NETWORK.PRIVATEIP": 5,
    "ALERT.STORAGE.SECONDARY": 6,
    "ALERT.COMPUTE.HOST": 7,
    "ALERT.USERVM": 8,
    "ALERT.SERVICE.DOMAINROUTER": 9,
    "ALERT.SERVICE.CONSOLEPROXY": 10,
    "ALERT.NETWORK.ROUTING": 11,
    "ALERT.STORAGE.MISC": 12,
    "ALERT.USAGE": 13,
    "ALERT.MANAGEMENT": 14,
    "ALERT.NETWORK.DOMAINROUTERMIGRATE": 15,
    "ALERT.SERVICE.CONSOLEPROXYMIGRATE": 16,
    "ALERT.USERVM.MIGRATE": 17,
    "ALERT.NETWORK.VLAN": 18,
    "ALERT.SERVICE.SSVM": 19,
    "ALERT.USAGE.RESULT": 20,
    "ALERT.STORAGE.DELETE": 21,
    "ALERT.RESOURCE.COUNT": 22,
    "ALERT.USAGE.SANITY": 23,
    "ALERT.NETWORK.DIRECTPUBLICIP": 24,
    "ALERT.STORAGE.LOCAL": 25,
    "ALERT.RESOURCE.EXCEED": 26,
    "ALERT.TYPE.SYNC": 27,
    "ALERT.UPLOAD.FAILED": 28,
    "ALERT.OOBM.AUTHERROR": 29,
    "ALERT.HA.ACTION": 30,
    "ALERT.CA.CERT": 31,
    "ALERT.VM.SNAPSHOT": 32,
    "ALERT.VR.PUBLIC.IFACE.MTU": 32,
    "ALERT.VR.PRIVATE.IFACE.MTU": 32,
    "ALERT.TYPE.EXTENSION.PATH.NOT.READY": 33,
    "ALERT.STORAGE.BACKUP": 21,
    "ALERT.STORAGE.OBJECT": 20,
}


@dataclass(frozen=True, kw_only=True)
class Alert(Logged):
    type: int
    name: str
    description: str
    sent: datetime


class AlertLog(RecordLog[Alert]):
    """The newest alerts of the cloud; safe to use from any thread."""

    def raise_alert(self, name: str, description: str) -> None:
        """One of a kind that CloudStack has."""
        self.raise_other(KINDS[name], name, description)

    def raise_other(self, number: int, name: str, description: str) -> None:
        """One of any kind, as generateAlert may ask for."""
        self.keep(lambda now: Alert(id=str(uuid4()), type=number, name=name, description=description, sent=now))

"""Looks things up in the cloud: answers with the first that fits, or FAILED."""

from __future__ import annotations

from typing import Any

from ..codes import FAILED
from ..config.test_data import test_data
from .base import send


def get_zone(apiclient: Any, zone_name: str | None = None, zone_id: str | None = None) -> Any:
    return _first(send(apiclient, "listZones", name=zone_name, id=zone_id))


def get_domain(apiclient: Any, domain_id: str | None = None, domain_name: str | None = None) -> Any:
    return _first(send(apiclient, "listDomains", id=domain_id, name=domain_name))


def get_template(
    apiclient: Any,
    zone_id: str | None = None,
    ostype_desc: str | None = None,
    template_filter: str = "featured",
    template_type: str = "BUILTIN",
    template_id: str | None = None,
    template_name: str | None = None,
    account: str | None = None,
    domain_id: str | None = None,
    project_id: str | None = None,
    hypervisor: str | None = None,
) -> Any:
    """The first ready one of `template_type`, else the first."""
    found = send(
        apiclient,
        "listTemplates",
        templatefilter=template_filter,
        zoneid=zone_id,
        id=template_id,
        name=template_name,
        account=account,
        domainid=domain_id,
        projectid=project_id,
        hypervisor=hypervisor,
    )
    wanted = [each for each in found or [] if each.isready and each.templatetype == template_type]
    return _first(wanted or found)


def get_test_template(
    apiclient: Any,
    zone_id: str | None = None,
    hypervisor: str | None = None,
    test_templates: dict[str, dict[str, Any]] | None = None,
    deploy_as_is: bool = False,
) -> Any:
    """The public, ready one that the test data name for the hypervisor; none is downloaded. A simulator has its own."""
    if (hypervisor or "").lower() == "simulator":
        return get_template(apiclient, zone_id)
    templates = test_templates or test_data["test_templates"]
    wanted = templates.get((hypervisor or "").lower())
    if wanted is None:
        return FAILED
    found = send(apiclient, "listTemplates", templatefilter="all", zoneid=zone_id, name=wanted["name"])
    return _first([each for each in found or [] if each.isready and each.ispublic])


def list_service_offering(apiclient: Any, **parameters: Any) -> Any:
    return send(apiclient, "listServiceOfferings", **parameters)


def list_virtual_machines(apiclient: Any, **parameters: Any) -> Any:
    return send(apiclient, "listVirtualMachines", **parameters)


def list_hosts(apiclient: Any, **parameters: Any) -> Any:
    return send(apiclient, "listHosts", **parameters)


def is_config_suitable(apiclient: Any, name: str, value: str) -> bool:
    [setting] = send(apiclient, "listConfigurations", name=name)
    return bool(setting.value == value)


def _first(found: list[Any] | None) -> Any:
    return found[0] if found else FAILED

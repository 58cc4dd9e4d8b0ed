"""What the server is and can do: listCapabilities, listApis."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, Command, Listing, Shown, Single, command
from harness.lab.api.views.hosts import version
from harness.lab.management.errors import ApiError
from harness.reference import settings as names


def _list_capabilities(call: Call) -> Answer:
    settings = call.cloud.state.configuration.settings()
    return Single(
        {
            "capability": {
                "securitygroupsenabled": False,
                "dynamicrolesenabled": True,
                "cloudstackversion": version(call.cloud),
                "userpublictemplateenabled": True,
                "supportELB": "false",
                "projectinviterequired": False,
                "allowusercreateprojects": True,
                "customdiskofferingminsize": 1,
                "customdiskofferingmaxsize": 1024,
                "regionsecondaryenabled": False,
                "kvmsnapshotenabled": False,
                "allowuserviewdestroyedvm": call.is_admin,
                "allowuserexpungerecovervm": call.is_admin,
                "allowuserexpungerecovervolume": True,
                "allowuserviewalldomainaccounts": False,
                "allowuserforcestopvm": True,
                "kubernetesserviceenabled": False,
                "kubernetesclusterexperimentalfeaturesenabled": False,
                "customhypervisordisplayname": "Custom",
                "defaultuipagesize": 20,
                "dynamicscalingenabled": settings.flag(names.ENABLE_DYNAMIC_SCALE),
            }
        }
    )


def _list_apis(call: Call) -> Answer:
    wanted = call.text("name")
    if wanted is not None and wanted not in call.commands:
        raise ApiError(432, f"The API [{wanted}] does not exist or is not available for the account.")
    shown = [call.commands[wanted]] if wanted is not None else list(call.commands.values())
    return Listing("api", [_api(each) for each in shown if each.is_open_to(call.cloud.state.role_of(call.user))])


def _api(each: Command) -> Shown:
    return {
        "name": each.name,
        "description": each.description or each.name,
        "isasync": each.asynchronous,
        "related": "",
        "params": [
            {
                "name": parameter.name,
                "description": parameter.name,
                "type": parameter.shown_type,
                "length": 255,
                "required": parameter.required,
            }
            for parameter in each.parameters
        ],
        "response": [],
    }


COMMANDS = (
    command("listCapabilities", _list_capabilities, open_to_users=True),
    command("listApis", _list_apis, "name:string", open_to_users=True),
)

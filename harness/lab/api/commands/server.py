"""What the server is and can do: listCapabilities, listApis."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.listed_apis import listed_apis
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
                "instancesstatsretentiontime": 720,
                "instancesstatsuseronly": False,
                "instancesdisksstatsretentionenabled": False,
                "instancesdisksstatsretentiontime": 720,
                "sharedfsvmmincpucount": 2,
                "sharedfsvmminramsize": 1024,
                "instanceleaseenabled": False,
                "dynamicscalingenabled": settings.flag(names.ENABLE_DYNAMIC_SCALE),
            }
        }
    )


def _list_apis(call: Call) -> Answer:
    role = call.cloud.state.role_record_of(call.user)
    open_ones = [name for name in listed_apis() if name not in call.commands or call.commands[name].is_open_to(role)]
    wanted = call.text("name")
    if wanted is None:
        return Listing("api", [_listed(call, name) for name in open_ones])
    if wanted not in open_ones:
        raise ApiError(432, f"The API [{wanted}] does not exist or is not available for the account.")
    return Listing("api", [_listed(call, wanted)])


def _listed(call: Call, name: str) -> Shown:
    entry = listed_apis()[name]
    since = name == "registerUserKeys" and call.cloud.state.release.has_key_pairs
    return entry | {"isasync": True} if since else entry


COMMANDS = (
    command("listCapabilities", _list_capabilities),
    command("listApis", _list_apis),
)

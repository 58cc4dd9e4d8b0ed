"""Makes `marvin.cloudstackAPI` on the fly: a module for any command that a test or Marvin names, without a generator.

What is in them follows tools/marvin/marvin/codegenerator.py of CloudStack 4.22: `<command>Cmd` has an attribute for
each parameter, `isAsync` and `required`; the attributes of `<command>Response` tell Marvin what an answer is made of.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from harness.marvin.catalogue import ApiCommand

PACKAGE = "marvin.cloudstackAPI"
_CLIENT = "cloudstackAPIClient"
_BASES = ("baseCmd", "baseResponse")
_COMMAND = re.compile(r"[a-z][A-Za-z0-9]+")
# Marvin's sources break lines behind the point.
_NAMED_COMMAND = re.compile(r"\b([a-z][A-Za-z0-9]+)\.(?:\\\n)?\s*\1Cmd\b")
# A password is not to stand in the server's log of addresses.
_BY_POST = frozenset({"login", "logout"})

Describe = Callable[[str], ApiCommand | None]


class ApiModules(MetaPathFinder, Loader):
    """Finds and makes the package and its modules; `describe` is asked when a command is made for the first time."""

    def __init__(self, describe: Describe, names: Iterable[str] = ()) -> None:
        self._describe = describe
        self._names = {*names, _CLIENT}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PACKAGE:
            return ModuleSpec(fullname, self, is_package=True)
        package, _, name = fullname.rpartition(".")
        if package == PACKAGE and (name in _BASES or _COMMAND.fullmatch(name)):
            return ModuleSpec(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == PACKAGE:
            module.__dict__["__getattr__"] = self._member
            return
        name = module.__name__.rpartition(".")[2]
        if name == _CLIENT:
            members = {"describe": staticmethod(self._describe)}
            module.__dict__["CloudStackAPIClient"] = type("CloudStackAPIClient", (ApiClient,), members)
        elif name in _BASES:
            module.__dict__[name] = BaseCmd if name == "baseCmd" else BaseResponse
        else:
            module.__dict__[f"{name}Cmd"] = _command_class(name, self._describe)
            module.__dict__[f"{name}Response"] = _response_class(name, self._describe)
            module.__dict__["baseCmd"] = BaseCmd
            module.__dict__["baseResponse"] = BaseResponse

    def _member(self, name: str) -> object:
        """A module that nobody imported by its own name; for `from marvin.cloudstackAPI import *`, which ones."""
        if name == "__all__":
            # What a module that takes all of them uses is written in it.
            return sorted({*self._names, *named_in(Path(sys._getframe(1).f_code.co_filename))})
        if not _COMMAND.fullmatch(name):
            raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
        full = f"{PACKAGE}.{name}"
        module = ModuleType(full)
        module.__spec__ = ModuleSpec(full, self)
        sys.modules[full] = module
        setattr(sys.modules[PACKAGE], name, module)
        self.exec_module(module)
        return module


class BaseCmd:
    """What every command is."""

    typeInfo: dict[str, str] = {}  # noqa: N815, RUF012 - Marvin's name and kind
    required: Sequence[str]
    isAsync: str  # noqa: N815


class BaseResponse:
    """What every response is."""

    typeInfo: dict[str, str] = {}  # noqa: N815, RUF012


class ApiClient:
    """Any command as a method; `id` is the running test's, which ends in the names of some resources."""

    describe: ClassVar[Describe]

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.id: str | None = None

    def __copy__(self) -> ApiClient:
        return type(self)(copy.copy(self.connection))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # Copying and pickling ask for names of Python's own before there is anything in the object.
        if name.startswith("_") or not _COMMAND.fullmatch(name):
            raise AttributeError(name)

        def call(command: object, method: str = "POST" if name in _BY_POST else "GET") -> Any:
            if type(self).describe(name) is None and name not in _BY_POST:
                # CloudStack takes such a request's signature for wrong, which leads people astray.
                refusal = import_module("marvin.cloudstackException").CloudstackAPIException
                raise refusal(name, f"errorCode: 432, errorText:the cloud has no API command {name}")
            module = sys.modules[type(command).__module__]
            response = getattr(module, f"{name}Response", BaseResponse)()
            return self.connection.marvinRequest(command, response_type=response, method=method)

        return call


def is_command(name: str) -> bool:
    """Whether a command could be called so: words, the second and later ones with a capital."""
    return _COMMAND.fullmatch(name) is not None and not name.islower()


def commands_in(package: Path) -> set[str]:
    """The commands that Marvin's own sources name after a `from marvin.cloudstackAPI import *`."""
    files = [*package.glob("*.py"), *(package / "lib").glob("*.py")]
    return {name for file in files for name in named_in(file)}


def named_in(file: Path) -> list[str]:
    """The commands that a source file makes: `listZones.listZonesCmd()`."""
    return _NAMED_COMMAND.findall(file.read_text(encoding="utf-8")) if file.is_file() else []


def _command_class(name: str, describe: Describe) -> type[BaseCmd]:
    def initialize(self: BaseCmd) -> None:
        known = describe(name)
        self.isAsync = str(known is not None and known.asynchronous).lower()
        self.required = list(known.required) if known else []
        if known:
            type(self).typeInfo.update(known.parameters)
            for parameter in known.parameters:
                setattr(self, parameter, [] if parameter in known.lists else None)

    def absent(self: BaseCmd, parameter: str) -> object:
        # Of a command that the cloud lacks nobody knows the parameters, and which are lists; sending it will say what
        # is wrong.
        if parameter.startswith("__") or describe(name) is not None:
            raise AttributeError(parameter)
        made: list[object] = []
        setattr(self, parameter, made)
        return made

    return _class(f"{name}Cmd", BaseCmd, {"__init__": initialize, "__getattr__": absent, "typeInfo": {}}, name)


def _response_class(name: str, describe: Describe) -> type[BaseResponse]:
    def initialize(self: BaseResponse) -> None:
        known = describe(name)
        for field in known.response if known else ():
            setattr(self, field, None)

    return _class(f"{name}Response", BaseResponse, {"__init__": initialize, "typeInfo": {}}, name)


def _class(class_name: str, base: type, members: dict[str, object], name: str) -> type:
    return type(class_name, (base,), {**members, "__module__": f"{PACKAGE}.{name}"})

"""The one door to libvirt-python: imported when first used, silent on standard error, untyped on purpose."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from harness.errors import HarnessError


class LibvirtPythonMissingError(HarnessError):
    """The optional module is not installed."""

    def __init__(self) -> None:
        super().__init__("the Python module libvirt is missing; install the extra: pip install '.[kvm]'")


@cache
def libvirt() -> Any:
    """The module `libvirt`; it has no type hints."""
    try:
        module = importlib.import_module("libvirt")
    except ModuleNotFoundError as error:
        raise LibvirtPythonMissingError from error
    # Without a handler of ours libvirt prints every error to standard error besides raising it.
    module.registerErrorHandler(lambda _context, _error: None, None)
    return module

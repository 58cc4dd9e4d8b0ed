"""What the management brain refuses, with the code, the CloudStack error code and the text an API user reads."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.reference.refusal import Refusal

PARAMETER = 431
INTERNAL = 530
ACCOUNT = 531
INSUFFICIENT_CAPACITY = 533
RESOURCE_ALLOCATION = 535

# What is said of a fault of the lab's own; its log says the rest.
FAULT = "Internal error executing command, please contact your system administrator"

CS_RUNTIME = 4250
CS_INVALID_VALUE = 4350
CS_PERMISSION = 4365
CS_RESOURCE_ALLOCATION = 4370
CS_SERVER_API = 9999


class ApiError(HarnessError):
    """A refusal. `code` is HTTP status and errorcode alike, `cs_code` the class of the exception behind it.

    A failed job shows `code` and text only.
    """

    def __init__(self, code: int, text: str, cs_code: int = CS_SERVER_API) -> None:
        self.code = code
        self.cs_code = cs_code
        super().__init__(text)


class BareError(ApiError):
    """A refusal of the servlet before any command: without CloudStack error code, version or description."""


class InvalidValueError(ApiError):
    """A value that the service layer does not accept."""

    def __init__(self, text: str) -> None:
        super().__init__(PARAMETER, text, CS_INVALID_VALUE)


class BadParameterError(ApiError):
    """A parameter that cannot be read at all."""

    def __init__(self, text: str) -> None:
        super().__init__(PARAMETER, text, CS_SERVER_API)


class PermissionDeniedError(ApiError):
    """The caller may not touch this resource."""

    def __init__(self, text: str = "Caller does not have permission to operate with provided resource.") -> None:
        super().__init__(ACCOUNT, text, CS_PERMISSION)


class OperationFailedError(ApiError):
    """Something went wrong on the way: an internal error to the API user."""

    def __init__(self, text: str) -> None:
        super().__init__(INTERNAL, text, CS_RUNTIME)


class NoCapacityError(ApiError):
    """No host has room."""

    def __init__(self, text: str) -> None:
        super().__init__(INSUFFICIENT_CAPACITY, text, CS_SERVER_API)


class ResourceLimitError(ApiError):
    """The account has as much as it may have."""

    def __init__(self, text: str) -> None:
        super().__init__(RESOURCE_ALLOCATION, text, CS_RESOURCE_ALLOCATION)


def refused(refusal: Refusal, instance: str = "", uuid: str = "", account_domain: int = 1) -> ApiError:
    """The reference's refusal as an API user reads it.

    `instance` is how CloudStack writes the instance, `account_domain` the number of its owner's domain.
    """
    cs_code = CS_INVALID_VALUE if refusal.code == PARAMETER else CS_RUNTIME
    return ApiError(refusal.code, refusal.rendered(instance, uuid, account_domain), cs_code)

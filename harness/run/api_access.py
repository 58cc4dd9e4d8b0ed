"""The API of an environment file: as a connection of a run, and as one that cannot change anything."""

from __future__ import annotations

from harness.cloud.client import CloudApi
from harness.cloud.read_only import ReadOnlyApi
from harness.run.environment import Environment


def api_of(environment: Environment, api_key: str | None = None, secret_key: str | None = None) -> CloudApi:
    """The API as the environment file says, with its keys or with others.

    Raises:
        EnvironmentFileError: the file's keys have no usable source.
    """
    return CloudApi(
        environment.api.endpoint,
        api_key or environment.api_key(),
        secret_key or environment.secret_key(),
        verify=_verify(environment),
        timeout_s=environment.time_limits.api,
    )


def read_only_api(environment: Environment, api_rate: float | None = None) -> ReadOnlyApi:
    """The same with the file's keys, for lists and queries only. Raises as `api_of`."""
    return ReadOnlyApi(
        environment.api.endpoint,
        environment.api_key(),
        environment.secret_key(),
        verify=_verify(environment),
        timeout_s=environment.time_limits.api,
        api_rate=api_rate,
    )


def _verify(environment: Environment) -> bool | str:
    """As requests takes it: whether, or by which CA bundle."""
    if environment.api.verify_tls and environment.api.ca_bundle is not None:
        return str(environment.path(environment.api.ca_bundle))
    return environment.api.verify_tls

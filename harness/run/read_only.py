"""The API of an environment file as a connection that cannot change anything."""

from __future__ import annotations

from harness.cloud.read_only import ReadOnlyApi
from harness.run.environment import Environment


def read_only_api(environment: Environment, api_rate: float | None = None) -> ReadOnlyApi:
    """Raises EnvironmentFileError: the file's keys have no usable source."""
    verify: bool | str = environment.api.verify_tls
    if verify and environment.api.ca_bundle is not None:
        verify = str(environment.path(environment.api.ca_bundle))
    return ReadOnlyApi(
        environment.api.endpoint,
        environment.api_key(),
        environment.secret_key(),
        verify=verify,
        timeout_s=environment.time_limits.api,
        api_rate=api_rate,
    )

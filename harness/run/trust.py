"""Warns of how a run reaches its cloud: by checks that are turned off, with secrets that others can read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from harness.run.environment import Environment

_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


def warnings(environment: Environment) -> Iterator[str]:
    """A line for each check that the environment file turns off, and for each file with secrets that is open."""
    if not environment.api.verify_tls:
        yield "TLS certificates are not verified (api.verify_tls = false): whoever sits between reads what is sent"
    if environment.hosts.host_keys == "insecure":
        yield 'SSH host keys are not verified (hosts.host_keys = "insecure"): any machine may pass for a host'
    if environment.api.endpoint.startswith("http://") and environment.lab is None:
        yield f"{environment.api.endpoint} is not encrypted: passwords of new accounts and what is answered can be read"
    for file in _files_with_secrets(environment):
        if file.is_file() and file.stat().st_mode & _OTHERS_READ:
            yield f"{file} has secrets and others can read it; chmod 600 {file}"


def _files_with_secrets(environment: Environment) -> Iterator[Path]:
    if environment.api.api_key is not None or environment.has_secrets_in_its_file:
        yield environment.file
    if environment.pointed_at_by is not None:
        yield environment.pointed_at_by
    management = environment.logs.management
    logins = environment.hosts
    named = [environment.api.api_key_file, environment.api.secret_key_file, logins.key_file]
    named += [override.key_file for override in logins.overrides.values()]
    named += [management.key_file if management else None]
    for file in dict.fromkeys(named):
        if file is not None:
            yield environment.path(file)

"""Answers as attributes: what is not there is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class jsonLoader:
    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.__dict__.update({name: loaded(value) for name, value in tree.items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __getitem__(self, name: str) -> Any:
        return self.__dict__.get(name)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name} : {value!r}" for name, value in self.__dict__.items()) + "}"


def loaded(value: Any) -> Any:
    """The same with attributes, however deep."""
    if isinstance(value, Mapping):
        return jsonLoader(value)
    return [loaded(each) for each in value] if isinstance(value, list | tuple) else value

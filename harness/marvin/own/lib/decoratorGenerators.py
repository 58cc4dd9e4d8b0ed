"""Decorators for tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def skipTestIf(attribute: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Skip the test where its object has a true attribute of that name."""

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def maybe(self: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(self, attribute, False):
                self.skipTest(f"Skipping test: Reason -  {attribute}")
            return test(self, *args, **kwargs)

        return maybe

    return decorate

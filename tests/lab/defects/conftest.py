"""The lab of the API's tests, for defects."""

from tests.lab.api.conftest import lab, make_lab, shared_clouds

__all__ = ["lab", "make_lab", "shared_clouds"]

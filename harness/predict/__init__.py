"""Predicts a scale on a running cloud without doing it: what would happen to this instance with that offering.

>>> from pathlib import Path
>>> from harness.predict import LiveCloud
>>> from harness.run.environment import load
>>> asked = LiveCloud(load(Path("cloud.toml"))).question("vm-1", "large")
>>> asked.predict().outcome
<Outcome.IN_PLACE: 'in place'>
"""

from harness.predict.live import CannotPredictError, LiveCloud, LiveQuestion

__all__ = ["CannotPredictError", "LiveCloud", "LiveQuestion"]

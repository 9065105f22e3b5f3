"""What a scenario makes happen to each logger, in the order of time, and the truth beside it."""

from firmware_sim.recorder.plans import plan
from firmware_sim.recorder.truth import Truth

__all__ = ["Truth", "plan"]

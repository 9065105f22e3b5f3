"""Is the record what the hardware felt? Looked at before anything else, after the idea of EN 15433-3."""

from __future__ import annotations

from typing import NamedTuple

from monitor.shock.static import Static
from monitor.shock.waveform import Waveform


class Fault(NamedTuple):
    """`name` is clipped, drop-out, offset, spikes, truncated or late-trigger; `reason` says it with its figures."""

    name: str
    reason: str


class Validity(NamedTuple):
    """What is wrong with a record; `is_lower_bound` when its peaks and velocity change are at least what they read."""

    faults: tuple[Fault, ...]
    is_lower_bound: bool

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults

    @property
    def reason(self) -> str:
        """All reasons in one line, "" for a valid record."""
        return "; ".join(fault.reason for fault in self.faults)


def validity(waveform: Waveform, static: Static) -> Validity:
    """What is wrong with a record."""
    faults = []
    if waveform.is_at_rail.any():
        faults.append(Fault("clipped", f"clipped at {waveform.rail_g} g"))
    if static.is_estimated:
        faults.append(Fault("late-trigger", "nothing before the trigger to measure the rest from"))
    return Validity(tuple(faults), bool(waveform.is_at_rail.any()))

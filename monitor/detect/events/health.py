"""Health checks of events: was the sensor at its rail, is the record what the hardware felt."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from monitor.detect.events.signals import Signals


class Lapse(NamedTuple):
    """Since when a check is not passed, and what there is to say of it."""

    start_ns: int
    note: str = ""


def clipped(signals: Signals) -> Lapse | None:
    """From the first sample at a rail of the counts or at the declared full scale."""
    at_rail = signals.analysis.waveform.is_at_rail.any(axis=0)
    return Lapse(signals.time_ns(int(at_rail.argmax()))) if at_rail.any() else None


def invalid(signals: Signals) -> Lapse | None:
    """The whole of a record that is not valid, with the reasons."""
    validity = signals.analysis.validity
    return None if validity.is_valid else Lapse(signals.event.start_ns, validity.reason)


CHECKS: dict[str, Callable[[Signals], Lapse | None]] = {"clipped": clipped, "invalid": invalid}

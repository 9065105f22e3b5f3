"""The points of events: what their analysis says, and their spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.consumers.points import Fields
from monitor.model.batch import Table
from monitor.model.event_summary import EventSummary

Tags = tuple[tuple[str, str], ...]


def event_results(events: Sequence[EventSummary]) -> list[Table]:
    """Measurement `shock`, a point for each event, and `srs`, one for each of its frequencies, all at the triggers.

    What an event does not say is NaN.
    """
    return [_shocks(events), _spectra(events)] if events else []


def _shocks(events: Sequence[EventSummary]) -> Table:
    numbers = [_numbers(event) for event in events]
    fields: Fields = {name: _column([each[name] for each in numbers]) for name in numbers[0]}
    fields |= {
        "valid": [event.is_valid for event in events],
        "kind": [event.kind for event in events],
        "boot": [str(event.boot) for event in events],
        "seq": [str(event.seq) for event in events],
    }
    return _table("shock", events, [_sensor(event) for event in events], fields)


def _numbers(event: EventSummary) -> dict[str, float | None]:
    x_g, y_g, z_g = event.axis_peak_g
    return {
        "peak_g": event.peak_g,
        "peak_raw_g": event.peak_raw_g,
        "peak_x_g": x_g,
        "peak_y_g": y_g,
        "peak_z_g": z_g,
        "resultant_g": event.resultant_g,
        "duration_ms": event.duration_ms,
        "delta_v_m_s": event.delta_v_m_s,
        "drop_height_m": event.drop_height_m,
        "srs_peak_g": event.srs_peak_g,
        "srs_peak_hz": event.srs_peak_hz,
        "damage_margin": event.damage_margin,
    }


def _spectra(events: Sequence[EventSummary]) -> Table:
    rows = [(event, hz, accel_g) for event in events for hz, accel_g in event.spectrum]
    tags = [(*_sensor(event), ("freq_hz", f"{hz:.4g}")) for event, hz, _ in rows]
    accel_g = _column([accel_g for _, _, accel_g in rows])
    return _table("srs", [event for event, _, _ in rows], tags, {"accel_g": accel_g})


def _table(measurement: str, events: Sequence[EventSummary], tags: Sequence[Tags], fields: Fields) -> Table:
    """A row for each of the events, with its tags."""
    numbers: dict[Tags, int] = {}
    of = np.array([numbers.setdefault(each, len(numbers)) for each in tags], dtype=np.int64)
    pos = np.array([event.pos for event in events], dtype=np.int64)
    times_ns = np.array([event.trigger_ns for event in events], dtype=np.int64)
    return Table(measurement, tuple(numbers), of, pos, times_ns, fields)


def _sensor(event: EventSummary) -> Tags:
    return (("container", event.container), ("logger", event.logger), ("sensor", event.sensor))


def _column(values: Sequence[float | None]) -> NDArray[np.float32]:
    """Summaries hold what float32 can: as such it is printed with the fewest digits."""
    return np.array(values, dtype=np.float32)

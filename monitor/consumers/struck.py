"""The points of events: what their analysis says, and the spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.consumers.points import Fields
from monitor.model.batch import Table
from monitor.model.event_summary import EventSummary


def event_results(events: Sequence[EventSummary]) -> list[Table]:
    """Measurement `shock`, a point for each event at its trigger."""
    return [_shock(event) for event in events]


def _shock(event: EventSummary) -> Table:
    x_g, y_g, z_g = event.axis_peak_g
    numbers = {
        "peak_g": event.peak_g,
        "peak_raw_g": event.peak_raw_g,
        "peak_x_g": x_g,
        "peak_y_g": y_g,
        "peak_z_g": z_g,
        "resultant_g": event.resultant_g,
        "duration_ms": event.duration_ms,
    }
    fields: Fields = {name: np.array([value]) for name, value in numbers.items()}
    tags = (("container", event.container), ("logger", event.logger), ("sensor", event.sensor))
    none, pos = np.zeros(1, dtype=np.int64), np.array([event.pos], dtype=np.int64)
    fields |= {"valid": [event.is_valid], "boot": [str(event.boot)], "seq": [str(event.seq)]}
    return Table("shock", (tags,), none, pos, np.array([event.trigger_ns], dtype=np.int64), fields)

"""What the shock analysis says of the real recordings. `python -m tests.golden_shock` writes it anew.

Look at the difference before it is committed: these are measurements of real loggers, and only a better analysis may
change what is said of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from monitor.ingest.acceleration import Acceleration, read_accelerations
from monitor.shock.analysis import Analysis
from monitor.shock.trigger import Found, find_events
from monitor.shock.waveform import Waveform

RECORDINGS = Path(__file__).parent / "data" / "recordings"
GOLDEN = Path(__file__).parent / "golden" / "shock_recordings.json"
SHOWN_HZ = (10.0, 31.5, 100.0)  # of the spectrum


def recorded() -> Iterator[tuple[str, Acceleration, Found, Analysis]]:
    """Each event of each recording, with the recording's name."""
    for folder in sorted(path for path in RECORDINGS.iterdir() if path.is_dir()):
        for of in read_accelerations(folder):
            for found in find_events(of.accel_g, of.fs_hz):
                yield folder.name, of, found, Analysis(event_of(of, found))


def event_of(of: Acceleration, found: Found) -> Waveform:
    """A stretch of a recording as one event; the files say nothing of the sensors' ranges."""
    accel_g = of.accel_g[:, found.start : found.stop]
    pre = found.trigger - found.start
    return Waveform(accel_g, of.fs_hz, pre, np.zeros(accel_g.shape, np.bool_), level_g=found.level_g)


def told() -> list[dict[str, Any]]:
    """The events as plain numbers."""
    return [_event(name, of, found, analysis) for name, of, found, analysis in recorded()]


def _event(name: str, of: Acceleration, found: Found, analysis: Analysis) -> dict[str, Any]:
    pulse, peaks, drop = analysis.pulse(), analysis.peaks, analysis.drop
    maximax_g = analysis.srs(np.array(SHOWN_HZ), 10.0).maximax.max(axis=0)
    return {
        "recording": name,
        "sensor": of.sensor,
        "trigger_s": of.start_s + found.trigger / of.fs_hz,
        "lasts_s": (found.stop - found.start) / of.fs_hz,
        "kind": analysis.kind,
        "faults": list(analysis.validity.names),
        "static_g": analysis.static.vector_g.tolist(),
        "axis_peak_g": peaks.axis_g.tolist(),
        "axis_raw_peak_g": peaks.axis_raw_g.tolist(),
        "resultant_g": peaks.resultant_g,
        "duration_ms": pulse.duration_ms,
        "velocity_change_m_s": pulse.velocity_change_m_s.tolist(),
        "by_fall_m": drop.by_fall_m,
        "by_impact_m": drop.by_impact_m,
        "srs_g": {f"{hz:g} Hz": value_g for hz, value_g in zip(SHOWN_HZ, maximax_g.tolist(), strict=True)},
    }


def main() -> None:
    """Write the golden file."""
    events = told()
    GOLDEN.write_text(json.dumps(events, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(events)} events written to {GOLDEN}\n")


if __name__ == "__main__":
    main()

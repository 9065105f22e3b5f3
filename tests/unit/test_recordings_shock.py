"""The real recordings: what happened in them, seen with an engineer's eye, and the golden results.

`python -m tests.golden_shock` writes the golden file.

    ssx70065        a shaker: 100 Hz on Y, up to 10.7 g for 5 s, up and down slowly; a knock as it is switched off
    endaq_test      on a table, then shaken by hand along Y, Z, Y, X in turn, with light taps, and put down: to 1.1 g
    handheld_test1  held still, then swung by hand along Z, twice a second: 2 g; channel 8 is a piezo sensor, with
                    offsets of 1.1 to 2.2 g, which does not follow so slow a swing all the way
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from monitor.ingest.acceleration import read_accelerations
from monitor.shock.analysis import Analysis
from monitor.shock.trigger import find_events
from tests.golden_shock import GOLDEN, RECORDINGS, recorded, told

TOLERANCE = 1e-6

Events = dict[tuple[str, str], list[Analysis]]


@pytest.fixture(scope="module")
def events() -> Events:
    """The analyses by recording and sensor."""
    found: Events = {}
    for name, of, _, analysis in recorded():
        found.setdefault((name, of.sensor), []).append(analysis)
    return found


def test_the_golden_results() -> None:
    assert_alike(told(), json.loads(GOLDEN.read_text(encoding="utf-8")), "events")


def assert_alike(found: Any, golden: Any, where: str) -> None:
    """Equal, numbers to a millionth."""
    if isinstance(golden, dict):
        assert list(found) == list(golden), where
        for key, value in golden.items():
            assert_alike(found[key], value, f"{where}.{key}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), where
        for place, value in enumerate(golden):
            assert_alike(found[place], value, f"{where}[{place}]")
    elif isinstance(golden, float):
        assert found == pytest.approx(golden, rel=TOLERANCE), where
    else:
        assert found == golden, where


def test_handling_and_a_shaker_are_vibration_and_no_drops(events: Events) -> None:
    for analyses in events.values():
        assert analyses[0].kind == "vibration"
        assert analyses[0].drop == (0.0, False, None, None)
    assert [len(analyses) for analyses in events.values()] == [1, 1, 1, 1, 2]


def test_the_shaker(events: Events) -> None:
    """Definitions: raw +11.3125 g, static removed -10.717 g, positive +10.291; each from its own 0.1 s of rest."""
    shaken = events["ssx70065", "ch32"][0]
    y_g = shaken.dynamic_g[1]
    assert shaken.peaks.axis_raw_g[1] == 11.3125
    assert (y_g.min(), y_g.max()) == (pytest.approx(-10.717, abs=0.003), pytest.approx(10.291, abs=0.003))
    assert shaken.grms[1] > 20 * max(shaken.grms[[0, 2]])
    crossings = np.count_nonzero(np.diff(np.sign(y_g[9000:18_000])) > 0) * shaken.waveform.fs_hz / 9000
    assert crossings == pytest.approx(1e3 / (2 * shaken.pulse().duration_ms / 0.936), rel=0.03)


def test_the_knock_at_the_end_is_told_although_the_record_ends_in_it(events: Events) -> None:
    """Two samples: at least 0.69 g. No drop: its velocity change is that of nanometres."""
    knock = events["ssx70065", "ch32"][1]
    assert knock.waveform.samples - knock.waveform.pre == 2
    assert knock.pulse().is_cut
    assert knock.validity.names == ("truncated",)
    assert knock.drop.height_m is None


def test_two_sensors_of_one_logger_tell_the_same(events: Events) -> None:
    """Channel 32 and 80 of endaq_test, at 394 and 502 Hz."""
    one, other = events["endaq_test", "ch32"][0], events["endaq_test", "ch80"][0]
    assert one.peaks.resultant_g == pytest.approx(other.peaks.resultant_g, rel=0.07)
    assert one.pulse().duration_ms == pytest.approx(other.pulse().duration_ms, rel=0.02)
    assert one.pulse().delta_v_m_s == pytest.approx(other.pulse().delta_v_m_s, rel=0.06)


def test_offsets_of_several_g_are_removed(events: Events) -> None:
    """At rest channel 8 reads 3.0 g: offsets, as channel 80 beside it reads 1.02 g."""
    piezo, mems = (events["handheld_test1", sensor][0] for sensor in ("ch8", "ch80"))
    assert np.linalg.norm(piezo.static.vector_g) == pytest.approx(3.0, abs=0.05)
    assert np.linalg.norm(mems.static.vector_g) == pytest.approx(1.02, abs=0.02)
    for analysis in (piezo, mems):
        before_g = analysis.dynamic_g[:, slice(*(analysis.static.span or (0, 0)))]
        assert np.abs(before_g.mean(axis=1)).max() < 1e-9
    assert piezo.peaks.peak_raw_g == pytest.approx(-2.873, abs=1e-3)
    assert piezo.peaks.peak_g == pytest.approx(-1.083, abs=0.005)


def test_no_event_where_the_sensors_rest() -> None:
    """Before 4.5 s, 1.2 s and 1.5 s, the converters' first samples of nothing included."""
    rests_s = {"endaq_test": 4.5, "handheld_test1": 1.2, "ssx70065": 1.5}
    for name, rest_s in rests_s.items():
        for of in read_accelerations(RECORDINGS / name):
            assert find_events(of.accel_g[:, : math.floor(rest_s * of.fs_hz)], of.fs_hz) == []

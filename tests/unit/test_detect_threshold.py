"""The threshold rules: the definitions one by one, and the engine against its plain twin on random streams."""

from __future__ import annotations

import math

import cbor2
import numpy as np
import pytest

from monitor.detect.engine import Engine
from monitor.detect.lane import LIMITS_CHANGED
from monitor.model.batch import Batch, Finding
from monitor.model.errors import TcmError
from tests.blocks import AT_ONCE, CHANNELS, HIGH, S, block, run, told
from tests.views import View


def test_reading_equal_to_the_limit_as_float32_does_not_exceed_it() -> None:
    """25.1 is no exceedance of 25.1, although 25.1 as float32 is larger than as float64; the next float32 is one."""
    above = float(np.nextafter(np.float32(25.1), np.float32(99)))
    assert run(View(AT_ONCE), block([25.1, 25.1])) == []
    assert told(run(View(AT_ONCE), block([25.1, above]))) == [("fired", 60, 60)]


def test_dwell_fires_at_the_first_reading_that_is_old_enough_and_starts_at_the_first_beyond() -> None:
    """Fires when t - t_first reaches `for`; the finding names both times, the reading and the record that holds it."""
    findings = run(View(HIGH), block([20, 26, 28, 27], [0, 30, 60, 90]))
    assert findings == [Finding("fired", "high", "c", "l", CHANNELS[0], None, 30 * S, 90 * S, 27.0, 28.0, 1, 7, 10)]


def test_dwell_shorter_than_the_interval_fires_at_the_second_reading() -> None:
    """With 60 s of dwell and a reading every 10 min, the second one beyond fires."""
    view = View(HIGH)
    assert told(run(view, block([26, 26], [0, 600], interval_s=600))) == [("fired", 0, 600)]


def test_a_reading_not_beyond_ends_pending() -> None:
    """25.1 between two exceedances starts the dwell anew."""
    assert told(run(View(HIGH), block([26, 25.1, 26], [0, 30, 60]))) == []


def test_hysteresis_holds_until_the_clear_level() -> None:
    """Between limit and clear level a firing exceedance lasts; at the clear level it ends, with its peak."""
    findings = run(View(AT_ONCE), block([26, 27, 24.5, 25.5, 24.0, 24.5, 26]))
    assert told(findings) == [("fired", 0, 0), ("cleared", 0, 240), ("fired", 360, 360)]
    assert findings[1].peak == 27.0
    assert findings[1].value == 24.0


def test_below_is_the_mirror_of_above() -> None:
    """A lower limit fires below it, holds its smallest reading as the peak and clears at the clear level."""
    low: dict[str, object] = {"id": "low", "channel": "temperature.air", "below": "-5 degC", "clear": "-4 degC"}
    findings = run(View(low), block([-5, -6, -9, -4.5, -4, 3]))
    assert told(findings) == [("fired", 60, 60), ("cleared", 60, 240)]
    assert [finding.peak for finding in findings] == [-6.0, -9.0]


@pytest.mark.parametrize(("spacing_s", "fires"), [(25.0, True), (25.000000001, False)])
def test_a_gap_is_more_than_two_and_a_half_intervals(spacing_s: float, fires: bool) -> None:
    """The dwell runs through a spacing of 2.5 declared intervals and starts anew after a longer one."""
    view = View(HIGH | {"for": "30 s"})
    findings = run(view, block([26, 26], [0, 10], interval_s=10), block([26, 26], [10 + spacing_s, 39], interval_s=10))
    assert told(findings) == ([("fired", 0, 10 + spacing_s)] if fires else [])


def test_a_gap_does_not_end_a_firing_exceedance() -> None:
    """What fired stays firing over a gap, with the start it had."""
    findings = run(View(AT_ONCE), block([26]), block([26, 20], [9000, 9060], pos=2))
    assert told(findings) == [("fired", 0, 0), ("cleared", 0, 9060)]


def test_without_a_declared_interval_no_spacing_is_a_gap() -> None:
    """A logger that declared nothing yet is judged by its readings alone."""
    assert told(run(View(HIGH), block([26, 26], [0, 1e6], interval_s=None))) == [("fired", 0, 1e6)]


def test_nan_neither_raises_nor_clears_but_makes_a_gap_when_long() -> None:
    """NaN readings are as if they were not there, in pending as in firing, at either end of a block."""
    nan = math.nan
    assert told(run(View(HIGH), block([26, nan, 26]))) == [("fired", 0, 120)]
    assert told(run(View(HIGH), block([26, nan, nan, 26]))) == []  # 180 s without a reading
    firing = run(View(AT_ONCE), block([nan, 26, nan]), block([nan], [180]), block([nan, 20], [240, 300]))
    assert told(firing) == [("fired", 60, 60), ("cleared", 60, 300)]


def test_infinities_are_numbers() -> None:
    """+inf exceeds an upper limit and -inf clears it."""
    findings = run(View(AT_ONCE), block([math.inf, -math.inf]))
    assert told(findings) == [("fired", 0, 0), ("cleared", 0, 60)]
    assert findings[1].peak == math.inf


def test_time_that_runs_backwards_starts_pending_anew() -> None:
    """A step back, or the same time twice, is judged like a gap and never an error."""
    assert told(run(View(HIGH), block([26, 26, 26], [100, 40, 99]))) == []
    assert told(run(View(HIGH), block([26, 26, 26], [100, 40, 100]))) == [("fired", 40, 100)]


def test_readings_in_other_phases_count_as_clearing() -> None:
    """A rule starts fresh in its phase: exceedances end where it does, by the reading's own time."""
    spans = ((60 * S, "road"), (180 * S, "storage"), (300 * S, "road"))
    findings = run(View(AT_ONCE | {"phases": ["road"]}, spans=spans), block([30, 26, 27, 40, 26, 28]))
    assert told(findings) == [("fired", 60, 60), ("cleared", 60, 180), ("fired", 300, 300)]
    assert findings[1].peak == 27.0
    assert findings[1].value == 40.0


def test_fill_does_not_disturb_the_live_lane() -> None:
    """Cold readings back-filled from yesterday neither clear nor interrupt what is live."""
    findings = run(View(HIGH), block([26], [600]), block([3, 3], is_late=True), block([26], [660]))
    assert told(findings) == [("fired", 600, 660)]


def test_a_growing_peak_is_told_once_a_batch() -> None:
    """Two higher readings in one batch give one `peak`; an equal or lower one gives none."""
    findings = run(View(AT_ONCE), block([26, 27, 28, 27], pos=1), block([28], pos=2), block([29, 31, 30], pos=3))
    peaks = [("fired", 26.0, 26.0), ("peak", 28.0, 28.0), ("peak", 31.0, 31.0)]
    assert [(f.change, f.value, f.peak) for f in findings] == peaks
    assert [f.pos for f in findings] == [1, 1, 3]


def test_unknown_channels_containers_without_limits_and_empty_blocks_are_passed_over() -> None:
    """Their neighbours are judged all the same, and nothing is raised."""
    odd = block([[26, 99]], channels=("temperature.air", "flux.capacitor"))
    view = View(AT_ONCE, AT_ONCE | {"id": "two", "channel": "temperature.a*"})
    assert [(f.rule, f.channel) for f in run(view, odd, block([]))] == [("high", CHANNELS[0]), ("two", CHANNELS[0])]
    assert run(view, block([99], container="unlimited")) == []


def test_streams_beyond_the_maximum_are_refused_and_counted() -> None:
    """Inventing loggers makes the engine refuse, not grow; streams that it knows are judged on."""
    engine = Engine(View(AT_ONCE), max_streams=2)
    blocks = [block([26], logger=f"l{i}", pos=i) for i in range(5)]
    assert [f.logger for f in engine.step(Batch(blocks)).findings] == ["l0", "l1"]
    assert engine.refused_streams == 3
    engine.step(Batch(blocks))
    assert engine.refused_streams == 3
    assert told(engine.step(Batch([block([20], [60], logger="l1")])).findings) == [("cleared", 0, 60)]


def test_columns_grow_with_the_streams() -> None:
    """More streams than the first allocation holds, met over several batches, keep their state."""
    engine = Engine(View(AT_ONCE, AT_ONCE | {"id": "two"}))
    for start in range(0, 3000, 500):
        fired = engine.step(Batch([block([26], logger=f"l{i}", pos=i) for i in range(start, start + 500)])).findings
        assert len(fired) == 1000
    cleared = engine.step(Batch([block([20], [60], logger=f"l{i}", pos=i) for i in range(3000)])).findings
    assert [f.logger for f in cleared] == [f"l{i}" for i in range(3000) for _ in range(2)]


def test_one_logger_may_change_its_layout_within_a_batch() -> None:
    """A channel is one stream whatever column it stands in, in journal order."""
    blocks = [
        block([[26, 40]], [0], pos=1, channels=CHANNELS),
        block([[40, 26.5]], [60], pos=2, channels=CHANNELS[::-1]),
        block([20], [120], pos=3),
    ]
    findings = Engine(View(HIGH)).step(Batch(blocks)).findings
    assert told(findings) == [("fired", 0, 60), ("cleared", 0, 120)]


def test_snapshot_of_another_version_is_refused() -> None:
    """Another version, another tree or cut bytes are an error that says so, and the state stays as it was."""
    engine = Engine(View(AT_ONCE))
    engine.step(Batch([block([26])]))
    data = engine.snapshot()
    other = cbor2.dumps(cbor2.loads(data) | {"v": 99})
    for bad, text in ((other, "version 99, expected 3"), (data[:-3], "not readable"), (b"\x80", "not readable")):
        with pytest.raises(TcmError, match=text):
            engine.restore(bad)
    broken = cbor2.loads(data)
    broken["parts"]["Thresholds"]["lanes"]["state"]["peak"] = b""
    with pytest.raises(TcmError, match="not readable"):
        engine.restore(cbor2.dumps(broken))
    assert engine.snapshot() == data


def test_a_quiet_fleet_has_a_small_snapshot() -> None:
    """Only lanes that are pending or firing are remembered."""
    engine = Engine(View(HIGH))
    engine.step(Batch([block([20, 21], logger=f"l{i}", pos=i) for i in range(1000)]))
    assert engine.snapshot() == Engine(View(HIGH)).snapshot()


def test_reconfigure_keeps_unchanged_rules_and_ends_what_the_others_had_fired() -> None:
    """The changed rule's exceedance is cleared at its last reading and starts anew; the unchanged one goes on."""
    other = AT_ONCE | {"id": "other", "above": "20 degC", "clear": "20 degC"}
    engine = Engine(View(AT_ONCE, other))
    engine.step(Batch([block([26, 27, 26], pos=4)]))
    findings = engine.reconfigure(View(AT_ONCE | {"above": "25 degC"}, other))
    assert findings == [
        Finding("cleared", "high", "c", "l", CHANNELS[0], None, 0, 120 * S, 26.0, 27.0, 4, 7, 40, note=LIMITS_CHANGED)
    ]
    after = engine.step(Batch([block([26, 20], [180, 240], pos=5)])).findings
    assert [(f.rule, *told([f])[0]) for f in after] == [
        ("high", "fired", 180, 180), ("high", "cleared", 180, 240), ("other", "cleared", 0, 240),
    ]  # fmt: skip

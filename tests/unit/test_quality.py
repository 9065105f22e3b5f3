"""The measurement of quality, on truths made by hand: what it counts as found, missed, false, and nobody's fault."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality import bounds, pulses, report
from benchmarks.quality.arrays import runs_of, trailing
from benchmarks.quality.limits import Limit, number, read_limits
from benchmarks.quality.run import Task, run
from benchmarks.quality.score import Alarm, score
from benchmarks.quality.shocks import score_shocks
from benchmarks.quality.truth import NS_PER_S, Arrival, Leg, LoggerTruth, Made

SHIPPED = Path(__file__).parents[2] / "config" / "limits" / "flight-hardware.toml"
HOUR_S, INTERVAL_S, BLOCK = 3600.0, 60.0, 10
STEP_S = INTERVAL_S / 10
POINTS = int(10 * HOUR_S / STEP_S)
CHANNEL = "temperature.hardware"
RULE = Limit("hot", "threshold", None, {"channel": CHANNEL, "above": "25 degC", "clear": "24 degC", "for": "10 min"})
PULSE = {
    "acc": "a", "at": "1970-01-01T00:01:40.000Z", "cause": "shock", "shape": "half-sine", "axis": [0.0, 0.0, 1.0],
    "peak_g": 6.0, "duration_ms": 11.0, "delta_v_m_s": 0.4, "drop_height_m": None, "triggered": True, "boot": 1,
    "seq": 3,
}  # fmt: skip
PART = {
    "fs_hz": 3200.0, "record": 0.25, "pre": 0.125, "range_g": 16.0, "wake_g": 0.0, "coupling": "dc", "noise_g": 0.005,
    "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}  # fmt: skip
SHOCK = Limit(
    "bump", "shock", None, {"axis": "resultant", "peak": "1.5 g", "lowpass": "100 Hz", "min_duration": "5 ms"}
)


def hump(peak_c: float, begin_h: float = 4.0, end_h: float = 6.0) -> NDArray[np.float32]:
    """20 degC, and a plateau of peak_c with ramps of half an hour."""
    t_h = np.arange(POINTS) * STEP_S / HOUR_S
    return np.asarray(
        np.interp(t_h, [begin_h - 0.5, begin_h, end_h, end_h + 0.5], [20.0, peak_c, peak_c, 20.0]), dtype=np.float32
    )


def a_logger(values: NDArray[np.float32], **changes: Any) -> LoggerTruth:
    told = {
        "interval_s": INTERVAL_S,
        "block": BLOCK,
        "isolation": 1.0,
        "grid": {"step_s": STEP_S, "columns": [CHANNEL]},
        "sensors": {CHANNEL: {"noise": 0.03, "resolution": 0.01, "bias": 0.1, "lag_s": 10.0, "accuracy": 0.2}},
        "accelerometers": {"a": PART},
    }
    blocks = int(POINTS * STEP_S / INTERVAL_S) // BLOCK
    t0_ns = [round(seq * BLOCK * INTERVAL_S) * NS_PER_S for seq in range(blocks)]
    made = [Made(1, seq, "env", t0, t0, 2, "acknowledged") for seq, t0 in enumerate(t0_ns)]
    plain = LoggerTruth(
        container="C-1",
        name="L-1",
        start_ns=0,
        told=told,
        quantities=values[:, None],
        legs=[Leg(0.0, 5 * HOUR_S, "one", "road"), Leg(5 * HOUR_S, 10 * HOUR_S, "two", "storage")],
        made=made,
        arrivals=[Arrival(1, one.seq, one.t0_ns + round(600 * NS_PER_S), False, False) for one in made],
        faults=[],
        shocks=[],
    )
    return replace(plain, **changes)


def an_alarm(begin_h: float, end_h: float = math.inf, rule: Limit = RULE, **changes: Any) -> Alarm:
    plain = Alarm(
        rule.id, rule.kind, "L-1", CHANNEL, begin_h * HOUR_S, end_h * HOUR_S, begin_h * HOUR_S, 1, 0, False, "message"
    )
    return plain._replace(**changes)


def verdicts(logger: LoggerTruth, alarms: list[Alarm], rule: Limit = RULE) -> list[str]:
    return [verdict.verdict for verdict in score(logger, [rule], alarms)]


def crossing_h(peak_c: float, level_c: float) -> float:
    """When the ramp up to a plateau at 4 h reaches a level."""
    return 3.5 + 0.5 * (level_c - 20.0) / (peak_c - 20.0)


def test_an_exceedance_without_an_alert_is_missed_and_one_with_is_found() -> None:
    logger = a_logger(hump(27.0))
    assert verdicts(logger, []) == ["missed"]
    assert verdicts(logger, [an_alarm(crossing_h(27.0, 25.0), 6.3)]) == ["found"]


def test_an_alert_is_found_too_late_or_too_early_by_its_start() -> None:
    logger = a_logger(hump(27.0))
    assert verdicts(logger, [an_alarm(4.5, 6.3)]) == ["ill-timed"]
    assert verdicts(logger, [an_alarm(3.3, 6.3)]) == ["ill-timed"]


def test_an_alert_where_nothing_can_have_been_is_false() -> None:
    assert verdicts(a_logger(hump(20.0)), [an_alarm(4.0, 5.0)]) == ["false"]
    found = verdicts(a_logger(hump(27.0)), [an_alarm(crossing_h(27.0, 25.0), 6.3), an_alarm(8.0, 9.0)])
    assert sorted(found) == ["false", "found"]


@pytest.mark.parametrize("peak_c", [24.9, 25.2])
def test_within_the_uncertainty_nobody_can_say(peak_c: float) -> None:
    logger = a_logger(hump(peak_c))
    assert verdicts(logger, []) == ["indeterminate"]
    assert verdicts(logger, [an_alarm(4.0, 6.0)]) == ["indeterminate"]


def test_a_short_exceedance_need_not_be_found() -> None:
    assert verdicts(a_logger(hump(27.0, 4.0, 4.02)), [an_alarm(3.9, 4.2)]) == ["found"]
    steep = np.where(np.abs(np.arange(POINTS) * STEP_S - 4 * HOUR_S) < 300.0, 27.0, 20.0).astype(np.float32)
    assert verdicts(a_logger(steep), []) == ["indeterminate"]


def test_what_did_not_reach_the_journal_need_not_be_found() -> None:
    logger = a_logger(hump(27.0))
    lost = [one for one in logger.arrivals if not 3 * HOUR_S <= one.seq * BLOCK * INTERVAL_S < 7 * HOUR_S]
    assert verdicts(a_logger(hump(27.0), arrivals=lost), []) == ["indeterminate"]


def test_a_rule_of_a_phase_is_judged_in_that_phase() -> None:
    at_home = replace(RULE, phases=frozenset({"storage"}))
    assert verdicts(a_logger(hump(27.0, 2.0, 3.0)), [], at_home) == []
    assert verdicts(a_logger(hump(27.0)), [], at_home) == ["missed"]
    assert verdicts(a_logger(hump(27.0)), [an_alarm(5.0, 6.3)], at_home) == ["found"]
    assert verdicts(a_logger(hump(27.0, 2.0, 3.0)), [an_alarm(2.0, 3.0)], at_home) == ["false"]


def test_a_faulty_sensor_is_neither_missed_nor_false() -> None:
    stuck = {"kind": "stuck", "channel": CHANNEL, "at": "1970-01-01T03:00:00.000Z", "until": "1970-01-01T07:00:00.000Z"}
    assert verdicts(a_logger(hump(27.0), faults=[stuck]), []) == ["indeterminate"]
    assert verdicts(a_logger(hump(20.0), faults=[stuck]), [an_alarm(4.0, 5.0)]) == ["excluded"]


def test_a_record_that_no_logger_made_makes_no_false_alarm() -> None:
    assert verdicts(a_logger(hump(20.0)), [an_alarm(4.0, 5.0, is_foreign=True)]) == ["excluded"]


def test_a_start_is_excused_where_its_first_records_came_behind_later_ones() -> None:
    values = hump(27.0)
    arrivals = list(a_logger(values).arrivals)
    swapped = [*arrivals[:22], arrivals[24], arrivals[22], arrivals[23], *arrivals[25:]]  # records of 3.67 to 4 h
    assert verdicts(a_logger(values, arrivals=swapped), [an_alarm(4.0, 6.3)]) == ["found late"]
    assert verdicts(a_logger(values), [an_alarm(4.0, 6.3)]) == ["ill-timed"]


def test_a_rise_is_judged_over_its_window() -> None:
    rule = Limit("rise", "rate", None, {"channel": CHANNEL, "above": "5 K/h", "over": "1 h", "for": "10 min"})
    assert verdicts(a_logger(hump(28.0)), [], rule) == ["missed"]  # 8 K in half an hour
    assert verdicts(a_logger(hump(23.0)), [an_alarm(4.0, 5.0, rule)], rule) == ["false"]  # 3 K


def test_time_beyond_a_level_adds_up() -> None:
    rule = Limit("long", "exposure", None, {"channel": CHANNEL, "measure": "time", "above": "25 degC", "limit": "1 h"})
    assert verdicts(a_logger(hump(27.0)), [], rule) == ["missed"]
    assert verdicts(a_logger(hump(27.0)), [an_alarm(crossing_h(27.0, 25.0) + 1.0, rule=rule)], rule) == ["found"]
    assert verdicts(a_logger(hump(27.0, 4.0, 4.2)), [an_alarm(4.5, rule=rule)], rule) == ["false"]


def test_the_largest_range_is_greatest_minus_least() -> None:
    rule = Limit("swing", "cycles", None, {"channel": CHANNEL, "range": "15 K"})
    assert verdicts(a_logger(hump(36.0)), [], rule) == ["missed"]
    assert verdicts(a_logger(hump(34.0)), [an_alarm(5.0, rule=rule)], rule) == ["false"]


def test_a_shock_without_an_alert_is_missed_and_an_alert_without_a_shock_is_false() -> None:
    shock = Made(1, 3, "shock", 99_900_000_000, 99_900_000_000, 2, "acknowledged")
    plain = a_logger(hump(20.0))
    made = [one for one in plain.made if one.seq != 3] + [shock]
    bump = an_alarm(99.95 / HOUR_S, rule=SHOCK, channel="shock.a", boot=1, seq=3)

    def judged(peak_g: float, alarms: list[Alarm]) -> list[str]:
        logger = replace(plain, made=made, shocks=[PULSE | {"peak_g": peak_g}])
        return [verdict.verdict for verdict in score_shocks(logger, [SHOCK], alarms, [])]

    assert judged(6.0, []) == ["missed"]
    assert judged(6.0, [bump]) == ["found"]
    assert judged(2.05, []) == ["indeterminate"]
    assert judged(0.5, [bump]) == ["false"]
    assert judged(0.5, [bump._replace(seq=9)]) == ["false"]


def test_a_shock_that_is_in_no_record_is_listed() -> None:
    missed = PULSE | {"triggered": False, "reason": "dead time"}
    found = list(score_shocks(a_logger(hump(20.0), shocks=[missed]), [SHOCK], [], []))
    assert [(verdict.verdict, verdict.note) for verdict in found] == [("excluded", "dead time")]


def test_the_pulse_of_the_scorer_is_that_of_the_definitions() -> None:
    """5 g half-sine of 11 ms at 5 kHz: 4.82 g behind 100 Hz, 6.49 ms above 3 g; of 1 ms: 0.63 g."""
    t_s = np.arange(2500) / 5000.0
    tall = {**PULSE, "peak_g": 5.0, "duration_ms": 11.0}
    for duration_ms, expected_g in ((11.0, 4.82), (1.0, 0.63)):
        wave_g = np.maximum(pulses.pulse_g({**tall, "duration_ms": duration_ms}, 0.2, 1.0, t_s), 0.0)  # no swing back
        shown = pulses.Shown(wave_g, PART | {"fs_hz": 5000.0}, 0.0, 0.0, 0.0)
        assert shown.filtered_g(100.0)[2].max() == pytest.approx(expected_g, abs=0.02)
    wave_g = pulses.pulse_g(tall, 0.2, 1.0, t_s)[2]
    assert (wave_g > 3.0).sum() / 5.0 == pytest.approx(6.49, abs=0.3)


def test_dew_and_frost_points_are_those_of_the_definitions() -> None:
    one = np.ones(1)
    assert bounds._dew_c(25 * one, 40 * one, bounds.WATER)[0] == pytest.approx(10.46, abs=0.01)
    assert bounds._dew_c(-10 * one, 100 * one, bounds.WATER)[0] == pytest.approx(-10.0, abs=0.01)
    assert bounds._dew_c(-10 * one, 100 * one, bounds.ICE)[0] == pytest.approx(-8.88, abs=0.01)


def test_a_slope_is_that_of_least_squares() -> None:
    y = np.random.default_rng(1).normal(size=200)
    expected = np.polyfit(np.arange(41), y[100:141], 1)[0]
    assert bounds.slope(y, 40)[140] == pytest.approx(expected, rel=1e-9)


def test_a_trailing_window_ends_at_its_point() -> None:
    x = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    for points in (0, 1, 2, 3):
        low, high = trailing(x, points)
        for i in range(len(x)):
            window = x[max(0, i - points) : i + 1]
            assert (low[i], high[i]) == (window.min(), window.max())


def test_runs_end_where_a_key_changes() -> None:
    mask = np.array([True, True, True, False, True])
    key = np.array([1, 1, 2, 2, 2], dtype=np.int32)
    assert runs_of(mask, key).tolist() == [[0, 1], [2, 2], [4, 4]]
    assert runs_of(mask[:0]).tolist() == []


def test_the_scorer_reads_the_shipped_limits_itself() -> None:
    rules = {rule.id: rule for rule in read_limits([SHIPPED])}
    assert rules["differential-low-warning"].level == 500.0
    assert rules["differential-low-warning"].sign == -1
    assert rules["temperature-high-warning"].number("for") == 600.0
    with pytest.raises(ValueError, match="furlong"):
        number("3 furlong")


def test_two_hundred_of_two_hundred_prove_0_985() -> None:
    assert report.least(200, 200) == pytest.approx(0.985, abs=5e-4)
    assert report.least(0, 0) is None


def test_figures_count_misses_and_false_alarms_over_all_limit_kinds() -> None:
    counts = {
        ("threshold", "hot", "found"): 3,
        ("threshold", "hot", "missed"): 1,
        ("shock", "bump", "false"): 2,
        ("health", "nan", "false"): 5,
    }
    figures = report.figures_of(counts, [], 500.0)
    assert (figures["recall"], figures["false_alarms"], figures["n"]) == (0.75, 2, 4)
    assert figures["false_per_1000_logger_days"] == 4.0
    assert figures["kinds"]["health"]["false_alarms"] == 5


def test_a_whole_run_finds_what_its_scenario_does() -> None:
    """The departure heats a base frame and jolts two containers; nothing else may be told."""
    scored = run(Task("departure", 7, (SHIPPED,)))
    by_verdict = {verdict for kind, _, verdict in scored.counts if kind in report.LIMIT_KINDS}
    assert by_verdict <= {"found", "indeterminate"}, scored.rows
    assert scored.counts["threshold", "temperature-high-alarm", "found"] == 1
    assert scored.counts["shock", "shock-resultant", "found"] == 2

"""Shock rules on every quantity: as plain loops have it, by themselves and counted, however the journal was cut."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.events.judge import ShockJudge
from monitor.detect.events.measured import measure
from monitor.detect.events.signals import Signals
from monitor.detect.events.summary import figures
from monitor.detect.lane import LIMITS_CHANGED
from monitor.model.batch import Event, Finding, Tick
from monitor.model.leg import IDENTITY, Logger
from monitor.model.limit import ShockRule
from monitor.model.single import single
from monitor.shock import analysis as shock_analysis
from monitor.shock.analysis import Analysis
from monitor.shock.drop import Drop
from monitor.shock.waveform import Waveform
from tests.naive_shock import NaiveRule, NaiveTally
from tests.shocks import (
    FS_HZ,
    LEVELS,
    PLACES,
    PRE,
    SAMPLES,
    SPANS,
    STEP_G,
    S,
    View,
    event,
    half_sine,
    rules,
)


@st.composite
def waves(draw: st.DrawFn) -> NDArray[np.float64]:
    """Quiet, then up to four pulses on any axes, one upon the other."""
    counts = np.zeros((3, SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        pulse = half_sine(draw(st.floats(-20, 20)), draw(st.integers(1, 12)), draw(st.integers(0, 2)))
        counts += np.roll(pulse, draw(st.integers(0, 30)), axis=1)
    return counts


@st.composite
def journals(draw: st.DrawFn) -> list[Event | Tick]:
    """Events of three loggers and ticks between them."""
    items: list[Event | Tick] = []
    at_s = 0.0
    for pos in range(1, draw(st.integers(1, 6)) + 1):
        at_s += draw(st.sampled_from([0.5, 3.0, 31.0, 200.0]))
        if draw(st.integers(0, 4)) == 0:
            items.append(Tick(pos, round(at_s * S), 0, is_connected=True, is_drained=True))
        else:
            items.append(event(draw(waves()), at_s, pos, draw(st.sampled_from(list(PLACES)))))
    return items


def judge(judge: ShockJudge, items: list[Event | Tick]) -> list[Finding]:
    """What a judge tells of events and ticks one by one."""
    found: list[Finding] = []
    for item in items:
        found += judge.tick(item) if isinstance(item, Tick) else [finding for _, finding in judge.step([item])[0]]
    return found


def near(value: float | None) -> Any:
    """As near as two ways of reckoning come."""
    return None if value is None else pytest.approx(value, rel=1e-5, abs=1e-9)


def comparable(findings: list[Finding]) -> list[tuple[Any, ...]]:
    """Findings without their texts, to be held against others."""
    numbers = ("value", "peak", "uncertainty", "limit")
    return [
        tuple(finding._replace(note="", detail="", **{name: near(getattr(finding, name)) for name in numbers}))
        for finding in findings
    ]


@settings(max_examples=150)
@given(journals(), rules(), st.sampled_from([None, 0.4]))
def test_rules_equal_a_plain_loop(items: list[Event | Tick], rule: dict[str, Any], accuracy_g: float | None) -> None:
    """Every finding with its times, values, limits and uncertainties, by itself and counted."""
    view = View(rule, accuracy_g=accuracy_g)
    (only,) = view.given.rule
    assert isinstance(only, ShockRule)
    naive = NaiveRule if only.is_of_events else NaiveTally
    expected = naive(only, SPANS, accuracy_g, PLACES).feed(items)
    found = judge(ShockJudge(view), items)
    assert [tuple(f._replace(note="", detail="")) for f in found] == comparable(expected)


@settings(max_examples=60)
@given(journals(), st.lists(rules(), min_size=1, max_size=6), st.data())
def test_any_split_and_any_restart_tell_the_same(
    items: list[Event | Tick], given: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Cut anywhere, with a restart from the snapshot at each cut; events of one batch or several; summed up or not."""
    view = View(*given, accuracy_g=0.2)
    whole = ShockJudge(view)
    expected = judge(whole, items)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(items)))) | {0, len(items)})
    piecemeal, found = ShockJudge(view), []
    for start, stop in pairwise(cuts):
        events = [item for item in items[start:stop] if isinstance(item, Event)]
        if len(events) == stop - start:
            found += [finding for _, finding in piecemeal.step(events, wants_events=data.draw(st.booleans()))[0]]
        else:
            found += judge(piecemeal, items[start:stop])
        saved = cbor2.loads(cbor2.dumps(piecemeal.snapshot()))
        piecemeal = ShockJudge(view)
        assert piecemeal.adopt(saved) == []
    assert found == expected
    assert piecemeal.snapshot() == whole.snapshot()


def only(rule: dict[str, Any], given: Event, accuracy_g: float | None = None) -> list[Finding]:
    return judge(ShockJudge(View(rule, accuracy_g=accuracy_g)), [given])


def test_a_velocity_change_is_that_of_the_main_pulse() -> None:
    """A half-sine of 10 g and 10 ms has 2/pi x 10 g x 10 ms = 0.624 m/s, from the start of the pulse on; signed."""
    fired, cleared = only({"axis": "x", "velocity_change": "0.6 m/s"}, event(half_sine(-10)))
    assert (fired.start_ns, cleared.time_ns) == (0, (SAMPLES - 1 - PRE) * 1_000_000)
    assert fired.value == pytest.approx(-0.624, rel=0.01) and fired.value == single(fired.value)
    assert (fired.uncertainty, fired.limit, cleared.note) == (None, None, "")
    assert only({"axis": "x", "velocity_change": "0.65 m/s"}, event(half_sine(-10))) == []
    assert only({"axis": "y", "velocity_change": "1 mm/s"}, event(half_sine(-10))) == []


def test_a_resultant_is_that_of_all_axes() -> None:
    """8 g and 6 g at once are 10 g; the peak, the velocity change and the margin made of them are the vector's."""
    counts = half_sine(8) + half_sine(6, axis=2)
    (fired, _) = only({"velocity_change": "0.6 m/s"}, event(counts))
    assert fired.value == pytest.approx(0.624, rel=0.01)
    (fired, _) = only({"damage_boundary": {"acceleration": "9 g", "velocity_change": "0.6 m/s"}}, event(counts))
    assert fired.value == pytest.approx(0.6 / 0.624, rel=0.01)
    assert only({"axis": "x", "velocity_change": "0.6 m/s"}, event(counts)) == []


@pytest.mark.parametrize(("quantity", "unit"), [("velocity_change", "m/s"), ("srs", "g")])
def test_a_value_equal_to_its_level_is_not_beyond(quantity: str, unit: str) -> None:
    """Both as float32; by one step of float32 it is."""

    def rule(level: float) -> dict[str, Any]:
        return {quantity: [[hz, f"{level!r} g"] for hz in ("50 Hz", "200 Hz")] if unit == "g" else f"{level!r} {unit}"}

    (fired, _) = only(rule(0.1), event(half_sine(10)))
    assert only(rule(fired.value), event(half_sine(10))) == []
    below = float(np.nextafter(np.float32(fired.value), np.float32(0)))
    assert [f.value for f in only(rule(below), event(half_sine(10)))] == [fired.value] * 2


@pytest.mark.parametrize(("peak_g", "length", "fires"), [(10, 10, True), (10, 4, False), (4, 40, False)])
def test_a_damage_boundary_wants_both(peak_g: float, length: int, fires: bool) -> None:
    """Beyond 5 g a short pulse lacks the velocity change, a long one that has it lacks the acceleration."""
    boundary = {"damage_boundary": {"acceleration": "5 g", "velocity_change": "0.5 m/s"}}
    found = only(boundary, event(half_sine(peak_g, length)))
    assert [f.change for f in found] == (["fired", "cleared"] if fires else [])
    if fires:
        assert found[0].value == pytest.approx(max(5 / 10, 0.5 / 0.624), rel=0.01)
        assert found[0].detail.startswith("10 g and 0.6")


def test_a_spectrum_is_told_where_it_is_furthest_beyond() -> None:
    """Near 0.82 / tau a half-sine answers with 1.65 times its peak; the limit is the envelope's there."""
    fired, _ = only({"srs": [["10 Hz", "12 g"], ["400 Hz", "12 g"]]}, event(half_sine(10)))
    assert fired.value == pytest.approx(16.5, rel=0.02)
    assert fired.limit == 12.0
    assert 70 < float(fired.detail.removeprefix("at ").removesuffix(" Hz")) < 100
    assert fired.note == ""
    above = only({"srs": [["200 Hz", "9 g"], ["400 Hz", "9 g"]]}, event(half_sine(10)))[0]
    assert above.note.startswith("above fs/10 = 100 Hz, where peak picking may miss up to ")


def test_a_missing_sample_of_a_quiet_axis_hides_no_spectrum() -> None:
    """What the other axes say is "at least"; nothing is known of the axis itself."""
    accel_g = half_sine(20.0) * STEP_G
    holed_g = accel_g.copy()
    holed_g[2, 50] = np.nan
    whole, holed = (Analysis(Waveform(each, FS_HZ, PRE, np.zeros(each.shape, np.bool_))) for each in (accel_g, holed_g))
    table: dict[str, Any] = {
        "id": "r",
        "kind": "shock",
        "severity": "alarm",
        "srs": [["10 Hz", "5 g"], ["100 Hz", "9 g"]],
    }
    resultant, of_z = ShockRule.model_validate(table), ShockRule.model_validate(table | {"axis": "z"})
    assert measure(holed, resultant) == measure(whole, resultant)
    assert measure(holed, of_z) is None
    assert figures(holed, []).spectrum == figures(whole, []).spectrum


def test_an_envelope_above_half_the_rate_judges_nothing() -> None:
    """No frequency of it can be seen."""
    assert only({"srs": [["600 Hz", "1 g"], ["700 Hz", "1 g"]]}, event(half_sine(10))) == []


def test_spectra_are_worked_out_once_for_a_q(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rules on one envelope, two of one Q, and the summary: the standard one, its points, and those of Q 25."""
    seen: list[tuple[float, int]] = []

    def counted(plain: Any, accel_g: Any, fs_hz: float, hz: NDArray[np.float64], q: float) -> Any:
        seen.append((q, len(hz)))
        return plain(accel_g, fs_hz, hz, q)

    for name in ("srs", "responses"):
        monkeypatch.setattr(shock_analysis, name, partial(counted, getattr(shock_analysis, name)))
    envelope: dict[str, Any] = {"srs": [["11 Hz", "1 g"], ["400 Hz", "2 g"]]}
    view = View(envelope | {"axis": "x"}, envelope | {"axis": "y"}, envelope | {"q": 25.0})
    ShockJudge(view).step([event(half_sine(10))], wants_events=True)
    assert sorted(seen) == [(10.0, 2), (10.0, 80), (25.0, 64)]


def drop_of(monkeypatch: pytest.MonkeyPatch, fall: Drop) -> None:
    """Whatever the event, it was this drop: what rules make of it is shown here, the drop itself elsewhere."""
    monkeypatch.setattr(shock_analysis.Analysis, "drop", fall)


CUT = "at least: the record begins within the fall"
BY_FALL = Drop(0.3, is_whole=True, by_fall_m=(0.375, 0.5), by_impact_m=(0.125, 0.25))


CUT_FALL = BY_FALL._replace(is_whole=False, by_fall_m=(0.375, float("inf")))
BY_IMPACT = Drop(0.0, is_whole=False, by_fall_m=None, by_impact_m=(0.125, 0.25))
HARD = BY_FALL._replace(is_whole=False, by_fall_m=(0.5, 0.75), by_impact_m=(0.5, 0.75))  # it fell longer than was seen


@pytest.mark.parametrize(
    ("fall", "guard", "level", "told"),
    [
        (BY_FALL, {}, "0.44 m", (0.4413, 0.0625, "0.375 to 0.5", "")),
        (BY_FALL, {}, "0.45 m", None),
        (BY_FALL, {"guard": "accuracy"}, "0.45 m", (0.4413, 0.0625, "0.375 to 0.5", "")),
        (BY_FALL, {"guard": "accuracy"}, "0.5 m", None),
        (BY_FALL._replace(is_whole=False), {}, "0.3 m", (0.375, 0.0, "0.375 to 0.5", CUT)),
        (CUT_FALL, {}, "0.3 m", (0.375, 0.0, "0.375 or more", CUT)),
        (BY_IMPACT, {}, "0.1 m", (0.125, 2 * 0.125 * 0.5 / 10, "0.125 to 0.25", "")),
        (BY_IMPACT, {}, "0.2 m", None),
        (BY_IMPACT, {"guard": "accuracy"}, "0.2 m", (0.125, 0.0125, "0.125 to 0.25", "")),
        (HARD, {}, "0.4 m", (0.5, 2 * 0.5 * 0.5 / 10, "0.5 to 0.75", CUT)),
        (Drop(0.0, is_whole=False, by_fall_m=None, by_impact_m=None), {}, "1 mm", None),
    ],
)  # fmt: skip
def test_a_drop_height_is_a_range(
    fall: Drop, guard: dict[str, Any], level: str, told: tuple[Any, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged by its time, or by its low end where that is not known; with a guard by its high end."""
    drop_of(monkeypatch, fall)
    found = only({"drop_height": level} | guard, event(half_sine(10)), accuracy_g=0.5)
    assert [f.change for f in found] == ([] if told is None else ["fired", "cleared"])
    if told is not None:
        assert (found[0].value, found[0].uncertainty) == pytest.approx(told[:2], rel=1e-3)
        assert (found[0].detail, found[0].note) == told[2:]


@pytest.mark.parametrize(
    ("fall", "expected"),
    [
        (BY_FALL, "by the time of the fall: clipped: "),
        (CUT_FALL, f"{CUT}; at least: clipped: "),
        (BY_IMPACT, "at least: clipped: "),
    ],
)
def test_a_clipped_impact_bounds_what_it_says_of_the_height(
    fall: Drop, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a whole fall is no bound: a stronger impact would not change it."""
    drop_of(monkeypatch, fall)
    given = event(half_sine(20))
    given = replace(given, shock=given.shock._replace(range_g=15.0))
    fired, _ = only({"drop_height": "0.1 m"}, given)
    assert fired.note.startswith(expected) and not fired.is_doubtful


@pytest.mark.parametrize("quantity", range(len(LEVELS) - 1))
def test_a_guarded_rule_fires_as_soon_as_its_value_may_be_beyond(quantity: int) -> None:
    """U is that of the acceleration, relatively: 5 % of a value that is 97 % of its limit."""
    level = LEVELS[quantity]
    (rule,) = View(level).given.rule
    assert isinstance(rule, ShockRule)
    plain = measure(Signals(event(half_sine(10)), View(level)).analysis, rule)
    assert plain is not None
    near = event(np.rint(half_sine(10) * plain.margin * 0.97))
    assert only(level, near, accuracy_g=0.5) == []
    peak_g = float(np.abs(near.shock.counts).max()) * STEP_G
    guarded = only(level | {"guard": "accuracy"}, near, accuracy_g=0.05 * peak_g)
    assert [f.change for f in guarded] == ["fired", "cleared"]
    assert guarded[0].uncertainty == pytest.approx(0.05 * abs(guarded[0].value), rel=0.01)
    assert only(level | {"guard": "accuracy"}, near) == []  # nobody knows U


def test_a_place_is_that_of_the_logger() -> None:
    """A rule for the interface judges no logger elsewhere, nor one of which nobody says where it is."""
    rule = LEVELS[0] | {"place": "hardware interface*"}
    told = [
        finding.logger
        for finding in judge(ShockJudge(View(rule)), [event(half_sine(10), logger=name) for name in PLACES])
    ]
    assert told == ["m", "m"]


def test_a_logger_that_was_moved_is_counted_anew() -> None:
    """What fired under a rule for its former place ends, as limits that are not in force any more."""
    view = View(LEVELS[0] | {"place": "hardware*", "count": 1, "within": "60 s"})
    before = ShockJudge(view)
    fired = judge(before, [event(half_sine(10), at_s, logger="m") for at_s in (1.0, 2.0)])
    assert [f.change for f in fired] == ["fired"]
    moved = Moved(LEVELS[0] | {"place": "hardware*", "count": 1, "within": "60 s"})
    after = ShockJudge(moved)
    assert [(f.change, f.note) for f in after.adopt(before.snapshot())] == [("cleared", LIMITS_CHANGED)]
    assert after.snapshot()["keys"] == []


class Moved(View):
    """All loggers stand on the base frame."""

    def logger(self, container_id: str, logger_id: str) -> Logger:
        return Logger(id=logger_id, rotation=IDENTITY, place="base frame")

"""Shock rules: what an event must do to exceed one, and what is then told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.detect.events.judge import ShockJudge
from monitor.model.batch import Event, Finding
from monitor.model.event_summary import EventSummary
from monitor.model.leg import Container, Logger, Row
from monitor.model.limit import Profile
from monitor.model.record import Shock, Stamp
from monitor.model.single import single
from monitor.shock import analysis as shock_analysis
from monitor.shock.validity import Validity

S = 1_000_000_000
FS_HZ = 5000.0
TURNED: tuple[Row, Row, Row] = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))  # sensor x is container y


class View:
    """One profile of shock rules; loggers are turned so that sensor x is container y; on the road from 10 s on."""

    def __init__(self, *rules: dict[str, object], accuracy_g: float | None = None) -> None:
        tables = [{"id": f"r{i}", "kind": "shock", "severity": "alarm"} | rule for i, rule in enumerate(rules)]
        self._profile = Profile.model_validate({"name": "p", "rule": tables})
        self._accuracy_g = accuracy_g

    def profile(self, container_id: str) -> Profile:
        return self._profile

    def phase_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ((10 * S, "road"),)

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ()

    def logger(self, container_id: str, logger_id: str) -> Logger:
        return Logger(id=logger_id, rotation=TURNED)

    def container(self, container_id: str) -> Container:
        return Container(id=container_id)

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        return self._accuracy_g if channel == "shock.a" else None


def event(accel_g: NDArray[np.float64], start_ns: int = 0, pos: int = 3) -> Event:
    """An event of samples in g on sensor axes, [3, n], in steps of 1/1024 g, triggered at sample 1000."""
    counts = np.rint(accel_g * 1024).astype(np.int16)
    shock = Shock(Stamp(7, 0, 0, 2), 30, 0, 0, FS_HZ, 1000, np.full(3, 1 / 1024), 16.0, counts, "a", 2.0, 0)
    return Event(pos, "c", "l", 7, 30, start_ns, shock)


def pulse(peak_g: float, length_ms: float = 11.0) -> NDArray[np.float64]:
    """A half-sine on sensor x from sample 1000 on, over 1 g of gravity on sensor z."""
    accel_g = np.zeros((3, 3000))
    accel_g[2] = 1.0
    samples = round(length_ms * 1e-3 * FS_HZ)
    accel_g[0, 1000 : 1000 + samples + 1] = peak_g * np.sin(np.pi * np.arange(samples + 1) / samples)
    return accel_g


def changes(rule: dict[str, object], accel_g: NDArray[np.float64], start_ns: int = 0) -> list[str]:
    """What one rule tells of an event."""
    return [finding.change for finding in judge(View(rule), event(accel_g, start_ns))]


def judge(view: View, *events: Event) -> list[Finding]:
    """What is told of events, in order."""
    return [finding for _, finding in ShockJudge(view).step(events)[0]]


def test_an_exceeded_rule_fires_and_clears_within_the_event() -> None:
    """`fired` at the first sample beyond the level and `cleared` at its end, the peak signed on container axes."""
    fired, cleared = judge(View({"axis": "y", "peak": "3 g"}), event(pulse(-5.0), S))
    beyond_ns = S + (1000 + 12) * 200_000  # 55 samples of 0.2 ms; 5 sin(pi k / 55) > 3 from k = 12 on
    assert fired == Finding(
        "fired", "r0", "c", "l", "shock.a", "y", beyond_ns, beyond_ns, fired.peak, fired.peak, 3, 7, 30
    )
    assert fired.peak == pytest.approx(-5.0, abs=0.003)
    assert (cleared.change, cleared.start_ns, cleared.time_ns) == ("cleared", beyond_ns, S + 2999 * 200_000)
    assert cleared.peak == fired.peak


def test_static_part_does_not_count() -> None:
    """1 g of gravity on z is no shock on z nor in the resultant."""
    assert changes({"axis": "z", "peak": "0.1 g"}, pulse(5.0)) == []
    assert changes({"axis": "resultant", "peak": "5 g"}, pulse(5.0)) == []
    assert changes({"axis": "resultant", "peak": "4.9 g"}, pulse(5.0)) == ["fired", "cleared"]


def test_a_peak_equal_to_the_level_does_not_exceed_it() -> None:
    """2 g against 2 g is within; a count more is beyond."""
    accel_g = np.zeros((3, 3000))
    accel_g[0, 1500] = 2.0
    assert changes({"axis": "y", "peak": "2 g"}, accel_g) == []
    accel_g[0, 1500] += 1 / 1024
    assert changes({"axis": "y", "peak": "2 g"}, accel_g) == ["fired", "cleared"]


@pytest.mark.parametrize(("length_ms", "peak", "fires"), [(1, "0.7 g", False), (1, "0.6 g", True), (11, "4.7 g", True)])
def test_lowpass_takes_the_short_pulse(length_ms: float, peak: str, fires: bool) -> None:
    """Through 100 Hz 5 g are 0.63 g when they last 1 ms and 4.82 g when 11 ms."""
    found = changes({"axis": "y", "peak": peak, "lowpass": "100 Hz"}, pulse(5.0, length_ms))
    assert found == (["fired", "cleared"] if fires else [])


@pytest.mark.parametrize(("duration", "fires"), [("6.4 ms", True), ("6.6 ms", False)])
def test_min_duration_is_the_longest_time_above_the_level(duration: str, fires: bool) -> None:
    """5 g over 11 ms stay 6.49 ms above 3 g; two such pulses are not added up."""
    accel_g = pulse(5.0)
    accel_g[0, 2000:2056] = accel_g[0, 1000:1056]
    found = changes({"axis": "y", "peak": "3 g", "min_duration": duration}, accel_g)
    assert found == (["fired", "cleared"] if fires else [])


def test_phase_is_that_at_the_trigger() -> None:
    """A rule for the road judges an event whose trigger lies in it, though its first sample does not."""
    rule: dict[str, object] = {"axis": "y", "peak": "3 g", "phases": ["road"]}
    assert changes(rule, pulse(5.0), 10 * S - 100_000_000) == ["fired", "cleared"]
    assert changes(rule, pulse(5.0), 10 * S - 300_000_000) == []


def test_each_corner_is_filtered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rules at two corners filter an event twice."""
    corners: list[float] = []

    def counted(accel_g: NDArray[np.float64], fs_hz: float, corner_hz: float) -> NDArray[np.float64]:
        corners.append(corner_hz)
        return accel_g

    monkeypatch.setattr(shock_analysis, "lowpass", counted)
    rules: list[dict[str, object]] = [
        {"axis": axis, "peak": "1 g", "lowpass": low} for axis in ("x", "y") for low in ("100 Hz", "50 Hz")
    ]
    judge(View(*rules, {"axis": "y", "peak": "1 g"}), event(pulse(5.0)))
    assert corners == [100.0, 50.0]


def test_a_record_without_samples_is_told_as_invalid() -> None:
    """With the reason, never as nothing; the next is judged, and both are summed up."""
    view = View({"axis": "y", "peak": "3 g"}, INVALID)
    found, _, summaries = ShockJudge(view).step(
        [event(np.zeros((3, 0)), pos=4), event(pulse(5.0), pos=5)], wants_events=True
    )
    assert [(f.pos, f.rule, f.change) for _, f in found] == [
        (4, "r1", "fired"), (4, "r1", "cleared"), (5, "r0", "fired"), (5, "r0", "cleared"),
    ]  # fmt: skip
    assert found[0][1].note == "shock event: expected at least one sample, got none"
    assert (summaries[0].faults, summaries[0].kind, summaries[0].is_valid) == (found[0][1].note, "unknown", False)
    assert numbers_of(summaries[0]) == [None] * 12 and summaries[0].spectrum == ()
    assert summaries[1].is_valid and None not in numbers_of(summaries[1])[:8]


def test_a_guarded_rule_fires_as_soon_as_the_peak_may_be_beyond() -> None:
    """2.9 g read with U = 0.2 g may be 3.1 g; every alert on a peak says U."""
    rule: dict[str, object] = {"axis": "y", "peak": "3 g"}
    assert judge(View(rule, accuracy_g=0.2), event(pulse(2.9))) == []
    guarded = judge(View(rule | {"guard": "accuracy"}, accuracy_g=0.2), event(pulse(2.9)))
    assert [(f.change, f.uncertainty) for f in guarded] == [("fired", 0.2), ("cleared", 0.2)]
    assert judge(View(rule | {"guard": "accuracy"}), event(pulse(2.9))) == []  # nobody knows U


def numbers_of(summary: EventSummary) -> list[float | None]:
    """All numbers of an event, those of its spectrum left out."""
    return [
        summary.peak_g, summary.peak_raw_g, *summary.axis_peak_g, summary.resultant_g, summary.duration_ms,
        summary.delta_v_m_s, summary.drop_height_m, summary.srs_peak_g, summary.srs_peak_hz, summary.damage_margin,
    ]  # fmt: skip


def test_a_summary_has_what_the_analysis_says_rounded_to_float32() -> None:
    """Made only where somebody wants it; the margin is the smallest of the boundaries, whatever phase they are for."""
    boundary: dict[str, object] = {
        "damage_boundary": {"acceleration": "10 g", "velocity_change": "0.25 m/s"},
        "phases": ["road"],
    }
    wide: dict[str, object] = {"damage_boundary": {"acceleration": "20 g", "velocity_change": "5 m/s"}}
    away: dict[str, object] = {
        "damage_boundary": {"acceleration": "1 g", "velocity_change": "1 mm/s"},
        "place": "elsewhere",
    }
    judge = ShockJudge(View(boundary, wide, away))
    assert judge.step([event(pulse(5.0))])[2] == []
    (summary,) = judge.step([event(pulse(5.0))], wants_events=True)[2]
    assert (summary.logger, summary.sensor, summary.boot, summary.seq, summary.trigger_ns) == ("l", "a", 7, 30, S // 5)
    assert all(value is None or value == single(value) for value in numbers_of(summary))
    assert summary.axis_peak_g[1] == summary.peak_g == pytest.approx(5.0, abs=0.005)
    assert summary.delta_v_m_s == pytest.approx(5 * 9.80665 * 0.011 * 2 / np.pi, rel=2e-3)
    assert summary.damage_margin == pytest.approx(10 / 5.0, rel=2e-3)
    assert (summary.kind, summary.faults) == ("impact", "")
    assert len(summary.spectrum) == 26
    assert summary.srs_peak_g is not None
    assert summary.srs_peak_g >= max(accel_g for _, accel_g in summary.spectrum)


CLIPPED: dict[str, object] = {"kind": "health", "check": "clipped"}
INVALID: dict[str, object] = {"kind": "health", "check": "invalid"}


@pytest.mark.parametrize(("count", "range_g", "is_clipped"), [
    (32_767, 0.0, True), (-32_768, 0.0, True), (-32_767, 0.0, False), (16 * 1024, 16.0, True), (16 * 1024, 17.0, False),
])  # fmt: skip
def test_an_event_at_the_rail_is_told_of(count: int, range_g: float, is_clipped: bool) -> None:
    """From the first sample at a rail of the counts, or at the declared full scale, to the event's end."""
    given = event(pulse(5.0))
    counts = given.shock.counts.copy()
    counts[2, 1500:1503] = count
    given = replace(given, shock=given.shock._replace(counts=counts, range_g=range_g))
    found = judge(View(CLIPPED), given)
    times = [("fired", 1500 * 200_000), ("cleared", given.end_ns)]
    assert [(f.change, f.time_ns) for f in found] == (times if is_clipped else [])
    assert all((f.value, f.channel, f.axis, f.uncertainty) == (1.0, "shock.a", None, None) for f in found)


def test_an_event_that_is_not_valid_is_told_with_the_reasons() -> None:
    """Over its whole length; what it bounds is told as at least that, a margin as at most, all else as doubtful."""
    given = event(pulse(5.0), S)
    counts = given.shock.counts.copy()
    counts[0, 1020:1030] = 32_767
    given = replace(given, shock=given.shock._replace(counts=counts))
    peak: dict[str, object] = {"axis": "y", "peak": "3 g"}
    spectrum: dict[str, object] = {"axis": "y", "srs": [["10 Hz", "1 g"], ["100 Hz", "1 g"]]}
    speed: dict[str, object] = {"axis": "y", "velocity_change": "0.1 m/s"}
    boundary: dict[str, object] = {"damage_boundary": {"acceleration": "3 g", "velocity_change": "0.1 m/s"}}
    behind: list[dict[str, object]] = [rule | {"lowpass": "100 Hz"} for rule in (peak, speed, boundary)]
    found = judge(View(peak, spectrum, INVALID, speed, boundary, *behind), given)
    fired = sorted((finding for finding in found if finding.change == "fired"), key=lambda finding: finding.rule)
    at_least, doubtful, invalid, speed_at_least, at_most = fired[:5]
    assert len(fired[5:]) == 3  # behind a low-pass nothing is bounded: rails may cut off more on one side
    assert all(f.is_doubtful and f.note == f"not to be relied upon: {invalid.note}" for f in fired[5:])
    assert (invalid.start_ns, found[-1].time_ns, invalid.value) == (S, given.end_ns, 1.0)
    assert invalid.note.startswith("clipped: ")
    for bound in (at_least, speed_at_least):
        assert (bound.is_doubtful, bound.note) == (False, f"at least: {invalid.note}")
    assert (at_most.is_doubtful, at_most.note) == (False, f"at most: {invalid.note}")
    assert (doubtful.is_doubtful, doubtful.note) == (True, f"not to be relied upon: {invalid.note}")
    assert judge(View(INVALID), event(pulse(5.0))) == []


def test_an_event_whose_analysis_fails_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told as invalid, with the error; nothing half of it is told or counted, and the next one is judged."""
    peak: dict[str, object] = {"axis": "y", "peak": "3 g"}
    view = View(peak, peak | {"count": 1, "within": "1 h"}, INVALID)
    events = [event(pulse(5.0), number * S, pos=number) for number in range(3)]
    alone = ShockJudge(view).step([events[0], events[2]], wants_events=True)
    genuine = Validity((), is_lower_bound=False)

    def failing(analysis: shock_analysis.Analysis) -> Validity:
        if analysis.waveform.fs_hz == FS_HZ:
            return genuine
        raise MemoryError("so much")

    monkeypatch.setattr(shock_analysis.Analysis, "validity", property(failing))
    poisoned = replace(events[1], shock=events[1].shock._replace(fs_hz=FS_HZ + 1))
    found, totals, summaries = ShockJudge(view).step([events[0], poisoned, events[2]], wants_events=True)
    told = [(place, finding) for place, finding in found if finding.pos != 1]
    assert (told, [summaries[0], summaries[2]]) == (alone[0], alone[2])
    assert [each.fields["count"].tolist() for each in totals] == [[1.0, 2.0]]
    fired, cleared = [finding for _, finding in found if finding.pos == 1]
    assert (fired.rule, cleared.rule, fired.note) == ("r2", "r2", "analysis failed: MemoryError('so much')")
    assert (summaries[1].kind, summaries[1].faults) == ("unknown", fired.note)
    assert "analysis of event c/l/7/30" in caplog.text


@pytest.mark.parametrize("scale", [1e300, -1e300, 0.0, np.nan, np.inf])
@pytest.mark.parametrize("fs_hz", [1e-3, 5e3, 1e300, 0.0, -1.0, np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_absurd_events_never_raise(scale: float, fs_hz: float) -> None:
    """Whatever scale and sampling rate say: it is told as invalid, and nothing of it as a number that looks right."""
    given = event(pulse(5.0))
    given = replace(given, shock=given.shock._replace(scale=np.full(3, scale), fs_hz=fs_hz, pre=-1))
    tables: list[dict[str, object]] = [
        {"lowpass": "100 Hz", "peak": "1 g"},
        {"axis": "y", "peak": "1 g", "count": 1, "within": "1 h"},
        {"axis": "y", "dose": 1.0, "ref": "1 g", "exponent": 100, "floor": "1 g"},
        {"velocity_change": "1 m/s", "guard": "accuracy"},
        {"damage_boundary": {"acceleration": "1 g", "velocity_change": "1 m/s"}, "lowpass": "50 Hz"},
        {"srs": [["10 Hz", "1 g"], ["100 Hz", "1 g"]], "q": 25.0},
        {"drop_height": "0.1 m"},
        CLIPPED,
    ]
    found, _, summaries = ShockJudge(View(*tables, INVALID, accuracy_g=0.1)).step([given, given], wants_events=True)
    told = [finding for _, finding in found]
    assert [f.change for f in told if f.rule == "r8"] == ["fired", "cleared"] * 2
    assert all(f.note and "failed" not in f.note for f in told if f.rule == "r8" and f.change == "fired")
    assert all(not np.isnan(f.value) and f.change in ("fired", "peak", "cleared") for f in told)
    assert (np.isfinite(scale) and scale != 0.0) or {f.rule for f in told} <= {"r7", "r8"}
    for summary in summaries:
        assert not summary.is_valid and summary.kind != "quiet"
        assert all(value is None or np.isfinite(value) for value in numbers_of(summary))
        assert all(np.isfinite(level).all() for level in summary.spectrum)
    assert len(summaries) == 2

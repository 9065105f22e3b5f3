"""Health by arrival: silence counted by ticks, what statuses say, calibrations; the same wherever it is restarted."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.arrivals.judge import Arrivals
from monitor.detect.phases import Phases
from monitor.model.batch import Finding, Heard, Tick
from monitor.model.leg import Container, Logger
from monitor.model.record import Stamp, Status
from tests.views import View

S = 1_000_000_000
H = 3600
START_S = round(dt.datetime(2026, 11, 23, 6, tzinfo=dt.UTC).timestamp())


def health(check: str, **keys: Any) -> dict[str, Any]:
    """A rule of the kind."""
    return {"kind": "health", "check": check, "id": check} | keys


SILENT = health("silent", **{"for": "30 min"})
SHOCKS: tuple[dict[str, Any], ...] = (
    {"kind": "shock", "id": "low", "axis": "x", "peak": "2 g"},
    {"kind": "shock", "id": "high", "axis": "resultant", "peak": "10 g"},
)


class Registered(View):
    """Container "c" has loggers a and b registered, a with calibrations."""

    def logger(self, container_id: str, logger_id: str) -> Logger:
        due: dict[str, Any] = {
            "temperature.air": {"accuracy": "0.3 K", "due": dt.date(2026, 11, 23)},
            "humidity.air": {"accuracy": "2 %", "due": dt.date(2027, 3, 2)},
            "shock.a": {"accuracy": "0.1 g"},
        }
        return Logger(id=logger_id, calibration=due if logger_id == "a" else {})

    def container(self, container_id: str) -> Container:
        return Container(id=container_id, logger=(Logger(id="a"), Logger(id="b")) if container_id == "c" else ())


class Story:
    """Arrivals along a clock that starts at 06:00: each call lets time pass or brings a record."""

    def __init__(self, view: View) -> None:
        self.view, self.arrivals = view, Arrivals(view)
        self.now_s, self.pos, self.found = 0, 0, list[Finding]()
        self.step_s = 0  # of the calendar
        self.wait(0)

    def wait(self, seconds: float, *, connected: bool = True, drained: bool = True, every_s: int = 10) -> Story:
        """Ticks, one at once and then as the daemon writes them."""
        end_s = self.now_s + seconds
        while True:
            self._tick(connected, drained)
            if self.now_s >= end_s:
                return self
            self.now_s += every_s

    def hear(self, logger: str = "l", status: Status | None = None, container: str = "c") -> Story:
        """A record."""
        self.pos += 1
        heard = Heard(self.pos, container, logger, self.now_ns, status)
        self.found += self.arrivals.step([heard], Phases(self.view))
        return self

    @property
    def now_ns(self) -> int:
        return (START_S + self.step_s + self.now_s) * S

    @property
    def told(self) -> list[tuple[str, str, float, float]]:
        """(change, channel, start s, time s) of each finding."""
        return [(f.change, f.channel, f.start_ns / S - START_S, f.time_ns / S - START_S) for f in self.found]

    def _tick(self, connected: bool, drained: bool) -> None:
        self.pos += 1
        tick = Tick(self.pos, self.now_ns, 77 * S + self.now_s * S, connected, drained)
        self.found += self.arrivals.tick(tick, Phases(self.view))


def status(state: str = "online", until_s: float | None = None, clk: int = 2, **keys: Any) -> Status:
    """A status whose clock says 06:00 where it is set, else 1970."""
    t0_ns = START_S * S if clk == 2 else 0
    until_ns = None if until_s is None else t0_ns + round(until_s * S)
    return Status(Stamp(9, t0_ns, 0, clk), state, until_ns, **keys)


def test_a_logger_is_silent_since_it_was_last_heard_until_its_next_record() -> None:
    """Fired at the first tick more than `for` after; value and limit are seconds."""
    story = Story(View(SILENT)).hear().wait(1000).hear().wait(2 * H).hear()
    assert story.told == [("fired", "link", 1000, 2810), ("cleared", "link", 1000, 1000 + 2 * H)]
    assert [f.value for f in story.found] == [1810, 0]
    assert story.found[1].peak == 2 * H
    assert story.found[0].logger == "l"


@pytest.mark.parametrize("deaf", [{"connected": False}, {"drained": False}])
def test_a_gateway_that_cannot_hear_accuses_nobody(deaf: dict[str, bool]) -> None:
    """Neither without a broker nor with a queue of records to take in; the count goes on afterwards."""
    story = Story(View(SILENT)).hear().wait(1000).wait(5 * H, **deaf).wait(700)
    assert story.told == []
    assert [change for change, *_ in story.wait(300).told] == ["fired"]


def test_time_counts_only_between_two_ticks_that_could_hear() -> None:
    """A link that comes and goes with each tick: nobody knows what was lost in between."""
    story = Story(View(SILENT)).hear()
    for _ in range(500):
        story.wait(10, connected=False).wait(10, connected=False)
        story.now_s += 10
        story.wait(0)
        story.now_s += 10
    assert story.told == []


def test_a_gateway_that_was_off_accuses_nobody() -> None:
    """Of a time without ticks a minute counts at most, of a steady clock that begins anew nothing."""
    story = Story(View(SILENT)).hear().wait(1000)
    story.now_s += 10 * H
    assert story.wait(700).told == []
    assert len(story.wait(100).told) == 1


def test_a_sleeping_logger_is_silent_only_after_its_time() -> None:
    """Its will changes nothing, and is no sign of life either."""
    story = Story(View(SILENT)).hear(status=status("sleeping", 2 * H)).wait(60).hear(status=status("offline"))
    assert story.wait(2 * H + 1700).told == []
    assert story.wait(200).told[0][:3] == ("fired", "link", 0)
    assert len(story.hear(status=status("offline")).wait(100).told) == 1
    assert story.hear().told[-1][0] == "cleared"


def test_a_logger_that_wakes_early_is_awake() -> None:
    """`online` ends what it announced."""
    story = Story(View(SILENT)).hear(status=status("sleeping", 8 * H)).wait(H).hear(status=status()).wait(H)
    assert [change for change, *_ in story.told] == ["fired"]


def test_a_sleeper_without_the_time_sleeps_for_as_long_as_it_said() -> None:
    """Its `until` is by a clock that stands in 1970: what counts is the distance from its own now."""
    story = Story(View(SILENT)).hear(status=status("sleeping", 2 * H, clk=0)).wait(2 * H + 1700)
    assert story.told == []


def test_a_registered_logger_is_missed_although_it_never_came() -> None:
    """Since its container's first record; an unknown logger of another container is known once heard."""
    story = Story(Registered(SILENT)).hear("a").wait(1000).hear("a").hear("x", container="d").wait(H)
    assert {(f.container, f.logger, f.start_ns // S - START_S) for f in story.found} == {
        ("c", "a", 1000), ("c", "b", 0), ("d", "x", 1000),
    }  # fmt: skip


def test_silence_watches_in_its_phases_and_starts_fresh() -> None:
    """In the air nobody is missed, and what was open ends; on the road it counts anew."""
    spans = (((START_S + H) * S, "air"), ((START_S + 5 * H) * S, "road"))
    story = Story(View(SILENT | {"phases": ["road", "storage"]}, spans=spans)).hear().wait(8 * H)
    assert story.told == [
        ("fired", "link", 0, 1810),
        ("cleared", "link", 0, H),
        ("fired", "link", 5 * H, 5 * H + 1810),
    ]


def test_two_rules_tell_of_one_silence_apart() -> None:
    """A warning after half an hour, an alarm after two hours, ended by one record."""
    story = Story(View(SILENT, health("silent", id="alarm", **{"for": "2 h"}))).hear().wait(3 * H).hear()
    assert [(f.change, f.rule) for f in story.found] == [
        ("fired", "silent"), ("fired", "alarm"), ("cleared", "silent"), ("cleared", "alarm"),
    ]  # fmt: skip


@pytest.mark.parametrize("step_s", [365 * 24 * H, -365 * 24 * H])
def test_no_duration_is_counted_by_the_calendar(step_s: int) -> None:
    """The gateway's clock steps: neither a dwell nor a sleep nor a silence grows longer or shorter by that."""
    battery = health("battery", below="20 %", **{"for": "1 h"})
    story = Story(View(battery, SILENT))
    story.hear(status=status("sleeping", until_s=2 * H, battery_pct=10.0)).wait(60)
    story.step_s = step_s
    story.wait(4 * H)
    fired = [(f.channel, f.time_ns / S - START_S - step_s) for f in story.found]
    assert fired == [("battery", H), ("link", 2 * H + 1800)]


def test_battery_and_memory_have_limit_dwell_and_hysteresis() -> None:
    """Battery below 20 % for an hour, told by a tick though no further status came; clear at 25 %."""
    battery = health("battery", below="20 %", clear="25 %", **{"for": "1 h"})
    story = Story(View(battery, health("memory", above="90 %")))
    story.hear(status=status(battery_pct=20.0, memory_pct=90.0)).wait(60)
    story.hear(status=status(battery_pct=19.0, memory_pct=95.5)).wait(2 * H)
    story.hear(status=status(battery_pct=24.0)).hear(status=status(battery_pct=25.0, memory_pct=float("nan")))
    assert story.told == [
        ("fired", "memory", 60, 60),
        ("fired", "battery", 60, 60 + H),
        ("cleared", "battery", 60, 60 + 2 * H),
    ]
    assert (story.found[2].value, story.found[2].peak) == (25.0, 19.0)


@pytest.mark.parametrize(
    ("level_g", "range_g", "note"),
    [
        (1.4, 15.0, ""),
        (1.5, 16.0, "triggers at 1.5 g, above 0.7 of the lowest limit of 2 g"),
        (1.0, 14.9, "ranges to 14.9 g, below 1.5 times the highest limit of 10 g"),
    ],
)
def test_a_trigger_or_a_range_that_does_not_fit_the_limits(level_g: float, range_g: float, note: str) -> None:
    """Told of the accelerometer, with the reason; mended settings end it."""
    story = Story(View(health("trigger"), *SHOCKS))
    story.hear(status=status(accelerometers={"a": {"level_g": level_g, "range_g": range_g}}))
    assert [(f.change, f.channel, f.note) for f in story.found] == ([("fired", "shock.a", note)] if note else [])
    story.hear(status=status(accelerometers={"a": {"level_g": 1.0, "range_g": 100.0}}))
    assert len(story.found) == (2 if note else 0)


def test_only_peaks_that_apply_to_the_logger_are_held_against_its_settings() -> None:
    """A damage boundary's acceleration is one; other quantities have none, nor has a rule for another place."""
    others: tuple[dict[str, Any], ...] = (
        {"kind": "shock", "id": "speed", "velocity_change": "1 mm/s"},
        {"kind": "shock", "id": "srs", "srs": [["10 Hz", "0.01 g"], ["100 Hz", "0.01 g"]]},
        {"kind": "shock", "id": "there", "peak": "0.01 g", "place": "somewhere else"},
        {"kind": "shock", "id": "fast", "srs": [["10 Hz", "1 g"], ["9 kHz", "1 g"]], "place": "somewhere else"},
        {"kind": "shock", "id": "dose", "dose": 1.0, "floor": "0.01 g", "ref": "1 g", "exponent": 2},
    )
    boundary = {"damage_boundary": {"acceleration": "3 g", "velocity_change": "1 m/s"}}
    settings = {"a": {"level_g": 2.5, "range_g": 4.0, "fs": 200.0}}
    silent = Story(View(health("trigger"), *others)).hear(status=status(accelerometers=settings))
    assert silent.found == []
    story = Story(View(health("trigger"), *others, {"kind": "shock", "id": "box"} | boundary))
    (fired,) = story.hear(status=status(accelerometers=settings)).found
    assert fired.note == (
        "triggers at 2.5 g, above 0.7 of the lowest limit of 3 g, "
        "ranges to 4 g, below 1.5 times the highest limit of 3 g"
    )


@pytest.mark.parametrize(("fs_hz", "is_told"), [(3200.0, True), (3999.0, True), (4000.0, False)])
@pytest.mark.parametrize("counted", [{}, {"count": 2, "within": "1 h"}])
def test_a_sampling_rate_that_does_not_show_a_limit_on_spectra(
    fs_hz: float, is_told: bool, counted: dict[str, Any]
) -> None:
    """Above half the rate nothing is judged: that is told before an event comes, and ends with a rate that does."""
    envelopes = [
        {"kind": "shock", "id": name, "srs": [["10 Hz", "5 g"], [last, "20 g"]]} | counted
        for name, last in (("wide", "2 kHz"), ("narrow", "100 Hz"))
    ]
    story = Story(View(health("trigger"), *envelopes)).hear(status=status(accelerometers={"a": {"fs": fs_hz}}))
    note = f"samples at {fs_hz:g} Hz, below 2 times the last frequency limited, 2000 Hz"
    assert [(f.change, f.channel, f.note) for f in story.found] == ([("fired", "shock.a", note)] if is_told else [])
    story.hear(status=status(accelerometers={"a": {"fs": 6400.0}}))
    assert [f.change for f in story.found] == (["fired", "cleared"] if is_told else [])


def test_a_calibration_is_out_of_date_after_its_day() -> None:
    """Due on the 23rd: at midnight UTC after it, on the calibrated channel."""
    story = Story(Registered(health("calibration"))).hear("a").wait(20 * H, every_s=60)
    assert story.told == [("fired", "temperature.air", 18 * H, 18 * H)]


def test_a_container_without_limits_and_a_rule_that_is_gone() -> None:
    """Nobody's limits stop nothing; what fired under a rule that is no more is cleared by who adopts it."""
    story = Story(View(SILENT)).hear(container="unlimited").hear().wait(H)
    assert [f.container for f in story.found] == ["c"]
    other = Arrivals(View(SILENT | {"for": "1 h"}))
    (cleared,) = other.adopt(story.arrivals.snapshot(None))
    assert (cleared.change, cleared.rule, cleared.start_ns) == ("cleared", "silent", START_S * S)
    assert other.snapshot(None)["open"] == []


RULES = (
    SILENT | {"for": "1 min"},
    health("silent", id="road", phases=["road"], **{"for": "40 s"}),
    health("battery", below="20 %", clear="25 %", **{"for": "30 s"}),
    health("trigger"),
    health("calibration"),
    *SHOCKS,
)
SPANS = (((START_S + 200) * S, "road"), ((START_S + 400) * S, "air"))


def journal(seed: int) -> list[Heard | Tick]:
    """Records and ticks at random."""
    rng, now_s, entries = random.Random(seed), 0, list[Heard | Tick]()
    for pos in range(rng.randint(5, 80)):
        if rng.random() < 0.6:
            now_s += rng.choice([10, 10, 10, 30, 300])
            entries.append(Tick(pos, (START_S + now_s) * S, now_s * S, rng.random() < 0.95, rng.random() < 0.95))
            continue
        said = None
        if rng.random() < 0.5:
            said = status(
                rng.choice(["online", "sleeping", "offline"]), rng.choice([None, now_s + 100]),
                battery_pct=rng.choice([None, 10.0, 22.0, 50.0]),
                accelerometers=rng.choice([{}, {"a": {"level_g": 5.0}}, {"a": {"level_g": 1.0}}]),
            )  # fmt: skip
        container, logger = rng.choice([("c", "a"), ("c", "x"), ("e", "a")])
        entries.append(Heard(pos, container, logger, (START_S + now_s) * S, said))
    return entries


def take(arrivals: Arrivals, entries: list[Heard | Tick], view: View) -> list[Finding]:
    """Runs of records between ticks."""
    found, heard = [], list[Heard]()
    for entry in entries:
        if isinstance(entry, Heard):
            heard.append(entry)
            continue
        found += arrivals.step(heard, Phases(view)) + arrivals.tick(entry, Phases(view))
        heard = []
    return found + arrivals.step(heard, Phases(view))


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.data())
def test_cuts_and_restarts_change_nothing(seed: int, data: st.DataObject) -> None:
    """Wherever the journal is cut, with or without a restart from the snapshot, container by container or whole."""
    entries, view = journal(seed), Registered(*RULES, spans=SPANS)
    whole = Arrivals(view)
    expected = take(whole, entries, view)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(entries)))))
    restart = data.draw(st.sampled_from(["no", "whole", "by container"]))
    arrivals, found = Arrivals(view), []
    for start, stop in pairwise([0, *cuts, len(entries)]):
        found += take(arrivals, entries[start:stop], view)
        if restart != "no":
            parts = [None] if restart == "whole" else ["c", "e"]
            contents = [cbor2.loads(cbor2.dumps(arrivals.snapshot(part))) for part in parts]
            arrivals = Arrivals(view)
            assert [arrivals.adopt(content) for content in contents] == [[]] * len(parts)
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert arrivals.snapshot(None) == whole.snapshot(None)
    arrivals.forget("c")
    assert arrivals.snapshot("c")["open"] == arrivals.snapshot("c")["silence"]["known"] == []
    assert arrivals.snapshot("e") == whole.snapshot("e")


class Restless(Arrivals):
    """Looks at everything at each tick."""

    def _is_at_rest(self, tick: Tick) -> bool:
        return False


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.booleans())
def test_to_look_ahead_changes_nothing(seed: int, is_all: bool) -> None:
    """While nothing is open, and nothing can come due, a tick is passed over: findings and state are the same."""
    entries, view = journal(seed), Registered(*(RULES if is_all else RULES[:2]), spans=SPANS)
    looks_ahead, looks = Arrivals(view), Restless(view)
    assert take(looks_ahead, entries, view) == take(looks, entries, view)
    assert looks_ahead.snapshot(None) == looks.snapshot(None)

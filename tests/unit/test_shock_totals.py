"""Shock rules that count events or add up their dose: as a plain loop has it, however the journal was cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.events.judge import ShockJudge
from monitor.detect.lane import LIMITS_CHANGED
from monitor.model.batch import Event, Finding, Tick
from monitor.model.leg import IDENTITY, Container, Logger
from monitor.model.limit import Profile, ShockRule
from monitor.model.record import Shock, Stamp
from tests.naive_shock import NaiveTally

S = 1_000_000_000
T0 = 1_795_413_600 * S
SPANS = ((T0 - 300 * S, "road"), (T0 + 40 * S, "handling"), (T0 + 90 * S, "air"), (T0 + 200 * S, "road"))
COUNT: dict[str, object] = {"axis": "x", "peak": "1 g", "count": 2, "within": "60 s"}  # a bucket is 1 s
DOSE: dict[str, object] = {"axis": "x", "dose": 3.0, "ref": "2 g", "exponent": 2, "floor": "1 g"}
ROAD: dict[str, object] = {"phases": ["road", "handling"]}
RULES = (COUNT, COUNT | {"count": 1, "within": "600 s"}, DOSE, COUNT | ROAD, DOSE | {"dose": 1.0} | ROAD)
Item = Event | Tick


class View:
    """One profile of shock rules; journeys go by SPANS."""

    def __init__(self, *rules: dict[str, object]) -> None:
        tables = [{"id": f"r{i}", "kind": "shock", "severity": "alarm"} | rule for i, rule in enumerate(rules)]
        self.given = Profile.model_validate({"name": "p", "rule": tables})

    def profile(self, container_id: str) -> Profile:
        return self.given

    def phase_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return SPANS

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ()

    def logger(self, container_id: str, logger_id: str) -> Logger:
        return Logger(id=logger_id, rotation=IDENTITY)

    def container(self, container_id: str) -> Container:
        return Container(id=container_id)

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        return 0.25


def event(at_s: float, peak_g: float = 2.0, **changes: object) -> Event:
    """An event of 12 samples at 100 Hz, triggered `at_s` behind T0, with one peak on x right behind the trigger."""
    counts = np.zeros((3, 12), dtype=np.int16)
    counts[0, 6] = round(peak_g * 1024)
    shock = Shock(Stamp(7, 0, 0, 2), 30, 0, 0, 100.0, 5, np.full(3, 1 / 1024), 0.0, counts, "a", 2.0, 0)
    given = Event(1, "c", "l", 7, 30, T0 + round(at_s * S) - 50_000_000, shock)
    return replace(given, **changes)  # type: ignore[arg-type]  # changes are fields of an event


def tick(at_s: float, pos: int = 1) -> Tick:
    return Tick(pos, T0 + round(at_s * S), 0, is_connected=True, is_drained=True)


def judge(judge: ShockJudge, items: list[Item]) -> list[Finding]:
    """What a judge tells of events and ticks in their order, each run of events at once."""
    found: list[Finding] = []
    run: list[Event] = []
    for item in [*items, None]:
        if isinstance(item, Event):
            run.append(item)
            continue
        found += [finding for _, finding in judge.step(run)[0]]
        run = []
        if item is not None:
            found += judge.tick(item)
    return found


def told(items: list[Item], *rules: dict[str, object]) -> list[tuple[str, float, float]]:
    """(change, time in s behind T0, value) of each finding."""
    return [(f.change, (f.time_ns - T0) / S, f.value) for f in judge(ShockJudge(View(*rules)), items)]


moments = st.integers(0, 400).map(lambda tenth: tenth / 4) | st.integers(-90, 1500).map(float)


@st.composite
def journals(draw: st.DrawFn) -> list[Item]:
    """Events of two loggers, some late, with a clock that may be set back, and ticks in between."""
    items: list[Item] = []
    at_s = now_s = 0.0
    for pos in range(1, draw(st.integers(1, 25)) + 1):
        at_s = (
            draw(moments)
            if draw(st.integers(0, 5)) == 0
            else at_s + draw(st.sampled_from([0.0, 0.4, 3.0, 31.0, 200.0]))
        )
        now_s += draw(st.sampled_from([0.0, 10.0, 70.0]))
        if draw(st.integers(0, 3)) == 0:
            items.append(tick(now_s, pos))
            continue
        peak_g = draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, -3.0]))
        is_late, logger = draw(st.integers(0, 4)) == 0, draw(st.sampled_from(["l", "m"]))
        items.append(event(at_s, peak_g, pos=pos, logger=logger, is_late=is_late))
    return items


def by_lane(findings: list[Finding]) -> list[Finding]:
    """Findings of one record have no order among loggers."""
    return sorted(findings, key=lambda finding: (finding.pos, finding.logger))


@settings(max_examples=150)
@given(journals(), st.sampled_from(RULES))
def test_tallies_equal_a_plain_loop(items: list[Item], rule: dict[str, object]) -> None:
    """Every finding with its times, values and peaks."""
    view = View(rule)
    (only,) = view.given.rule
    assert isinstance(only, ShockRule)
    naive = NaiveTally(only, SPANS).feed(items)
    assert by_lane(judge(ShockJudge(view), items)) == by_lane(naive)


@settings(max_examples=100)
@given(journals(), st.data())
def test_any_split_and_any_restart_tell_the_same(items: list[Item], data: st.DataObject) -> None:
    """Cut anywhere, with a restart from the snapshot at each cut, in one container or all."""
    view = View(*RULES)
    whole = ShockJudge(view)
    expected = judge(whole, items)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(items)))) | {0, len(items)})
    piecemeal, found = ShockJudge(view), []
    for start, stop in pairwise(cuts):
        found += judge(piecemeal, items[start:stop])
        saved = cbor2.loads(cbor2.dumps(piecemeal.snapshot(data.draw(st.sampled_from([None, "c"])))))
        piecemeal = ShockJudge(view)
        assert piecemeal.adopt(saved) == []
    assert found == expected
    assert piecemeal.snapshot() == whole.snapshot()


@settings(max_examples=50)
@given(journals())
def test_late_events_disturb_nothing(items: list[Item]) -> None:
    """What is told of the present is the same without the late ones."""
    late = {item.pos for item in items if isinstance(item, Event) and item.is_late}
    present = [item for item in items if item.pos not in late]
    with_late, without = ShockJudge(View(*RULES)), ShockJudge(View(*RULES))
    expected = judge(without, present)
    found = judge(with_late, items)
    assert all(finding in found for finding in expected)
    rows = zip(*(part.snapshot()[name] for part in (with_late,) for name in ("keys", "tallies")), strict=True)
    kept = [(key, tally) for key, tally in rows if not key[2]]
    assert kept == list(zip(*(without.snapshot()[name] for name in ("keys", "tallies")), strict=True))


def test_a_count_goes_up_and_comes_down() -> None:
    """Three in a minute are too many; the first leaves when the bucket a minute on begins, whoever notices that."""
    items: list[Item] = [event(0.5), event(10.2), event(20.0), event(20.5)]
    up = [("fired", 20.01, 3.0), ("peak", 20.51, 4.0)]
    assert told(items, COUNT) == up
    assert told([*items, event(69.9, 0.5)], COUNT) == up  # 3 are left
    assert told([*items, event(70.0, 0.5)], COUNT) == [*up, ("cleared", 70.0, 2.0)]
    assert told([*items, tick(500), tick(549)], COUNT) == up
    assert told([*items, tick(500), tick(550)], COUNT) == [*up, ("cleared", 70.0, 2.0)]
    assert told([*items, event(3000.0)], COUNT) == [*up, ("cleared", 70.0, 2.0)]


def test_a_count_equal_to_the_limit_and_peaks_at_the_level_do_not_exceed() -> None:
    """2 is not more than 2, and 1 g not more than 1 g."""
    assert told([event(1), event(2), event(3, 1.0)], COUNT) == []


def test_a_clock_that_was_set_back_begins_anew() -> None:
    """What was counted under the wrong time is no guide; it does not hold back the count for a year."""
    items: list[Item] = [event(1e7), event(1e7), event(1e7), event(0), event(1), event(2)]
    assert told(items, COUNT) == [("fired", 1e7 + 0.01, 3.0), ("cleared", 1e7, 3.0), ("fired", 2.01, 3.0)]


def test_an_event_somewhat_before_others_belongs_to_their_window() -> None:
    """59 buckets back it counts with them, 60 back the count begins anew."""
    assert told([event(100), event(100), event(41)], COUNT) == [("fired", 41.01, 3.0)]
    assert told([event(100), event(100), event(40.9)], COUNT) == []


def test_a_dose_never_comes_down() -> None:
    """(2/2)^2 + (3/2)^2 = 3.25 is beyond 3; 1 g is not above the floor."""
    items: list[Item] = [event(0), event(1e6, 1.0), event(2e6, -3.0), tick(1e7), event(2e7)]
    assert told(items, DOSE) == [("fired", 2e6 + 0.01, 3.25), ("peak", 2e7 + 0.01, 4.25)]


def test_a_rule_bound_to_a_phase_starts_afresh_in_it() -> None:
    """One stretch over road and handling; what fired ends with it, at the next event or tick; 3 more on the road."""
    in_stretch: list[Item] = [event(1), event(39.9), event(41)]
    fired = [("fired", 41.01, 3.0)]
    assert told([*in_stretch, event(92)], COUNT | ROAD) == [*fired, ("cleared", 92.0, 3.0)]
    assert told([*in_stretch, tick(0), tick(55)], COUNT | ROAD) == [*fired, ("cleared", 96.0, 3.0)]
    again: list[Item] = [event(201), event(202), event(203)]
    assert told([*in_stretch, *again], COUNT | ROAD) == [*fired, ("cleared", 201.0, 3.0), ("fired", 203.01, 3.0)]


def test_a_guarded_dose_adds_what_peaks_may_have_been() -> None:
    """With U = 0.25 g a peak of 1.75 g may have been 2 g, and one of 0.8125 g 1.0625 g, above the floor."""
    rule = DOSE | {"dose": 1.2, "guard": "accuracy"}
    ((change, _, dose),) = told([event(0, 1.75), event(1, 0.8125)], rule)
    assert (change, dose) == ("fired", 1.0 + 1.0625**2 / 4)


def test_running_totals_are_told_once_for_each_event() -> None:
    """In the order of the events, also of those that do not weigh; late ones have none."""
    events = [event(0, pos=4), event(1, 0.5, pos=5), event(2, -3.0, pos=6), event(3, pos=7, is_late=True)]
    events.append(event(3, pos=8, logger="m"))
    count, dose = ShockJudge(View(COUNT, DOSE)).step(events)[1]
    assert (count.rule, dose.rule) == ("r0", "r1")
    assert count.owners == dose.owners == [("c", "l", "shock.a"), ("c", "m", "shock.a")]
    assert count.lanes.tolist() == [0, 0, 0, 1] and count.pos.tolist() == [4, 5, 6, 8]
    assert [(time_ns - T0) / S for time_ns in count.times_ns.tolist()] == [0, 1, 2, 3]
    assert {name: list(values) for name, values in count.fields.items()} == {"count": [1, 1, 2, 1]}
    assert {name: list(values) for name, values in dose.fields.items()} == {"dose": [1, 1, 3.25, 1]}


def test_tallies_outlive_a_configuration_that_leaves_their_rule_as_it_is() -> None:
    """A rule that was changed starts anew, and what fired under it is cleared at its last event, saying why."""
    before = ShockJudge(View(COUNT, DOSE | {"dose": 2.0}))
    items: list[Item] = [event(0), event(1), event(2)]
    judge(before, items)
    after = ShockJudge(View(COUNT, DOSE | {"dose": 2.5}))
    (cleared,) = after.adopt(before.snapshot())
    assert (cleared.change, cleared.rule, cleared.value) == ("cleared", "r1", 3.0)
    assert (cleared.time_ns, cleared.note) == (cleared.start_ns, LIMITS_CHANGED)
    found = judge(after, [event(3)])
    assert [(f.change, f.rule, f.value) for f in found] == [("peak", "r0", 4.0)]


def test_a_container_is_forgotten_alone() -> None:
    """The other one's tallies stay; a snapshot is of the container that was asked for."""
    one = ShockJudge(View(COUNT))
    judge(one, [event(0), event(1), event(2), event(0, container="d")])
    of_c = one.snapshot("c")
    one.forget("c")
    assert [key[0] for key in one.snapshot()["keys"]] == ["d"]
    assert judge(one, [tick(0), tick(100)]) == []
    assert one.adopt(of_c) == []
    assert [f.change for f in judge(one, [tick(0), tick(100)])] == ["cleared"]


def test_senders_that_invent_names_fill_no_memory() -> None:
    """Beyond the maximum nothing is counted, which is counted; what was there before goes on."""
    small = ShockJudge(View(COUNT), max_tallies=2)
    events: list[Item] = [event(at_s, logger=f"l{n}") for at_s in (0, 1, 2) for n in range(4)]
    found = judge(small, events)
    assert [(f.change, f.logger) for f in found] == [("fired", "l0"), ("fired", "l1")]
    assert small.refused == 6 and len(small.snapshot()["keys"]) == 2


@pytest.mark.parametrize("content", [
    {}, {"keys": [], "tallies": [[]]}, {"keys": [["c"]], "tallies": [[0]]},
    {"keys": [["c", "l", False, "shock.a", "d", "r", 1]], "tallies": [[0, 0.0, 0, [1, 2]]]},
])  # fmt: skip
def test_a_snapshot_that_is_none_is_refused(content: dict[str, object]) -> None:
    """By an error that the engine turns into one about the snapshot."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        ShockJudge(View(COUNT)).adopt(content)

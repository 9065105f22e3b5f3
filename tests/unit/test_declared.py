"""A sensor's own low-pass, as its logger declared it: known to rules from the next event on, ever after."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.events import declared
from monitor.detect.events.declared import Declared
from monitor.detect.events.judge import ShockJudge
from monitor.examine.journal import JournalEvents
from monitor.journal import Usable
from monitor.model.batch import Event, Finding, Heard
from monitor.model.record import Stamp, Status
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.knocks import FS_HZ, event
from tests.messages import T0, status
from tests.shocks import View, half_sine
from tests.shocks import event as short_event
from tests.stations import Station, rules

ENVELOPE = {"id": "envelope", "kind": "shock", "srs": [["70 Hz", "1 g"], ["400 Hz", "30 g"]], "severity": "alarm"}
LOWPASSED = "above the sensor's own low-pass of 60 Hz, which takes from it"


def declares(**settings: float) -> Usable:
    return arrival("status", status(accs={"a": {"fs": FS_HZ} | settings}), T0)


@pytest.mark.parametrize("page_records", [1, 2, 500])
@pytest.mark.parametrize("restarts", [False, True])
def test_an_alert_knows_the_low_pass_that_is_shown_of_its_event(
    tmp_path: Path, page_records: int, restarts: bool
) -> None:
    """However the journal is cut, across restarts, of what was declared before the event and not behind it."""
    station = Station(tmp_path, rules(ENVELOPE))
    station.start(page_records)
    story = [
        event(0, 20.0), declares(lp_hz=60.0), event(1, 20.0), event(0, 20.0, "M"), arrival("status", status(), T0),
        event(2, 20.0), declares(), event(3, 20.0),
    ]  # fmt: skip
    if restarts:
        for item in story:
            station.run(item)
            station.watch.close()
            station.start(page_records)
    else:
        station.run(*story)
    told = {(alert["logger"], alert["evidence"]["seq"]): alert["message"] for alert in station.alerts()}
    assert len(told) == 5
    examined = JournalEvents(tmp_path, None)
    for (logger, seq), message in told.items():
        shown = examined.event(f"C/{logger}/1/{seq}").analysis
        assert (LOWPASSED in message) == (shown.waveform.lowpass_hz == 60.0), (logger, seq)
        assert (LOWPASSED in message) == ((logger, seq) in {("L", 1), ("L", 2)})
    for is_ordered in (False, True):
        replayed = replay_source(tmp_path, None, lambda *_: None, is_ordered=is_ordered)["alerts"]
        assert sorted(alert["message"] for alert in replayed) == sorted(told.values())


def said(lowpass_hz: float | None, pos: int, logger: str = "l", container: str = "c") -> Heard:
    """A status about accelerometer a, which declares a low-pass or none."""
    settings = {"fs": 1000.0} | ({} if lowpass_hz is None else {"lp_hz": lowpass_hz})
    return Heard(pos, container, logger, 0, Status(Stamp(7, 0, 0, 2), "online", accelerometers={"a": settings}))


Item = Heard | Event
ITEMS = st.lists(
    st.tuples(st.sampled_from(["l", "m"]), st.sampled_from([None, 20.0, 40.0, 80.0]), st.booleans()), max_size=12
)
WAVE = half_sine(10)


def step(judge: ShockJudge, items: list[Item]) -> list[Finding]:
    """What a judge tells of one batch."""
    events = [item for item in items if isinstance(item, Event)]
    found = judge.step(events, [item for item in items if isinstance(item, Heard)])[0]
    return [finding for _, finding in found]


@given(ITEMS, st.data())
def test_the_last_word_before_an_event_counts(drawn: list[tuple[str, float | None, bool]], data: st.DataObject) -> None:
    """Of the same sensor, as a plain look back has it; cut anywhere, with a restart from the snapshot at each cut."""
    view = View({"srs": [["90 Hz", "1 g"], ["99 Hz", "1 g"]]})
    items: list[Item] = [
        short_event(WAVE, float(pos), pos, logger) if is_event else said(hz, pos, logger)
        for pos, (logger, hz, is_event) in enumerate(drawn)
    ]
    expected = []
    for pos, (logger, _, is_event) in enumerate(drawn):
        before = [hz for of, hz, other_is_event in drawn[:pos] if of == logger and not other_is_event]
        if is_event and before and before[-1] is not None:
            expected.append(f"above the sensor's own low-pass of {before[-1]:g} Hz, which takes from it")
        elif is_event:
            expected.append("")
    assert [f.note for f in step(ShockJudge(view), items) if f.change == "fired"] == expected
    cuts = sorted(data.draw(st.sets(st.integers(0, len(items)))) | {0, len(items)})
    judge, found = ShockJudge(view), list[Finding]()
    for start, stop in pairwise(cuts):
        found += step(judge, items[start:stop])
        saved = cbor2.loads(cbor2.dumps(judge.snapshot()))
        judge = ShockJudge(view)
        judge.adopt(saved)
    assert [f.note for f in found if f.change == "fired"] == expected


def test_a_snapshot_of_an_earlier_version_is_adopted() -> None:
    """It says nothing of low-passes: nothing is known until they are declared again."""
    view = View({"srs": [["90 Hz", "1 g"], ["99 Hz", "1 g"]]})
    judge = ShockJudge(view)
    step(judge, [said(20.0, 1)])
    earlier = {key: value for key, value in judge.snapshot().items() if key != "declared"}
    judge = ShockJudge(view)
    assert judge.adopt(earlier) == []
    assert step(judge, [short_event(WAVE, 2.0, 2)])[0].note == ""
    assert "20 Hz" in step(judge, [said(20.0, 3), short_event(WAVE, 4.0, 4)])[0].note


def test_a_container_is_remembered_and_forgotten_by_itself() -> None:
    """As when it goes on as another judge left it."""
    judge = Declared()
    for container, hz in (("c", 20.0), ("d", 40.0)):
        status_of = said(hz, 1, container=container).status
        assert status_of is not None
        judge.take(container, "l", status_of)
    assert json.dumps(judge.snapshot("d")) == '[["d", "l", "a", 40.0]]'
    judge.forget("d")
    assert judge.snapshot(None) == [["c", "l", "a", 20.0]]


def test_no_sender_makes_it_remember_more_than_its_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are known go on; a snapshot that holds more is cut as well."""
    monkeypatch.setattr(declared, "MAX_SENSORS", 2)
    known = Declared()
    for number, logger in enumerate(["a", "b", "c", "a"]):
        status_of = said(float(number + 10), number, logger).status
        assert status_of is not None
        known.take("c", logger, status_of)
    assert known.snapshot(None) == [["c", "a", "a", 13.0], ["c", "b", "a", 11.0]]
    known.adopt([["c", "z", "a", 99.0]])
    assert len(known.snapshot(None)) == 2


@pytest.mark.parametrize("lowpass_hz", [0.0, -5.0])
def test_a_low_pass_that_is_none_is_passed_over(lowpass_hz: float) -> None:
    """A corner of nothing, or below, says nothing of a sensor that recorded an event."""
    view = View({"srs": [["90 Hz", "1 g"], ["99 Hz", "1 g"]]})
    assert step(ShockJudge(view), [said(lowpass_hz, 1), short_event(WAVE, 2.0, 2)])[0].note == ""

"""How things stand, as it is told to the store: each change at once, each container once a minute, nothing lost."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Config, Rules
from monitor.config.settings import JournalSettings, MqttSettings, StoreSettings, WebSettings
from monitor.consumers.points import one_point, operator_points
from monitor.consumers.said import JOURNEY_NS, Said
from monitor.consumers.said_points import MAX_STAGES, stages
from monitor.model.batch import Points
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord
from monitor.model.operator_book import OperatorBook
from monitor.model.record import Record
from monitor.sinks import RefusedLines, lines
from tests.intakes import ManualClock
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.stores import DOWN, Bench, Ledger, fine, run

HEARD_NS = ManualClock().now_ns()
CONSUMER = {"pos": 7, "backlog": 2, "lag_s": 0.5}
BOX = {"id": "C", "logger": [{"id": "L-1", "serial": "SN-1"}]}
PLAN = Rules.model_validate({"profiles": {}, "containers": {"C": BOX}})
CONFIG = Config(
    PLAN,
    *(Path("/"), MqttSettings(url="mqtt://127.0.0.1"), StoreSettings(), WebSettings(), JournalSettings()),
)


@dataclass
class Standing:
    """Containers by name with their number of open alarms; one logger in each, heard at HEARD_NS."""

    alarms: dict[str, int] = field(default_factory=dict)
    config: Config = CONFIG
    rules: Rules = PLAN

    def rules_in_force(self) -> Rules:
        return self.rules

    def status(self) -> dict[str, Any]:
        heard_at = rfc3339(HEARD_NS)
        return {
            "instance": "here",
            "ingest": {"records": 5, "duplicates": 1},
            "quarantined": 0,
            "journal": {"pos": 9, "used_bytes": 50},
            "budget_bytes": 200,
            "consumers": dict.fromkeys(("watch", "store", "notify", "copy"), CONSUMER),
            "gaps": {"open": 1, "requested": 2, "filled": 4, "lost": 8},
            "alerts": {"firing": 2, "acknowledged": 1},
            "notifiers": [{"name": "ops", "backlog": 3, "failing_since": heard_at, "told": 4, "refused": 0}],
            "loggers": [
                {
                    "container": name,
                    "logger": "L-1",
                    "other_serial": None if name == "C" else "SN-9",
                    "state": "online",
                    "last_seen_at": rfc3339(HEARD_NS),
                    "gap_records": 3,
                }
                for name in self.alarms
            ],
        }

    def containers(self) -> list[dict[str, Any]]:
        plain = {"title": "", "marking": "", "limits": "hardware", "consignment": None, "phase": "road", "armed": True}
        return [
            plain | {"container": name, "custodian": None, "alerts": {"info": 0, "warning": 0, "alarm": n}}
            for name, n in self.alarms.items()
        ]

    def silent_loggers(self) -> set[tuple[str, str]]:
        return {(name, "L-1") for name, n in self.alarms.items() if n > 1}

    def newest_ns(self) -> dict[tuple[str, str], int]:
        return {(name, "L-1"): HEARD_NS - 2 * S for name, n in self.alarms.items() if n}


def texts(points: list[Points], measurement: str) -> list[str]:
    """The lines of a measurement, without their times."""
    made = lines(points).decode().splitlines()
    return [line.rsplit(" ", 1)[0] for line in made if line.startswith(f"{measurement},")]


def test_a_point_says_how_it_stands() -> None:
    """Numbers, flags and text; what nobody knows is left out."""
    told: list[Points] = []
    clock = ManualClock(4 * S)
    standing = Standing({"C": 2, "D": 0})
    assert Said(standing, clock, told.extend).step()
    assert texts(told, "container") == [
        'container,consignment=-,container=C title="",marking="",limits="hardware",phase="road",leg="",custodian="",'
        "armed=true,worst=3.0,open_alerts=2.0,silent_loggers=1.0,loggers=1.0",
        'container,consignment=-,container=D title="",marking="",limits="hardware",phase="road",leg="",custodian="",'
        "armed=true,worst=0.0,open_alerts=0.0,silent_loggers=0.0,loggers=1.0",
    ]
    assert texts(told, "logger") == [
        'logger,container=C,logger=L-1 place="",serial="SN-1",other_serial="",model="",calibration_due="",'
        'state="online",lag_s=6.0,gap_records=3.0,silent_s=4.0',
        'logger,container=D,logger=L-1 place="",serial="",other_serial="SN-9",model="",calibration_due="",'
        'state="online",gap_records=3.0,silent_s=4.0',
    ]
    (monitor,) = texts(told, "monitor")
    assert monitor.startswith(
        "monitor,instance=here records=5.0,duplicates=1.0,quarantined=0.0,journal_pos=9.0,watch_backlog=2.0,"
        "watch_lag_s=0.5,store_backlog=2.0,store_lag_s=0.5,notify_backlog=2.0,notify_lag_s=0.5,copy_backlog=2.0,"
        "copy_lag_s=0.5,gap_records=3.0,budget_used_pct=25.0,disk_free_bytes="
    )
    assert ",loggers=2.0,loggers_online=2.0,alerts_open=3.0,rss_bytes=" in monitor
    assert texts(told, "notifier") == [
        "notifier,instance=here,notifier=ops backlog=3.0,failing=1.0,told=4.0,refused=0.0"
    ]


@given(st.lists(st.none() | st.tuples(st.sampled_from("CD"), st.integers(0, 2)), min_size=70, max_size=150))
@settings(max_examples=40)
def test_each_change_is_told_at_once_and_everything_once_a_minute(changes: list[tuple[str, int] | None]) -> None:
    """Second by second: a container has a point just when it changed or was told a minute ago, and its logger too."""
    told: list[Points] = []
    clock, standing = ManualClock(), Standing({"C": 0, "D": 0})
    said = Said(standing, clock, told.extend)
    last: dict[str, tuple[int, int]] = {}
    for second, change in enumerate(changes):
        clock.mono = second * S
        standing.alarms.update(dict([change] if change else []))
        told.clear()
        said.step()
        due = {
            name
            for name, alarms in standing.alarms.items()
            if name not in last or last[name][0] != alarms or second - last[name][1] >= 60
        }
        last |= {name: (standing.alarms[name], second) for name in due}
        for measurement in ("container", "logger"):
            assert {dict(one.tags)["container"] for one in told if one.measurement == measurement} == due
        assert [one.measurement for one in told].count("monitor") == (second % 10 == 0)
        assert not said.step()


LEGS = ((10, 20, "road", "a"), (20, 40, "air", "b"), (60, 80, "road", "b"))  # seconds from HEARD_NS
TENS = st.integers(-1, 10).map(lambda number: number * 10)


def travelling() -> Rules:
    """Rules of container C on LEGS."""
    legs = [
        {"id": f"leg-{begin_s}", "phase": phase, "custodian": party}
        | {"planned_start": rfc3339(HEARD_NS + begin_s * S), "planned_end": rfc3339(HEARD_NS + end_s * S)}
        for begin_s, end_s, phase, party in LEGS
    ]
    parties = [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]
    trip = {"id": "trip", "parties": parties, "leg": legs}
    return Rules.model_validate(
        {"profiles": {}, "containers": {"C": BOX | {"consignment": "trip"}}, "consignments": {"trip": trip}}
    )


def entry(kind: str, key: str, word: str, at_s: int) -> OperatorRecord:
    return OperatorRecord(kind, "C", HEARD_NS + at_s * S, HEARD_NS, "Rossi", details={key: word})


ENTRIES = st.builds(entry, st.just("phase"), st.just("phase"), st.sampled_from(["open", "plan"]), TENS) | st.builds(
    entry, st.just("custody"), st.just("custodian"), st.sampled_from(["a", "plan"]), TENS
)


@given(st.lists(ENTRIES, max_size=4), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=60)
def test_each_change_on_the_journey_is_told_once_at_its_time(
    entries: list[OperatorRecord], first_s: int, second_s: int
) -> None:
    """Whenever one looks: all that has begun by then, by plan and operators; the same after an hour and a restart."""
    book = OperatorBook()
    for pos, record in enumerate(entries):
        book = book.add(pos, record)
    rules = travelling().with_operators(book)

    def at(second: int) -> tuple[str, str, str]:
        time_ns = HEARD_NS + second * S
        (leg,) = rules.legs_between("C", time_ns, time_ns + 1) or [""]
        return rules.phase_at("C", time_ns), leg, rules.custodian_at("C", time_ns) or ""

    told: list[Points] = []
    clock, standing = ManualClock(), Standing({"C": 0}, rules=rules)
    said = Said(standing, clock, told.extend)
    for second in sorted((first_s, second_s)):
        clock.mono = second * S
        said.step()
    last_s = max(first_s, second_s)
    changes = {second for second in range(-20, last_s + 1) if at(second) != at(second - 1)}
    journey = [one for one in told if one.measurement == "journey"]
    found = {(int(one.times_ns[0]) - HEARD_NS) // S: one.fields for one in journey}
    assert len(found) == len(journey)
    assert set(found) == changes
    for second, fields in found.items():
        assert (fields["phase"], fields["leg"], fields["custodian"]) == tuple([word] for word in at(second))
    clock.mono += JOURNEY_NS
    for anew in (said, Said(standing, clock, told.extend)):
        told.clear()
        anew.step()
        again = [one for one in told if one.measurement == "journey" and int(one.times_ns[0]) <= HEARD_NS + last_s * S]
        assert lines(again) == lines(journey)


def test_of_a_long_journey_the_latest_is_told() -> None:
    """However often operators change the phase."""
    book = OperatorBook()
    for number in range(MAX_STAGES + 10):
        book = book.add(number, entry("phase", "phase", f"phase-{number}", number))
    found = stages(travelling().with_operators(book), "C", HEARD_NS + 10_000 * S)
    assert len(found) == MAX_STAGES
    assert found[-1].phase == f"phase-{MAX_STAGES + 9}"


def point(number: int) -> Points:
    return one_point(0, "container", (("container", "C"),), HEARD_NS + number, {"worst": float(number)})


def test_what_is_said_is_written_and_counts_for_no_cursor(tmp_path: Path) -> None:
    """With readings or alone; a point of it that is refused stops nothing."""
    bench = Bench(tmp_path)
    ledger = Ledger(lambda line: RefusedLines("write", "here", "bad") if "worst=1.0 " in line else None)
    store = bench.store(ledger)
    bench.append(arrival("env", env(0), T0))
    store.say([point(number) for number in range(3)])
    run(store)
    confirmed = store.confirmed.copy()
    store.say([point(3)])
    run(store)
    assert store.is_caught_up
    assert store.confirmed == confirmed
    assert [line[-1] for line in ledger.kept if line.startswith("container")] == ["0", "2", "3"]
    assert any(line.startswith("env") for line in ledger.kept)
    assert [row[:2] for row in bench.refused()] == [("container", 0)]
    store.close()


def test_while_the_store_is_away_the_latest_are_kept(tmp_path: Path) -> None:
    """However long it is: no more than MAX_SAID."""
    ledger = Ledger(lambda _line: DOWN)
    with patch("monitor.consumers.feed.MAX_SAID", 3):
        store = Bench(tmp_path).store(ledger)
    for number in range(9):
        store.say([point(number)])
    ledger.verdict = fine
    run(store)
    assert [line[-1] for line in ledger.kept] == ["6", "7", "8"]
    store.close()


@given(st.integers(0, 10**18), st.lists(st.sampled_from(("open", "close")), min_size=2, max_size=8))
def test_operators_records_never_take_each_others_place(effective_us: int, types: list[str]) -> None:
    """All at one time: each has a point of its own, within a microsecond of it."""
    effective_ns = effective_us // 1000 * 1000
    said = [OperatorRecord(kind, "C", effective_ns, effective_ns, "A. Rossi") for kind in types]
    records = [
        Record(pos, 0, "C", None, None, None, "operator", None, one.to_json()) for pos, one in enumerate(said, 998)
    ]
    points = [made for record in records for made in operator_points(record)]
    assert len({(one.tags, int(one.times_ns[0])) for one in points}) == len(types)
    assert all(0 <= int(one.times_ns[0]) - effective_ns < 1000 for one in points)


def test_what_cannot_be_read_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """Said once in the log; nothing else depends on it, and as soon as it can be read all is told."""
    standing, clock, told = Standing({"C": 0}), ManualClock(), list[Points]()
    said = Said(standing, clock, told.extend)
    with patch.object(standing, "containers", side_effect=sqlite3.OperationalError("disk I/O error")):
        for _ in range(3):
            assert not said.step()
            clock.mono += S
    assert [record.message.count("disk I/O error") for record in caplog.records] == [1]
    assert said.step()
    assert {"container", "logger"} <= {each.measurement for each in told}

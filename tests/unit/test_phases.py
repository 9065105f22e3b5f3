"""Operators' phases: they hold over the plan by their own times; a reading is judged by the phase at its own time."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Rules
from monitor.consumers.judge import Judge
from monitor.consumers.operators import OperatorReader
from monitor.consumers.reading import book_of
from monitor.ingest import Intake
from monitor.ingest.desk import MAX_ENTRIES, Desk
from monitor.ingest.operating import MAX_SET_RECORDS, admit
from monitor.journal import Journal, JournalReader, Place, Usable
from monitor.model.clock import rfc3339
from monitor.model.errors import DiskFull, TcmError, WireError
from monitor.model.operator import MAX_AHEAD_NS, OperatorRecord
from monitor.model.operator_book import OperatorBook
from monitor.model.operator_keys import MAX_NAME, MAX_REMARK
from monitor.model.phase import phase_in
from monitor.replaying import replay_source
from tests.desks import WAIT_S, Desked, Item, hot_at
from tests.intakes import Bench
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.stations import HOT, rules

LEGS = ((100, 200, "road"), (200, 300, "air"), (350, 400, "road"))  # seconds from T0


def said(phase: str, effective_s: int, container: str = "C", by: str = "Rossi") -> OperatorRecord:
    """A record as it was entered, effective so many seconds from T0."""
    return OperatorRecord("phase", container, T0 + effective_s * S, T0 + 5000 * S, by, details={"phase": phase})


def plain_phase(entered: list[OperatorRecord], legs: tuple[tuple[int, int, str], ...], at_s: float) -> str:
    """The phase at a time, by walking over all that was said: the latest effective one, of equals the last entered."""
    word, since_s = "plan", -1.0
    for record in entered:
        effective_s = (record.effective_ns - T0) / S
        if since_s <= effective_s <= at_s:
            word, since_s = record.details["phase"], effective_s
    if word != "plan":
        return word
    for start_s, end_s, phase in legs:
        if start_s <= at_s < end_s:
            return phase
    return "storage"


def trip(*rule: dict[str, Any]) -> Rules:
    """Rules of container C, which travels by LEGS."""
    document = json.loads(rules(*rule))
    legs = [
        {"id": f"leg-{start_s}", "phase": phase, "custodian": "owner"}
        | {"planned_start": rfc3339(T0 + start_s * S), "planned_end": rfc3339(T0 + end_s * S)}
        for start_s, end_s, phase in LEGS
    ]
    document["consignments"]["trip"]["leg"] = legs
    return Rules.model_validate(document)


TRIP = trip(HOT | {"id": "always"}, HOT | {"id": "on-road", "phases": ["road"]})
TENS = st.integers(0, 45).map(lambda n: n * 10)
WORDS = st.builds(said, st.sampled_from(["road", "air", "open", "plan", "plan"]), TENS)


@given(st.lists(WORDS, max_size=8), st.lists(st.integers(-5, 460), min_size=1, max_size=20), st.randoms())
def test_spans_are_what_a_plain_loop_says(entered: list[OperatorRecord], times_s: list[int], rng: Any) -> None:
    """Over the plan and without one, whatever the order in which the book is told, and told again."""
    order = list(enumerate(entered))
    rng.shuffle(order)
    book = OperatorBook()
    for pos, record in [*order, *order]:
        book = book.add(pos, record)
    assert len(book.phases.get("C", ())) == len(entered)
    for name, legs in (("C", LEGS), ("other", ())):
        moved = OperatorBook({name: book.phases.get("C", ())})
        in_force = TRIP.with_operators(moved)
        spans = in_force.phase_spans(name)
        assert [start_ns for start_ns, _ in spans] == sorted({start_ns for start_ns, _ in spans})
        for at_s in times_s:
            expected = plain_phase(entered, legs, at_s)
            assert phase_in(spans, T0 + at_s * S) == in_force.phase_at(name, T0 + at_s * S) == expected
    assert OperatorBook.from_rows(json.loads(json.dumps(book.rows()))) == book


def test_rules_with_phases_are_the_same_configuration() -> None:
    """What operators say is no part of it: nothing is journalled anew, and the rules given stay as they were."""
    other = TRIP.with_operators(OperatorBook().add(1, said("open", 0)))
    assert (other.to_json(), other.digest) == (TRIP.to_json(), TRIP.digest)
    assert (other.phase_at("C", T0), TRIP.phase_at("C", T0)) == ("open", "storage")


@st.composite
def journals(draw: st.DrawFn) -> list[Item]:
    """Records and operators in any order: late ones, and phases set for the past and for times to come."""
    times_s = draw(st.lists(TENS.map(lambda at_s: at_s + 5), min_size=1, max_size=8, unique=True))
    blocks: list[Item] = [hot_at(seq, at_s) for seq, at_s in enumerate(sorted(times_s))]
    return draw(st.permutations([*blocks, *draw(st.lists(WORDS, max_size=5))]))


@settings(max_examples=25)
@given(journals(), st.lists(st.integers(0, 13), max_size=3))
def test_a_bound_rule_obeys_operators_by_the_time_of_the_reading(
    tmp_path_factory: pytest.TempPathFactory, items: list[Item], restarts: list[int]
) -> None:
    """Of what they had said by then; alerts name the phase; across restarts, and a replay tells the same."""
    station = Desked(tmp_path_factory.mktemp("phases"), TRIP.to_json())
    entered: list[OperatorRecord] = []
    expected: dict[str, str] = {}
    for number, item in enumerate(items):
        station.enter(item)
        if isinstance(item, OperatorRecord):
            entered.append(item)
        else:
            at_s = (item.message.stamp.t0_ns - T0) // S  # type: ignore[union-attr]  # made by `hot_at`
            expected[rfc3339(T0 + at_s * S)] = plain_phase(entered, LEGS, at_s)
        if number in restarts:
            station.watch.close()
            station.start(page_records=2)
    assert station.starts("always") == sorted(expected)
    assert station.starts("on-road") == sorted(at for at, phase in expected.items() if phase == "road")
    assert {alert["occurred_at"]: alert["phase"] for alert in station.alerts()} == expected
    assert replay_source(station.folder, None, lambda _done, _all: None)["alerts"] == station.alerts()
    station.watch.close()
    station.journal.close()


def test_a_restart_knows_what_operators_said(tmp_path: Path) -> None:
    """From the snapshot: their records lie before it and are not read again."""
    station = Desked(tmp_path, TRIP.to_json())
    station.enter(said("road", 0), said("plan", 40))
    station.watch.close()
    station.start()
    assert station.watch.pos == station.journal.pos
    station.enter(hot_at(0, 20), hot_at(1, 60))
    assert station.starts("on-road") == [rfc3339(T0 + 20 * S)]


def test_a_judge_may_know_all_operators_beforehand(tmp_path: Path) -> None:
    """As in a replay in order of time: then what was said later holds for what came before it."""
    station = Desked(tmp_path, TRIP.to_json())
    station.enter(hot_at(0, 50), said("road", 40), hot_at(1, 60), said("plan", 55))
    assert station.starts("on-road") == [rfc3339(T0 + 60 * S)]
    reader = JournalReader(tmp_path)
    judge = Judge(None, reader.anchor, operators=book_of(reader.operators()))
    found = [one for judged in judge.step(reader.read(Place()).records) for one in judged.findings]
    starts_ns = {one.start_ns for one in found if (one.rule, one.change) == ("on-road", "fired")}
    assert starts_ns == {T0 + 50 * S}


def test_what_fires_ends_where_the_phase_does(tmp_path: Path) -> None:
    """An operator who sets another phase ends what was bound to the one before, at the next reading."""
    station = Desked(tmp_path, TRIP.to_json())
    hot = [arrival("env", env(seq, t0=T0 + (410 + 10 * seq) * S, values=[[26.0]])) for seq in range(3)]
    station.enter(said("road", 405), hot[0], said("open", 425), hot[1])
    assert [alert["state"] for alert in station.alerts() if alert["rule"] == "on-road"] == ["firing"]
    station.enter(hot[2])
    assert [alert["state"] for alert in station.alerts() if alert["rule"] == "on-road"] == ["cleared"]


def test_an_operator_record_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """One of a type that a later program knows, or rubbish: counted, and what follows is judged."""
    station = Desked(tmp_path, TRIP.to_json())
    for payload in (b'{"type":"custody"}', b"{", b"[]", b"\xff"):
        station.journal.append_own("operator", T0, payload, "C")
    station.enter(said("road", 0), hot_at(0, 50))
    assert station.starts("on-road") == [rfc3339(T0 + 50 * S)]
    assert station.watch.judge.unreadable == 4
    (row,) = OperatorReader(JournalReader(tmp_path)).phases(TRIP, T0 + 50 * S)
    assert (row["phase"], row["since"], row["by"], len(row["records"])) == ("road", rfc3339(T0), "Rossi", 1)


def test_the_present_phase_says_since_when_and_by_whom(tmp_path: Path) -> None:
    """By plan or operator; what is entered later is seen; one container may be asked for."""
    journal = Journal(tmp_path)
    reader = OperatorReader(JournalReader(tmp_path))

    def row(at_s: int) -> tuple[Any, ...]:
        (found,) = reader.phases(TRIP, T0 + at_s * S, "C")
        assert reader.containers(TRIP, T0 + at_s * S)["C"]["phase"] == found["phase"]
        since = found["since"]
        return found["phase"], since and (parse_s(since)), found["by"], [one["phase"] for one in found["records"]]

    assert row(50) == ("storage", None, None, [])
    assert row(150) == ("road", 100, None, [])
    journal.append_own("operator", T0, said("open", 160).to_json(), "C")
    journal.append_own("operator", T0, said("plan", 180).to_json(), "C")
    assert row(170) == ("open", 160, "Rossi", ["open", "plan"])
    assert row(190) == ("road", 180, None, ["open", "plan"])
    assert row(250) == ("air", 200, None, ["open", "plan"])
    journal.append_own("operator", T0, said("open", 10, "D").to_json(), "D")
    standing = reader.containers(TRIP, T0 + 20 * S)
    assert {name: one["phase"] for name, one in standing.items()} == {"C": "storage", "D": "open"}
    assert reader.phases(TRIP, T0, "E") == []


def parse_s(text: str) -> int:
    """Seconds from T0 of an RFC 3339 time."""
    from monitor.model.clock import parse_rfc3339

    return (parse_rfc3339(text) - T0) // S


# What is entered

NO_ALERTS: dict[str, dict[str, Any]] = {}
ENTRY: dict[str, Any] = {"type": "phase", "container": "C", "phase": "road", "by": "Rossi"}
NOW_NS = T0 + 1234
lines = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), max_size=MAX_NAME)


@given(st.integers(0, T0), lines, lines.map(lambda text: "x" + text[1:]))
def test_a_record_reads_as_it_was_written(effective_ns: int, remark: str, by: str) -> None:
    """To the microsecond; its JSON is canonical: sorted keys, no spaces, UTF-8."""
    at = rfc3339(effective_ns // 1000 * 1000)
    record = OperatorRecord.enter(ENTRY | {"effective_at": at, "by": by, "remark": remark}, NOW_NS)
    assert OperatorRecord.read(json.loads(record.to_json())) == record
    assert list(json.loads(record.to_json())) == sorted(record.document())
    assert json.loads(record.to_json())["effective_at"] == at
    assert (record.entered_ns, record.remark, record.by) == (T0 + 1000, remark.strip(" "), by.strip(" "))


def test_a_record_is_effective_from_its_entry_unless_told_otherwise() -> None:
    """With any zone; up to a day ahead."""
    assert OperatorRecord.enter(ENTRY, NOW_NS).effective_ns == T0 + 1000
    ahead = rfc3339(T0 + 1000 + MAX_AHEAD_NS)
    assert OperatorRecord.enter(ENTRY | {"effective_at": ahead}, NOW_NS).effective_ns == T0 + 1000 + MAX_AHEAD_NS
    zoned = OperatorRecord.enter(ENTRY | {"effective_at": "2020-06-01T02:00:00+02:00"}, NOW_NS)
    assert zoned.document()["effective_at"] == "2020-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "theft"}, "type: expected one of phase, custody, .*, got 'theft'"),
        ({"type": ["phase"]}, "type: expected one of phase"),
        ({"type": "custody"}, "'phase': expected one of the keys type, container, custodian, "),
        ({"container": "C 1"}, "container: expected an identifier"),
        ({"container": 7}, "container: expected an identifier"),
        ({"phase": ""}, "phase: expected an identifier"),
        ({"phase": "x" * 65}, "phase: expected an identifier"),
        ({"by": " "}, "by: expected 1 to 100 characters, got 0"),
        ({"by": None}, "by: expected text, got None"),
        ({"by": "a\x1b[2J"}, "by: expected one line without control characters"),
        ({"remark": "x" * (MAX_REMARK + 1)}, "remark: expected 0 to 1000 characters, got 1001"),
        ({"remark": "two\nlines"}, "remark: expected one line without control characters"),
        ({"remark": "\u202edaor"}, "remark: expected one line without control characters"),
        ({"remark": "\ud800"}, "remark: expected one line without control characters"),
        ({"effective_at": "2026-11-23T06:00:00"}, "effective_at: .* has no time zone"),
        ({"effective_at": "yesterday"}, "effective_at: expected a time with its zone"),
        ({"effective_at": 5}, "effective_at: expected a time with its zone"),
        ({"effective_at": None}, "effective_at: expected a time with its zone"),
        ({"effective_at": "1969-12-31T23:59:59Z"}, "effective_at: expected a time from 1970"),
        ({"effective_at": "9999-12-31T23:59:59-14:00"}, "effective_at: expected a time"),
        ({"effective_at": rfc3339(T0 + MAX_AHEAD_NS + 2000)}, "effective_at: expected at most 24 h ahead of .* plan"),
        ({"entered_at": rfc3339(T0)}, "'entered_at': expected one of the keys type, container"),
        ({"x" * 500: 1}, "expected one of the keys"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    """One error that names the key, short enough for a line."""
    with pytest.raises(WireError, match=message) as error:
        OperatorRecord.enter(ENTRY | change, NOW_NS)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("content", [None, [], "phase", 7])
def test_what_is_no_object_is_refused(content: Any) -> None:
    """Whatever JSON it is."""
    with pytest.raises(WireError, match="expected a JSON object"):
        OperatorRecord.enter(content, NOW_NS)


def test_a_container_has_to_be_known(tmp_path: Path) -> None:
    """Registered, or heard of; the error names the registered ones, and what looks odd is a warning."""
    journal, reader = Journal(tmp_path), JournalReader(tmp_path)
    with pytest.raises(TcmError, match=r"enter phase: X: no such container \(registered are C\)"):
        admit(ENTRY | {"container": "X"}, TRIP, reader, NOW_NS, NO_ALERTS.get)
    assert admit(ENTRY, TRIP, reader, NOW_NS, NO_ALERTS.get) == (OperatorRecord.enter(ENTRY, NOW_NS), [])
    journal.append([Usable(T0, "tcm/v1/X/L/up/env", *arrival_of("X"))])
    _, warnings = admit(ENTRY | {"container": "X", "phase": "raod", "new": True}, TRIP, reader, NOW_NS, NO_ALERTS.get)
    assert [text.partition(":")[0].partition(" is not")[0] for text in warnings] == ["phase raod", "container X"]
    _, (late,) = admit(ENTRY | {"effective_at": rfc3339(T0 - 3600 * S)}, TRIP, reader, NOW_NS, NO_ALERTS.get)
    assert "were judged before" in late
    assert admit(ENTRY | {"phase": "plan"}, TRIP, reader, NOW_NS, NO_ALERTS.get)[1] == []
    for said in ({}, {"new": False}):
        with pytest.raises(TcmError, match=r'raod: no leg and no rule .*are air, .*plan, .*road, .*; "new": true'):
            admit(ENTRY | {"phase": "raod"} | said, TRIP, reader, NOW_NS, NO_ALERTS.get)
    with pytest.raises(WireError, match="new: expected true or false, got 1"):
        admit(ENTRY | {"phase": "raod", "new": 1}, TRIP, reader, NOW_NS, NO_ALERTS.get)


def arrival_of(container: str) -> tuple[Any, ...]:
    """The rest of an arrival of this container."""
    made = arrival("env", env(0))
    return made.payload, False, False, container, "L", "env", made.message


def test_a_container_has_so_many_records_and_no_more(tmp_path: Path) -> None:
    """The state that watch keeps of them is bounded; others are not concerned."""
    journal, reader = Journal(tmp_path), JournalReader(tmp_path)
    payload = said("road", 0).to_json()
    rows = [(None, T0, "C", None, None, None, "operator", None, payload, b"", b"")] * MAX_SET_RECORDS
    journal.close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.executemany("INSERT INTO records VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    with pytest.raises(TcmError, match=r"it has 1000 operator records of phase, .*, no more are taken"):
        admit(ENTRY, TRIP, reader, NOW_NS, NO_ALERTS.get)
    with pytest.raises(TcmError, match="no such container"):
        admit(ENTRY | {"container": "X"}, TRIP, reader, NOW_NS, NO_ALERTS.get)


# On its way to the journal's one writer


def in_thread(desk: Desk, record: OperatorRecord, answers: list[Any], limit_s: float = WAIT_S) -> threading.Thread:
    """Enter a record elsewhere; its position or the error goes to `answers`."""

    def enter() -> None:
        try:
            answers.append(desk.enter(record, limit_s))
        except TcmError as error:
            answers.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    return thread


def test_an_entry_returns_when_it_is_in_the_file(tmp_path: Path) -> None:
    """With its position, container set and no logger; the writer's step says that something was written."""
    desk, answers, seen = Desk(), list[Any](), threading.Event()
    desk.on_entry = seen.set
    bench = Bench(tmp_path)
    intake = Intake(bench.journal, bench.inbox, bench.clock, bench.publish, (), desk=desk)
    intake.step()
    thread = in_thread(desk, said("road", 5), answers)
    assert seen.wait(WAIT_S)
    assert intake.step()
    thread.join(WAIT_S)
    statement = "SELECT pos, container, logger, boot, seq, topic, payload FROM records WHERE kind = 'operator'"
    assert bench.rows(statement) == [(answers[0], "C", None, None, None, None, said("road", 5).to_json())]
    assert not intake.step()


def test_an_entry_that_nobody_takes_is_not_written_later(tmp_path: Path) -> None:
    """Who entered it was told that it is not there."""
    desk, journal = Desk(), Journal(tmp_path)
    with pytest.raises(TcmError, match="nothing was entered"):
        desk.enter(said("road", 0), 0.0)
    assert not desk.write(journal, NOW_NS)
    assert JournalReader(tmp_path).operators() == []


def test_the_desk_is_bounded_and_closes(tmp_path: Path) -> None:
    """More entries than it holds are refused at once; at the end all who wait are told."""
    desk, answers = Desk(), list[Any]()
    come = threading.Semaphore(0)
    desk.on_entry = come.release
    threads = [in_thread(desk, said("road", n), answers) for n in range(MAX_ENTRIES)]
    for _ in threads:
        assert come.acquire(timeout=WAIT_S)
    with pytest.raises(TcmError, match="100 others wait"):
        desk.enter(said("road", 0))
    desk.close()
    for thread in threads:
        thread.join(WAIT_S)
    assert {str(answer).partition(": ")[2] for answer in answers} == {
        "C: the daemon ends (nothing was entered; try again)"
    }
    assert len(answers) == MAX_ENTRIES
    with pytest.raises(TcmError, match="the daemon ends"):
        desk.enter(said("road", 0))


def test_a_full_disk_is_told_and_holds_the_writer(tmp_path: Path) -> None:
    """Nothing is said to be entered, and nothing is."""
    desk, answers, journal = Desk(), list[Any](), Journal(tmp_path)
    come = threading.Event()
    desk.on_entry = come.set
    journal._connection.execute("PRAGMA max_page_count = 1")
    thread = in_thread(desk, said("road", 0)._replace(remark="\N{DELIVERY TRUCK}" * MAX_REMARK), answers)
    assert come.wait(WAIT_S)
    with pytest.raises(DiskFull, match="full"):
        desk.write(journal, NOW_NS)
    thread.join(WAIT_S)
    assert [type(answer) for answer in answers] == [DiskFull]
    assert JournalReader(tmp_path).operators() == []

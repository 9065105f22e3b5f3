"""Operators' records: what each type holds, and what they set holds by its own time, whatever the order of entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import Config, Rules, StoreSettings
from monitor.config.warnings import warnings_of
from monitor.consumers.operators import OperatorReader
from monitor.journal import JournalReader
from monitor.model.arming import Arming, armed_spans, is_armed_in
from monitor.model.clock import rfc3339
from monitor.model.errors import WireError
from monitor.model.operator import AT_ENTRY, MAX_AHEAD_NS, MAX_OPERATOR_BYTES, MAX_PLANNED_NS, OperatorRecord
from monitor.model.operator_book import KEPT_TYPES, OperatorBook
from monitor.model.operator_keys import MAX_ATTACHMENTS, MAX_NAME, MAX_REMARK, TYPES
from monitor.replaying import replay_source
from tests.desks import Desked, hot_at
from tests.messages import T0, S
from tests.requests import FILE, OWN, SHA256, box, request

NOW_NS = T0 + 1000
NEEDED = {  # of those, which cannot be left out
    "phase": {"phase"},
    "custody": {"custodian"},
    "mount": {"logger"},
    "dismount": {"logger"},
    "functional-check": {"result"},
    "seal": {"number"},
    "document": {"kind", "number"},
    "ack": {"alert"},
    "silence": {"until"},
    "silence-end": {"silence"},
}


def said(kind: str, effective_s: int, **details: Any) -> OperatorRecord:
    """A record as it was entered, effective so many seconds from T0; times among the details likewise."""
    if "until" in details:
        details["until"] = rfc3339(T0 + details["until"] * S)
    return OperatorRecord(kind, "C", T0 + effective_s * S, T0 + 5000 * S, "Rossi", details=details)


def test_there_is_an_example_of_each_type() -> None:
    """So that the tests below see all of them."""
    assert OWN.keys() == TYPES.keys()


@pytest.mark.parametrize("kind", list(TYPES))
def test_each_type_reads_as_it_was_written(kind: str) -> None:
    """With and without what it need not have; with files; what it needs is asked for by name."""
    for content in (request(kind), request(kind, attachments=[FILE]), request(kind, attachments=[])):
        record = OperatorRecord.enter(content, NOW_NS)
        assert OperatorRecord.read(json.loads(record.to_json())) == record
        expected = OWN[kind] | ({"attachments": content["attachments"]} if "attachments" in content else {})
        assert record.details == expected
        assert {key: record.document()[key] for key in content} == content
    for key in OWN[kind]:
        without = {name: value for name, value in request(kind).items() if name != key}
        if key not in NEEDED.get(kind, set()):
            assert key not in OperatorRecord.enter(without, NOW_NS).details
            continue
        with pytest.raises(WireError, match=f"^{key}: expected"):
            OperatorRecord.enter(without, NOW_NS)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("seal", {"kind": "x"}, "'kind': expected one of the keys type, container, number, attachments, "),
        ("ack", {"effective_at": rfc3339(NOW_NS)}, "'effective_at': expected one of the keys type, container, alert, "),
        ("seal", {"number": ""}, "number: expected 1 to 100 characters"),
        ("seal", {"container": "-"}, "container: expected an identifier"),
        ("functional-check", {"result": "maybe"}, "result: expected pass or fail, got 'maybe'"),
        ("silence", {"rule": "a b"}, "rule: expected a name, with "),
        ("silence", {"rule": ""}, "rule: expected a name, with "),
        ("silence", {"until": rfc3339(T0 - S)}, "until: expected a time after .*:00:00.000001Z"),
        ("silence", {"until": "tomorrow"}, "until: expected a time with its zone"),
        ("silence-end", {"silence": "17"}, "silence: expected a whole number"),
        ("silence-end", {"silence": True}, "silence: expected a whole number"),
        ("silence-end", {"silence": -1}, "silence: expected a whole number"),
        ("disarm", {"effective_at": rfc3339(T0 + 60 * S)}, "until: expected a time after .*:01:00Z"),
        ("open", {"attachments": {}}, "attachments: expected a list of at most 16 files"),
        ("open", {"attachments": [FILE] * (MAX_ATTACHMENTS + 1)}, "attachments: expected a list of at most 16 files"),
        ("open", {"attachments": ["lid.jpg"]}, r"attachments\[1\]: expected name, sha256 and bytes"),
        ("open", {"attachments": [FILE, FILE | {"sha256": SHA256.upper()}]}, r"attachments\[2\].sha256: expected 64"),
        (
            "open",
            {"attachments": [FILE | {"name": "../lid.jpg"}]},
            r"attachments\[1\].name: expected .* without folder",
        ),
        ("open", {"attachments": [FILE | {"bytes": 1 << 27}]}, r"attachments\[1\].bytes: expected a whole number"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(kind: str, change: dict[str, Any], message: str) -> None:
    """One error that names the key, short enough for a line."""
    with pytest.raises(WireError, match=message) as error:
        OperatorRecord.enter(request(kind) | change, NOW_NS)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in AT_ENTRY])
def test_a_time_may_lie_ahead_as_far_as_the_type_is_a_plan(kind: str) -> None:
    """A day; windows of maintenance and their ends 400 days."""
    is_plan = kind in ("arm", "disarm", "silence", "silence-end")
    most_ns, until = (MAX_PLANNED_NS, rfc3339(NOW_NS + MAX_PLANNED_NS)) if is_plan else (MAX_AHEAD_NS, None)
    own = {"until": until} if "until" in OWN[kind] else {}
    at_ns = NOW_NS + most_ns - S
    assert OperatorRecord.enter(request(kind, effective_at=rfc3339(at_ns), **own), NOW_NS).effective_ns == at_ns
    with pytest.raises(WireError, match=f"effective_at: expected at most {'400 d' if is_plan else '24 h'} ahead"):
        OperatorRecord.enter(request(kind, effective_at=rfc3339(at_ns + 2 * S), **own), NOW_NS)
    if own:
        with pytest.raises(WireError, match="until: expected at most 400 d ahead"):
            OperatorRecord.enter(request(kind, until=rfc3339(NOW_NS + MAX_PLANNED_NS + S)), NOW_NS)
    if kind == "disarm":
        content = {key: value for key, value in request(kind).items() if key != "until"}
        with pytest.raises(WireError, match="effective_at: expected at most 24 h ahead"):
            OperatorRecord.enter(content | {"effective_at": rfc3339(NOW_NS + 2 * MAX_AHEAD_NS)}, NOW_NS)


def test_the_longest_record_fits_into_a_request() -> None:
    """Whatever of it is escaped."""
    files = [{"name": "\N{DELIVERY TRUCK}" * MAX_NAME, "sha256": SHA256, "bytes": 6}] * MAX_ATTACHMENTS
    content = request("document", by="\N{DELIVERY TRUCK}" * MAX_NAME, remark="\N{DELIVERY TRUCK}" * MAX_REMARK)
    content |= {
        "kind": "\N{DELIVERY TRUCK}" * MAX_NAME,
        "number": "\N{DELIVERY TRUCK}" * MAX_NAME,
        "attachments": files,
    }
    assert len(json.dumps(content)) <= MAX_OPERATOR_BYTES
    assert len(OperatorRecord.enter(content, NOW_NS).to_json()) <= MAX_OPERATOR_BYTES


# Armed and disarmed

TENS = st.integers(0, 12).map(lambda n: n * 10)
ALL_S = range(-5, 300, 5)  # all times at which anything may change, and some in between
ARMS = st.builds(lambda at_s: said("arm", at_s), TENS)
DISARMS = st.builds(lambda at_s: said("disarm", at_s), TENS)
WINDOWS = st.builds(
    lambda at_s, length_s: said("disarm", at_s, until=at_s + length_s), TENS, TENS.map(lambda n: n + 10)
)
OF_LOGGER = st.builds(
    lambda kind, at_s, logger: said(kind, at_s, logger=logger),
    st.sampled_from(["arm", "mount"]),
    TENS,
    st.sampled_from("LM"),
)
ENTRIES = st.lists(st.one_of(ARMS, DISARMS, WINDOWS, OF_LOGGER), max_size=8)


def plainly_armed(entered: list[OperatorRecord], *, by_file: bool, at_ns: int) -> bool:
    """By walking through all that was entered in order of its time, and of entry where that is the same."""
    is_armed, windows_ns = by_file, list[int]()
    for record in sorted(entered, key=lambda one: one.effective_ns):  # a stable sort
        if record.effective_ns > at_ns:
            break
        if record.type == "arm" and "logger" not in record.details:
            is_armed, windows_ns = True, []
        elif record.type == "disarm" and record.until_ns is not None:
            windows_ns.append(record.until_ns)
        elif record.type == "disarm":
            is_armed = False
    return is_armed and all(until_ns <= at_ns for until_ns in windows_ns)


def plainly_starting(entered: list[OperatorRecord], logger: str, startup_s: int, at_ns: int) -> bool:
    """Whether any record begins a start-up that is not over."""
    return any(
        one.type in ("arm", "mount")
        and one.details.get("logger", logger) == logger
        and one.effective_ns <= at_ns < one.effective_ns + startup_s * S
        for one in entered
    )


@given(ENTRIES, st.booleans(), st.sampled_from([0, 15, 60]), st.randoms())
def test_a_container_is_armed_as_a_plain_loop_says(
    entered: list[OperatorRecord], by_file: bool, startup_s: int, rng: Any
) -> None:
    """Whatever the order in which the book is told, and told again; start-ups are of one logger or of all."""
    order = list(enumerate(entered))
    rng.shuffle(order)
    book = OperatorBook()
    for pos, record in [*order, *order]:
        book = book.add(pos, record)
    assert OperatorBook.from_rows(json.loads(json.dumps(book.rows()))) == book
    in_force = box(armed=by_file, startup_s=startup_s).with_operators(book)
    for at_s in ALL_S:
        at_ns = T0 + at_s * S
        is_armed = plainly_armed(entered, by_file=by_file, at_ns=at_ns)
        assert is_armed_in(in_force.armed_spans("C"), at_ns) == is_armed
        for logger in ("L", "M", "-"):
            is_starting = plainly_starting(entered, logger, startup_s, at_ns)
            assert in_force.is_armed("C", at_ns, logger) == (is_armed and not is_starting)
        assert in_force.is_armed("other", at_ns)


def test_armed_spans_change_at_each_of_their_starts() -> None:
    """A window over a window, one that arming cuts, and one that was called off at its very start."""
    windows = [Arming(10, 1, "disarm", "", 30), Arming(20, 2, "disarm", "", 50), Arming(40, 3, "arm")]
    called_off = [Arming(60, 4, "disarm", "", 90), Arming(60, 5, "arm")]
    spans = armed_spans([*windows, *called_off], is_armed=True)
    assert spans[1:] == ((10, False), (20, False), (40, True), (60, True))
    assert (spans[0][1], is_armed_in(spans, -(10**18))) == (True, True)


# Custody


def plain_custodian(entered: list[OperatorRecord], at_s: int) -> str | None:
    word, since_s = "plan", -1
    for record in entered:
        effective_s = (record.effective_ns - T0) // S
        if since_s <= effective_s <= at_s:
            word, since_s = record.details["custodian"], effective_s
    if word != "plan":
        return word
    return "haulier" if at_s >= 500 else "owner" if at_s >= 100 else None


PARTIES = st.sampled_from(["owner", "haulier", "plan"])
CUSTODY = st.builds(lambda at_s, party: said("custody", at_s, custodian=party), TENS.map(lambda n: 6 * n), PARTIES)


@given(st.lists(CUSTODY, max_size=6))
def test_the_custodian_is_whom_a_plain_loop_says(entered: list[OperatorRecord]) -> None:
    """By operators where they said one, between legs and behind them the one of the leg before."""
    book = OperatorBook()
    for pos, record in enumerate(entered):
        book = book.add(pos, record)
    in_force = box().with_operators(book)
    for at_s in range(0, 700, 10):
        assert in_force.custodian_at("C", T0 + at_s * S) == plain_custodian(entered, at_s)
    assert in_force.custodian_at("other", T0) is None


# In the watch


def severities(station: Desked) -> dict[str, str]:
    return {alert["occurred_at"]: alert["severity"] for alert in station.alerts()}


def test_alerts_are_raised_as_info_while_disarmed_and_starting_up(tmp_path: Path) -> None:
    """By the time at which each began; across a restart, and a replay tells the same."""
    station = Desked(tmp_path, box(startup_s=20).to_json())
    station.enter(
        said("disarm", 10, until=30), said("mount", 60, logger="M"), said("arm", 80), said("mount", 120, logger="L")
    )
    for seq, at_s in enumerate((5, 15, 45, 65, 85, 105)):
        station.enter(hot_at(seq, at_s))
        if seq == 3:
            station.watch.close()
            station.start()
    station.enter(hot_at(6, 135), said("disarm", 200), hot_at(7, 215))
    expected = dict.fromkeys((5, 45, 65, 105), "alarm") | dict.fromkeys((15, 85, 135, 215), "info")
    assert severities(station) == {rfc3339(T0 + at_s * S): severity for at_s, severity in expected.items()}
    assert replay_source(station.folder, None, lambda _done, _all: None)["alerts"] == station.alerts()
    station.watch.close()
    station.journal.close()


def test_an_alert_names_the_custodian_of_its_time(tmp_path: Path) -> None:
    """As operators and plan had it when the record was judged."""
    station = Desked(tmp_path, box().to_json())
    station.enter(hot_at(0, 50), said("custody", 200, custodian="haulier"), hot_at(1, 150), hot_at(2, 250))
    assert [alert["custodian"] for alert in station.alerts()] == [None, "owner", "haulier"]


def test_what_sets_nothing_begins_nothing_anew(tmp_path: Path) -> None:
    """The rules in force stay the very same, and the watch hears of each record."""
    station = Desked(tmp_path, box().to_json())
    station.enter(hot_at(0, 50))
    judge = station.watch.judge
    before = judge.rules
    others = [OperatorRecord.enter(request(kind), T0) for kind in TYPES if kind not in KEPT_TYPES]
    station.enter(*others)
    assert judge.rules is before
    station.enter(said("disarm", 0))
    assert judge.rules is not before
    assert not judge.rules.is_armed("C", T0 + 60 * S)


# What is shown


def test_how_a_container_stands_says_who_disarmed_it(tmp_path: Path) -> None:
    """And until when; a file that disarms is nobody's doing."""
    station = Desked(tmp_path, box(startup_s=10).to_json())
    station.enter(said("disarm", 10, until=30), said("custody", 0, custodian="haulier"), said("arm", 100))
    reader = OperatorReader(JournalReader(tmp_path))

    def standing(at_s: int, known: Rules) -> dict[str, Any]:
        return reader.containers(known, T0 + at_s * S)["C"]

    window = {"by": "Rossi", "since": rfc3339(T0 + 10 * S), "until": rfc3339(T0 + 30 * S)}
    assert standing(20, box())["disarmed"] == window
    assert standing(40, box())["disarmed"] is None
    assert standing(40, box())["custodian"] == "haulier"
    by_file = standing(40, box(armed=False))
    assert (by_file["armed"], by_file["disarmed"]["by"], by_file["disarmed"]["until"]) == (
        False,
        None,
        rfc3339(T0 + 100 * S),
    )
    starting = standing(105, box(startup_s=10))
    assert (starting["armed"], starting["disarmed"], starting["starting_until"]) == (False, None, rfc3339(T0 + 110 * S))


@pytest.mark.parametrize(
    ("entered", "legs"),
    [
        ([], ""),
        ([said("disarm", 0)], "one, two"),
        ([said("disarm", 0), said("arm", 90)], ""),
        ([said("disarm", 0), said("arm", 300)], "one"),
        ([said("disarm", 550, until=560)], "two"),
        ([said("disarm", 420, until=480)], ""),
        ([said("disarm", 20, until=40)], ""),
        ([said("arm", 0, logger="L")], ""),
    ],
)
def test_a_container_disarmed_on_a_planned_leg_is_a_warning(entered: list[OperatorRecord], legs: str) -> None:
    """Of what is still to come of the leg, at some time of it."""
    import datetime as dt
    from types import SimpleNamespace
    from typing import cast

    book = OperatorBook()
    for pos, record in enumerate(entered):
        book = book.add(pos, record)
    config = cast(Config, SimpleNamespace(rules=box(), files={}, mqtt=None, store=StoreSettings(), notifiers=()))
    now = dt.datetime.fromtimestamp((T0 + 50 * S) / S, dt.UTC)
    found = [problem.message for problem in warnings_of(config, now, book) if problem.key == "armed"]
    expected = f"disarmed by an operator (tcm log list) although legs are planned ({legs}); "
    assert found == ([f"{expected}alerts are raised as info only"] if legs else [])

"""Chains: exceedances that follow each other within the hold-off are one alert, however they became known."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts import AlertBook
from monitor.alerts.chains import made_anew
from monitor.alerts.entries import FLAPPING, MAX_RECENT, Entry, Terms
from monitor.alerts.tables import ALERT_TABLES
from monitor.model.alert import CLEARED, FIRING, Alert, Evidence, alert_id, alert_text
from monitor.model.batch import Finding
from monitor.model.clock import rfc3339

S = 10**9
HOUR = 3600 * S
HOLD_NS = 100 * S
STREAM = ("hot", "C", "L", "temperature.air")
SPANS = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(0, 120)), max_size=12
)  # start after the last end, length


def entry(number: int, start_s: int, end_s: int | None, turn: int | None = None) -> Entry:
    """An entry of its own chain."""
    key, state = f"{number:016x}", FIRING if end_s is None else CLEARED
    body: dict[str, Any] = {"occurred_at": rfc3339(start_s * S), "reported_at": rfc3339(number * S), "value": 26.0}
    body |= {"peak": 26.0 + number, "limit": 25.0, "decision": "exceeded", "escalated_to": None, "message": ""}
    return Entry(
        number, key, "C", "source", "stream", state, start_s * S, end_s and end_s * S, key, False, None,
        number if turn is None else turn, HOLD_NS, None, False, key, start_s * S, 0, 1, None, True, alert_text(body),
    )  # fmt: skip


def entries(spans: list[tuple[int, int]]) -> list[Entry]:
    """Exceedances one after the other as they were judged; a clock may be set back between."""
    found, now_s = [], 1_000_000
    for number, (after_s, length_s) in enumerate(spans, 1):
        now_s += after_s
        found.append(entry(number, now_s, now_s + length_s))
        now_s += length_s
    return found


def parts(made: list[Entry]) -> list[list[int | None]]:
    """The numbers of each chain, in order of their turns."""
    chains: dict[str, list[int | None]] = {}
    for each in sorted(made, key=lambda each: each.turn or 0):
        chains.setdefault(each.chain, []).append(each.number)
    return list(chains.values())


def plainly(rows: list[Entry]) -> list[list[int | None]]:
    """A plain loop: each goes on with the one before, if that began earlier and ended at most the hold-off before."""
    chains: list[list[int | None]] = []
    for last, one in pairwise([None, *rows]):
        assert one is not None
        is_same = (
            last is not None
            and last.cleared_ns is not None
            and last.occurred_ns < one.occurred_ns
            and one.occurred_ns - last.cleared_ns <= HOLD_NS
        )
        if is_same:
            chains[-1].append(one.number)
        else:
            chains.append([one.number])
    return chains


@given(SPANS)
def test_chains_are_those_of_a_plain_loop(spans: list[tuple[int, int]]) -> None:
    """Each has one id, which is that of its first entry; its last entry stands for it and knows the rest."""
    rows = entries(spans)
    made = made_anew(rows)
    assert parts(made) == plainly(rows)
    for numbers in parts(made):
        chain = [one for one in made if one.number in numbers]
        assert {one.chain for one in chain} == {chain[0].id}
        assert [one.is_last for one in chain] == [False] * (len(chain) - 1) + [True]
        assert [one.reopened for one in chain] == list(range(len(chain)))
        public = chain[-1].public()
        assert public["occurred_at"] == rfc3339(chain[0].occurred_ns)
        assert public["peak"] == max(26.0 + (one.number or 0) for one in chain)
        assert public["reported_at"] == rfc3339((chain[0].number or 0) * S)


@given(SPANS, st.randoms(use_true_random=False))
def test_made_anew_again_they_are_the_same(spans: list[tuple[int, int]], rng: Any) -> None:
    """In whatever order the entries are given."""
    made = made_anew(entries(spans))
    shuffled = made.copy()
    rng.shuffle(shuffled)
    assert sorted(made_anew(shuffled)) == sorted(made)


CHANGES = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(["turn", "merge", "apart", "longer", "new"])), max_size=6
)


def changed(rows: list[Entry], which: int, how: str) -> list[Entry]:
    """What a settlement may do to an entry, or a new one."""
    at = which % len(rows)
    one = rows[at]
    if how == "new":
        number = len(rows) + 1
        rows = [*rows, entry(number, one.occurred_ns // S + 60, one.occurred_ns // S + 70, turn=one.turn)]
    elif how == "turn":
        rows = [each._replace(turn=None if each.turn is None else -each.turn) for each in rows]
    elif how == "merge":
        rows = [*rows[:at], one._replace(turn=None, merged_into="x", state=CLEARED), *rows[at + 1 :]]
    elif how == "apart":
        rows = [*rows[:at], one._replace(turn=None), *rows[at + 1 :]]
    else:
        rows = [*rows[:at], one._replace(cleared_ns=(one.cleared_ns or 0) + 200 * S), *rows[at + 1 :]]
    return rows


@given(SPANS.filter(len), CHANGES)
def test_ids_stay_whatever_a_settlement_changes(spans: list[tuple[int, int]], changes: list[tuple[int, str]]) -> None:
    """Each alert has one id and one entry that stands for it; no id comes to stand for two.

    What was told first keeps the id under which it was told, unless something was told even earlier under that.
    """
    rows = made_anew(entries(spans))
    for which, how in changes:
        before, rows = rows, made_anew(changed(rows, which, how))
        stand = [one.chain for one in rows if one.is_last]
        assert len(stand) == len(set(stand))
        assert set(stand) == {one.chain for one in rows}
        first = min((one for one in rows if one.merged_into is None), key=lambda one: one.number or 0, default=None)
        known = {one.number: one.chain for one in before}
        if first is not None:
            assert first.chain == known.get(first.number, first.chain)


def book() -> AlertBook:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(ALERT_TABLES)
    return AlertBook(connection)


def report(into: AlertBook, start_ns: int, terms: Terms) -> None:
    key = alert_id(*STREAM, start_ns)
    alert = Alert(
        *(key, "hot", "threshold", "C", "L", None, None, "temperature.air", None, "alarm", FIRING, start_ns, start_ns),
        *(None, 26.0, 26.0, 25.0, "degC", None, "exceeded", None, "road", "0" * 64, Evidence(1, 1, 1), "hot"),
    )
    into.report(alert, start_ns, terms)


def clear(into: AlertBook, start_ns: int, end_ns: int) -> None:
    finding = Finding("cleared", *STREAM, None, start_ns, end_ns, 20.0, 27.0, 1, 1, 1)
    assert into.follow(finding)


@given(SPANS, st.sampled_from([None, HOLD_NS, HOUR]))
def test_told_one_by_one_they_are_those_made_anew(spans: list[tuple[int, int]], hold_ns: int | None) -> None:
    """What the book links while exceedances come is what a settlement would make of them all."""
    into = book()
    for one in entries(spans):
        assert one.cleared_ns is not None
        report(into, one.occurred_ns, Terms(hold_ns=hold_ns))
        clear(into, one.occurred_ns, one.cleared_ns)
    found = into.entries("TRUE ORDER BY number")
    assert sorted(made_anew(found)) == sorted(found)
    assert {alert["id"] for alert in into.alerts()} == {one.chain for one in found}


def test_openings_are_counted_up_to_a_bound() -> None:
    """Of an hour; more than MAX_RECENT are said to be that many or more."""
    into = book()
    for number in range(MAX_RECENT + 9):
        report(into, number * 10 * S, Terms(hold_ns=HOLD_NS))
        clear(into, number * 10 * S, number * 10 * S + S)
        (alert,) = into.alerts()
        assert alert["flapping"] == (number + 1 >= FLAPPING)
    assert f"flapping: {MAX_RECENT} times or more within 1 h" in alert["message"]

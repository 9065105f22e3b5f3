"""What the intake says in its ticks: time, links, queue, and which loggers flood it or tell what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.journal.floods import MAX_BOOTS, WINDOW_NS
from monitor.model.condition import MAX_CONDITIONS, MAX_RULE_CONDITIONS, Condition
from monitor.model.errors import DiskFull
from tests.intakes import Bench, delivery
from tests.messages import S, env, status


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An intake on an empty journal, its first tick made."""
    made = Bench(tmp_path)
    assert made.take() == []
    return made


def test_a_tick_every_ten_seconds(tmp_path: Path) -> None:
    """With steady time, links and queue; the first at the start, then when ten seconds have passed."""
    bench = Bench(tmp_path)
    bench.put(delivery("env", env(0)), delivery("env", env(0), is_fill=True))
    for mono_s in (0, 5, 9.9, 10, 19, 20, 47, 48, 57):
        bench.clock.mono = round(mono_s * S)
        bench.links[1].is_connected = mono_s < 40
        bench.intake.step()
    ticks = [json.loads(payload) for (payload,) in bench.rows("SELECT payload FROM records WHERE kind = 'tick'")]
    assert [(tick["mono_ns"] // S, tick["connected"], tick["queue"]) for tick in ticks] == [
        (0, True, 2),
        (10, True, 0),
        (20, True, 0),
        (47, False, 0),
        (57, False, 0),
    ]


def last_tick(bench: Bench) -> dict[str, Any]:
    """The content of a tick that is made now."""
    bench.clock.mono += 10 * S
    bench.intake.step()
    ((payload,),) = bench.rows("SELECT payload FROM records WHERE kind = 'tick' ORDER BY pos DESC LIMIT 1")
    content: dict[str, Any] = json.loads(payload)
    return content


def test_conditions_stand_in_the_ticks(bench: Bench) -> None:
    """Sorted, bounded, and absent when there are none."""
    assert "conditions" not in last_tick(bench)
    bench.intake.conditions = lambda: [Condition("monitor.x", "-", "-", f"text {n:04}") for n in range(200, 0, -1)]
    conditions = last_tick(bench)["conditions"]
    assert len(conditions) == MAX_CONDITIONS
    assert conditions[0] == ["monitor.x", "-", "-", "text 0001"]
    assert conditions == sorted(conditions)


def conditions(bench: Bench) -> list[tuple[str, str, str]]:
    return [(rule, container, logger) for rule, container, logger, _ in last_tick(bench).get("conditions", [])]


def test_a_false_oldest_is_ignored_and_alarmed(bench: Bench) -> None:
    """A record is held when it is made: what says otherwise gives nothing up that may still come."""
    assert bench.take(delivery("env", env(5, oldest=9))) == [("L", 1, -1)]
    assert bench.rows('SELECT "from", "to", state FROM gaps') == [(0, 4, "open")]
    assert conditions(bench) == [("monitor.false-oldest", "C", "L")]
    bench.clock.mono += 600 * S
    last_tick(bench)
    assert conditions(bench) == []


def test_a_logger_that_starts_anew_without_end_is_alarmed(bench: Bench) -> None:
    """More than a hundred boots an hour; all of it is stored, and of others nothing is said."""
    bench.take(*(delivery("env", env(0, boot)) for boot in range(MAX_BOOTS)), delivery("env", env(0), "M"))
    assert conditions(bench) == []
    bench.take(*(delivery("env", env(0, boot)) for boot in range(MAX_BOOTS + 1)))
    assert conditions(bench) == [("monitor.boot-flood", "C", "L")]
    assert len(bench.stored()) == MAX_BOOTS + 2
    bench.clock.mono += WINDOW_NS
    last_tick(bench)
    bench.take(delivery("env", env(0, 9999)))
    assert conditions(bench) == []


def test_a_logger_with_too_many_gaps_is_alarmed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one boot or of all together: what would open another goes to quarantine, unsettled; others go on."""
    monkeypatch.setattr("monitor.journal.gaps.MAX_GAPS", 3)
    bench.take(*(delivery("env", env(seq)) for seq in range(0, 12, 2)), delivery("env", env(2), "M"))
    assert sorted(bench.stored()) == [("L", 1, 0), ("L", 1, 2), ("L", 1, 4), ("L", 1, 6), ("M", 1, 2)]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L")]
    monkeypatch.setattr("monitor.journal.boots.MAX_OPEN_BOOTS", 2)
    bench.take(*(delivery("env", env(1, boot), "N") for boot in range(3)))
    assert [row for row in bench.stored() if row[0] == "N"] == [("N", 0, 1), ("N", 1, 1)]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L"), ("monitor.gap-flood", "C", "N")]


def test_what_concerns_the_gateway_is_told_before_all_loggers(bench: Bench) -> None:
    """A hundred of them with a fault hide neither a full disk nor another kind of fault."""
    own = Condition("monitor.store-held", "-", "-", "the server refuses everything")
    bench.intake.conditions = lambda: [*bench.journal.conditions(), own]
    for number in range(MAX_CONDITIONS):
        bench.take(delivery("env", env(0, 1, oldest=5), f"F{number:03}"))
    first, *others = conditions(bench)
    assert first == ("monitor.store-held", "-", "-")
    assert others == [("monitor.false-oldest", "C", f"F{number:03}") for number in range(MAX_RULE_CONDITIONS)]


def test_boots_that_a_logger_only_names_are_counted_and_bounded(bench: Bench) -> None:
    """A ledger full of invented boots in each status; past the flood no more of them take room."""
    for number in range(5):
        ledger = [[1000 * number + boot, 5] for boot in range(1, 65)]
        bench.take(delivery("status", status(999_999, next=0, held=[], boots=ledger)))
    assert conditions(bench) == [("monitor.boot-flood", "C", "L")]
    assert bench.rows("SELECT count(*) FROM boots") == [(MAX_BOOTS + 1,)]
    bench.take(delivery("env", env(0, 77)))
    assert bench.stored()[-1] == ("L", 77, 0)


def test_a_boot_that_found_no_room_counts_once(bench: Bench) -> None:
    """However often it is tried again."""
    bench.journal._connection.execute("PRAGMA max_page_count = 40")
    bench.put(delivery("env", env(0, 77, pad=bytes(200_000))))
    for _ in range(MAX_BOOTS + 10):
        with pytest.raises(DiskFull):
            bench.intake.step()
    bench.journal._connection.execute("PRAGMA max_page_count = 100000")
    bench.intake.step()
    assert conditions(bench) == []


def test_loggers_with_something_missing_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names without end take no more memory; those that have all go on."""
    monkeypatch.setattr("monitor.journal.boots.MAX_OPEN_LOGGERS", 3)
    bench.take(*(delivery("env", env(1), f"L{number}") for number in range(5)), delivery("env", env(0), "M"))
    assert [logger for logger, _, _ in bench.stored()] == ["L0", "L1", "L2", "M"]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L3"), ("monitor.gap-flood", "C", "L4")]
    bench.take(delivery("env", env(0), "L0"), delivery("env", env(1), "L3"))
    assert bench.stored()[-1] == ("L3", 1, 1)

"""Identity conflicts: an alarm for each boot as long as a person would look at each, one for all beyond."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.conflicts import MAX_BOOTS, MAX_LOOKS, MAX_TOPICS, RULE
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.replaying import replay_source
from tests.messages import T0, S, env, pack
from tests.stations import HOT, Station, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A gateway under one rule that nothing breaks."""
    return Station(tmp_path, rules(HOT))


def quarantine(station: Station, conflicts: Iterable[tuple[str, int]]) -> None:
    """Conflicts of loggers under boots lie in quarantine, and a tick tells of them."""
    connection = station.journal.connection
    (last,) = connection.execute("SELECT coalesce(max(pos), 0) FROM quarantine").fetchone()
    for pos, (logger, boot) in enumerate(conflicts, last + 1):
        row = (pos, T0 + pos, f"tcm/v1/C/{logger}/up/env", pack(env(0, boot)), IDENTITY_CONFLICT, b"", b"")
        connection.execute("INSERT INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?)", row)
        last = pos
    tick(station, last)


def tick(station: Station, quarantined: int) -> None:
    """A tick after so many rows of quarantine is judged."""
    station.journal.append_own("tick", T0 + quarantined * S, json.dumps({"quarantined": quarantined}).encode())
    station.run()


def told(alerts: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """Logger, boot and text of each alarm."""
    return [(a["logger"], a["evidence"]["boot"], a["message"]) for a in alerts if a["rule"] == RULE]


def owners(station: Station) -> list[tuple[str, int]]:
    return [(logger, boot) for logger, boot, _ in told(station.alerts())]


def test_many_boots_are_one_alarm_more(station: Station) -> None:
    """Its text tells how many conflicts there were; whatever follows is not told."""
    quarantine(station, [("L", boot) for boot in range(1, MAX_BOOTS + 3)])
    text = told(station.alerts())[-1][2]
    assert owners(station) == [("L", boot) for boot in range(1, MAX_BOOTS + 1)] + [("L", 0)]
    assert f"under more than {MAX_BOOTS} boots, {MAX_BOOTS + 2} since the tick before" in text
    quarantine(station, [("L", boot) for boot in range(50)])
    assert len(owners(station)) == MAX_BOOTS + 1


def test_a_flood_hides_nobody_else(station: Station) -> None:
    """Only so many of a logger are looked at; one of another behind them is, and they are told by their number."""
    quarantine(station, [("L", 1)] * 500 + [("M", 7)] + [("L", 2)] * 5)
    assert set(owners(station)) == {("L", 1), ("L", 0), ("M", 7)}
    (text,) = (text for logger, boot, text in told(station.alerts()) if (logger, boot) == ("L", 0))
    assert f"more than {MAX_LOOKS} identity conflicts between two ticks, 505 since" in text


def test_only_so_many_loggers_are_looked_at(station: Station) -> None:
    """The others are told of by an alarm of the gateway's; a logger that has had its last alarm takes no place."""
    names = [f"L-{number}" for number in range(MAX_TOPICS + 5)]
    quarantine(station, [(name, 1) for name in names])
    found = told(station.alerts())
    assert len(found) == MAX_TOPICS + 1
    (text,) = (text for logger, _, text in found if logger == "-")
    assert f"on more than {MAX_TOPICS} topics, 5 since the tick before" in text
    quarantine(station, [(name, 1) for name in names for _ in range(MAX_LOOKS + 1)])
    quarantine(station, [(name, 1) for name in names])
    assert {logger for logger, _ in owners(station)} == {"-", *names}


def test_what_retention_has_dropped_breaks_nothing(station: Station) -> None:
    """Of a payload that is gone nobody knows the boot; the others are told."""
    quarantine(station, [("L", 1)])
    station.journal.connection.execute("UPDATE quarantine SET payload = NULL WHERE pos = 1")
    quarantine(station, [("L", 2)])
    station.watch.close()
    for file in station.folder.glob("watch.db*"):
        file.unlink()
    station.start()
    station.run()
    assert owners(station) == [("L", 2)]


@settings(max_examples=20)
@given(st.lists(st.lists(st.tuples(st.sampled_from("KLM"), st.integers(0, 5)), max_size=30), max_size=4))
def test_every_replay_and_restart_tells_the_same(
    tmp_path_factory: pytest.TempPathFactory, intervals: list[list[tuple[str, int]]]
) -> None:
    """However many come between two ticks, and wherever the daemon begins again."""
    station = Station(tmp_path_factory.mktemp("station"), rules(HOT))
    for conflicts in intervals:
        quarantine(station, conflicts)
        station.start()
        station.run()
    seen = {owner for conflicts in intervals for owner in conflicts}
    for logger in "KLM":
        boots = [boot for name, boot in seen if name == logger]
        alarms = [boot for name, boot in owners(station) if name == logger]
        assert bool(alarms) == bool(boots)
        assert len(alarms) <= MAX_BOOTS + 1
    replayed = replay_source(station.folder, None, lambda *_: None)["alerts"]
    assert json.loads(json.dumps(replayed)) == station.alerts()

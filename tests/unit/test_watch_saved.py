"""What watch saves: when, under which rules a restart goes on from it, and what a disk or another version refuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import cbor2
import pytest

from monitor.consumers.saved import SNAPSHOT_VERSION
from monitor.consumers.watch import SNAPSHOT_NS
from monitor.model.errors import DiskFull, JournalError, TcmError
from tests.stations import HOT, Station, readings, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """An empty journal under all rules."""
    return Station(tmp_path)


def test_a_restart_judges_again_under_the_rules_of_the_snapshot(station: Station) -> None:
    """A configuration that came after it applies from its own place on, not to what was judged before."""
    station.run(readings(20.0))
    station.watch.close()
    station.append(readings(26.0, seq=1), rules(HOT | {"above": "30 degC"}), readings(29.0, seq=2))
    station.start()
    station.run()
    told = [(body["rule"], body["state"], body["limit"]) for _, _, body in station.watch.book.transitions(0, 99)]
    assert told == [("hot", "firing", 25.0), ("hot", "cleared", 25.0)]


def test_the_state_is_saved_every_ten_seconds_and_at_the_end(station: Station) -> None:
    """Not at each batch; a clean start has nothing to judge again."""
    station.run(readings(20.0))
    assert station.snapshot_pos() == 0
    station.clock.mono += SNAPSHOT_NS
    station.run(readings(20.0, seq=1))
    assert station.snapshot_pos() == 3
    station.clock.mono += SNAPSHOT_NS - 1
    station.run(readings(20.0, seq=2))
    assert station.snapshot_pos() == 3
    station.watch.close()
    station.start()
    assert (station.snapshot_pos(), station.watch.pos, station.watch.step()) == (4, 4, False)


def test_a_snapshot_of_a_later_version_is_refused(station: Station) -> None:
    """Who starts an earlier program on it has to say so; what lies there is left as it is."""
    station.run(readings(26.0))
    station.watch.close()
    with sqlite3.connect(station.folder / "watch.db") as connection:
        (state,) = connection.execute("SELECT state FROM snapshot").fetchone()
        later = cbor2.dumps(cbor2.loads(state) | {"version": SNAPSHOT_VERSION + 1})
        connection.execute("UPDATE snapshot SET state = ?", (later,))
    with pytest.raises(TcmError, match=rf"version {SNAPSHOT_VERSION + 1}, expected {SNAPSHOT_VERSION} \(a later"):
        station.start()
    assert station.rows("SELECT state FROM snapshot") == [(later,)]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_full_disk_loses_no_alert(tmp_path: Path, *, is_restarted: bool) -> None:
    """What could not be written is written first of all once there is room; a restart judges it again."""
    items = [readings(26.0, 27.0, 28.0, 10.0, seq=seq) for seq in range(200)]
    expected = Station(tmp_path / "roomy")
    expected.run(*items)
    station = Station(tmp_path / "full")
    station.run(readings(20.0, seq=500))
    before = station.outcome()
    book = station.watch.book._connection
    book.execute("PRAGMA max_page_count=25")
    station.append(*items)
    for _ in range(3):
        with pytest.raises(DiskFull, match=r"keep alerts and results: .*watch\.db: database or disk is full"):
            station.watch.step()
        assert station.outcome() == before
    if is_restarted:
        station.watch.close()
        station.start()
    else:
        book.execute("PRAGMA max_page_count=1000000")
    station.run()
    assert len(station.alerts()) >= 200
    keys = ("rule", "occurred_at", "cleared_at", "value", "message")
    told = [[{key: alert[key] for key in keys} for alert in each.alerts()] for each in (station, expected)]
    assert told[0] == told[1]


def test_a_disk_that_fails_ends_the_process(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it holds: that is not tried again."""
    station.append(readings(26.0))
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(station.watch._results, "finish", fail)
    with pytest.raises(JournalError, match=r"watch\.db: disk I/O error \(the disk fails"):
        station.watch.step()


def test_a_file_of_another_version_is_refused(station: Station) -> None:
    """Tables whose columns may mean something else are left alone."""
    station.watch.close()
    with sqlite3.connect(station.folder / "watch.db") as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(JournalError, match="schema version 9, expected 4"):
        station.start()

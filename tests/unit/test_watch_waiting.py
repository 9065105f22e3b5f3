"""Records without a clock: watch judges them when their place is known, and at their own time."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.consumers.watch import SNAPSHOT_NS
from monitor.model.clock import rfc3339
from tests.journals import arrival
from tests.messages import T0, S, env, status
from tests.stations import Station, unset


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """An empty journal under all rules."""
    return Station(tmp_path)


def test_a_back_filled_record_is_placed_by_the_anchor(station: Station) -> None:
    """Without a clock a reading's time is mono plus the boot's anchor, not its arrival."""
    prompt = arrival("status", status(clk=0, mono=1000 * S), T0 + 1000 * S, is_prompt=True)
    station.run(prompt, arrival("env", env(0, clk=0, t0=0, mono=50 * S, values=[[26.0]]), T0 + 9000 * S, is_fill=True))
    (alert,) = station.alerts()
    assert alert["occurred_at"].startswith(rfc3339(T0 + 50 * S)[:-1])


def test_what_waits_is_judged_when_its_place_is_known(station: Station) -> None:
    """Not before, and at its own time: the live message says when its boot began."""
    station.run(unset(0, 5, 26.0), T0 + 10 * S)
    assert station.alerts() == []
    station.run(unset(1, 60, 20.0, after_s=300, is_prompt=True))
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "hot"]
    assert alert["occurred_at"].startswith(rfc3339(T0 + 245 * S)[:-1])
    assert alert["clock_uncertainty_s"] == pytest.approx(1 + 55 * 20e-6)
    assert alert["state"] == "cleared"
    assert "latest" not in alert["message"]


def test_an_alert_of_a_boot_that_never_was_live_says_so(station: Station) -> None:
    """Nobody can tell how long its records lay in memory: the time is the latest possible, its error unknown."""
    station.run(T0, unset(0, 5, 26.0, is_fill=True), unset(1, 65, 26.0, is_fill=True), T0 + 600 * S)
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "hot"]
    assert alert["occurred_at"].startswith(rfc3339(T0 - 60 * S)[:-1])
    assert alert["clock_uncertainty_s"] is None
    assert alert["message"].endswith("Z at the latest (clock not set, sent from memory)")


def test_an_older_boot_that_waited_does_not_pass_for_the_present(station: Station) -> None:
    """It came live, but the logger has begun anew meanwhile: the newer boot's readings are the present ones."""
    station.run(unset(0, 5, 10.0), unset(0, 5, 20.0, boot=2, is_prompt=True), T0 + 600 * S)
    assert station.watch.judge.latest == {("C", "L"): {"temperature.air": 20.0}}
    station.run(unset(1, 6, 21.0, boot=2))
    assert station.watch.judge.latest == {("C", "L"): {"temperature.air": 21.0}}


def test_no_state_is_saved_amid_records_that_waited(station: Station) -> None:
    """The cursor cannot stand there: a restart judges all of them again, or none, to the same alerts."""
    station.append(T0, *(unset(seq, 10 * seq, 26.0 - seq) for seq in range(7)), T0 + 600 * S)
    station.start(page_records=2)
    saved = []
    station.clock.mono += SNAPSHOT_NS
    while station.watch.step():
        saved += station.rows("SELECT pos, state FROM snapshot")
        station.clock.mono += SNAPSHOT_NS
    # Passed over, given out by two, the tick behind them.
    assert [pos for pos, _ in saved] == [2, 4, 6, 8, 8, 8, 8, 10]
    assert len(set(saved)) == 5
    expected = station.outcome()
    for steps in range(1, 8):
        other = Station(station.folder.parent / f"{station.folder.name}-{steps}")
        other.append(T0, *(unset(seq, 10 * seq, 26.0 - seq) for seq in range(7)), T0 + 600 * S)
        other.start(page_records=2)
        for _ in range(steps):
            other.watch.step()
        other.watch.close()
        other.start(page_records=3)
        other.run()
        assert other.outcome() == expected

"""The life of an alert: it opens again, is acknowledged, doubted, escalated, and armed while it goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.alert_text import change_line
from monitor.consumers import Board, WatchReader
from monitor.model.alert import stored_alert
from monitor.model.clock import SystemClock, rfc3339
from monitor.model.operator import OperatorRecord
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stations import HOT, JOLT, SLOW, Receipt, Station, readings, rules

WARM = HOT | {"id": "warm", "above": "22 degC", "severity": "warning"}
STUCK = {"id": "stuck", "kind": "health", "check": "stuck", "for": "20 s", "severity": "warning"}
BEYOND = {"id": "beyond", "kind": "health", "check": "range", "most": "40 degC", "channel": "temperature.*"}
BEYOND |= {"severity": "warning"}
APART = {"id": "apart", "kind": "statistic", "method": "disagreement", "channel": "temperature.*", "above": "5 K"}
APART |= {"every": "10 s", "max_age": "20 s", "severity": "warning"}


def station_of(folder: Path, *rule: dict[str, Any], hold_off: str = "2 min", **box: Any) -> Station:
    return Station(folder, rules(*rule, hold_off=hold_off, **box))


def told(station: Station) -> list[tuple[Any, ...]]:
    """Kind, rule and state of each transition."""
    rows = station.rows("SELECT state, body FROM transitions ORDER BY n")
    return [(kind, (body := stored_alert(text))["rule"], body["state"]) for kind, text in rows]


def say(station: Station, kind: str, at_s: float, **details: Any) -> None:
    """An operator enters something, which is judged."""
    at_ns = T0 + round(at_s * S)
    record = OperatorRecord(kind, "C", at_ns, at_ns, "eve", "on it", details)
    station.journal.append_own("operator", at_ns, record.to_json(), "C")
    station.run()


def only(station: Station, rule: str = "hot") -> dict[str, Any]:
    (alert,) = (alert for alert in station.alerts() if alert["rule"] == rule and not alert["merged_into"])
    return alert


def hot_for(*minutes: int) -> list[float]:
    """Readings ten seconds apart; in each of these minutes the first is hot."""
    values = [20.0] * (6 * (max(minutes) + 1))
    for minute in minutes:
        values[6 * minute] = 26.0 + minute / 8
    return values


def test_what_comes_back_within_the_hold_off_is_the_same_alert(tmp_path: Path) -> None:
    """With its id, its first start, its largest peak; it fires again, and says that it does."""
    station = station_of(tmp_path, HOT)
    station.run(readings(*hot_for(0, 2, 1)))
    alert = only(station)
    begin, end = rfc3339(T0), rfc3339(T0 + 130 * S)
    assert (alert["occurred_at"], alert["cleared_at"], alert["peak"], alert["reopened"]) == (begin, end, 26.25, 2)
    assert alert["message"].endswith(f"; opened again, 3rd time since {begin}")
    assert [kind for kind, *_ in told(station)] == ["firing", "cleared"] * 3
    assert {stored_alert(text)["id"] for (text,) in station.rows("SELECT body FROM transitions")} == {alert["id"]}
    assert station.rows("SELECT count(*) FROM alerts") == [(3,)]  # each exceedance is on record


@pytest.mark.parametrize(("hold_off", "count"), [("110 s", 1), ("109 s", 2), ("0 s", 2)])
def test_later_it_is_another_alert(tmp_path: Path, hold_off: str, count: int) -> None:
    """From the end of the one, 10 s after its start, to the start of the other, two minutes after that."""
    station = station_of(tmp_path, HOT, hold_off=hold_off)
    station.run(readings(*hot_for(0, 2)))
    assert len(station.alerts()) == count
    assert len({alert["id"] for alert in station.alerts()}) == count


def test_each_shock_is_an_alert_of_its_own(tmp_path: Path) -> None:
    station = station_of(tmp_path, JOLT)
    station.run(*(arrival("shock", shock(seq, t0=T0 + seq * S)) for seq in range(7)))
    assert [(alert["reopened"], alert["flapping"]) for alert in station.alerts()] == [(0, False)] * 7


@pytest.mark.parametrize(("minutes", "is_flapping"), [((0, 5, 10, 15), False), ((0, 5, 10, 15, 20), True)])
def test_the_fifth_opening_within_an_hour_is_called_flapping(
    tmp_path: Path, minutes: tuple[int, ...], *, is_flapping: bool
) -> None:
    """Whether they are one alert or several."""
    for hold_off in ("2 min", "1 h"):
        station = station_of(tmp_path / hold_off[0], HOT, hold_off=hold_off)
        station.run(readings(*hot_for(*minutes)))
        last = station.alerts()[-1]
        assert last["flapping"] == is_flapping
        assert ("; flapping: 5 times within 1 h" in last["message"]) == is_flapping


def test_an_hour_later_it_does_not_flap_any_more(tmp_path: Path) -> None:
    station = station_of(tmp_path, HOT, hold_off="0 s")
    station.run(readings(*hot_for(0, 5, 10, 15, 75)))
    assert not station.alerts()[-1]["flapping"]


def test_an_acknowledgement_is_kept_until_it_opens_again(tmp_path: Path) -> None:
    """Who, when and the remark stand in the alert, also when it ends; then it has to be acknowledged anew."""
    station = station_of(tmp_path, HOT)
    station.run(readings(26.0))
    say(station, "ack", 5, alert=only(station)["id"])
    note = {"by": "eve", "at": rfc3339(T0 + 5 * S), "remark": "on it"}
    assert (only(station)["state"], only(station)["acknowledged"]) == ("acknowledged", note)
    station.run(readings(20.0, seq=1, t0=T0 + 10 * S))
    assert (only(station)["state"], only(station)["acknowledged"]) == ("cleared", note)
    station.run(readings(26.0, seq=2, t0=T0 + 20 * S))
    assert (only(station)["state"], only(station)["acknowledged"]) == ("firing", None)
    assert [kind for kind, *_ in told(station)] == ["firing", "acknowledged", "cleared", "firing"]


def test_a_shock_that_is_over_is_acknowledged_once(tmp_path: Path) -> None:
    """Its alert clears at once, and what the event did does not end with it."""
    station = station_of(tmp_path, JOLT)
    station.run(arrival("shock", shock(0, t0=T0)))
    (alert,) = station.alerts()
    assert (alert["state"], alert["acknowledged"]) == ("cleared", None)
    for at_s in (5, 6):
        say(station, "ack", at_s, alert=alert["id"])
    (alert,) = station.alerts()
    assert (alert["state"], alert["acknowledged"]["at"]) == ("cleared", rfc3339(T0 + 5 * S))
    assert [kind for kind, *_ in told(station)] == ["firing", "cleared", "acknowledged"]


def test_an_acknowledgement_counts_once(tmp_path: Path) -> None:
    """A second one, one that comes after the end and one of an unknown alert change nothing; nor does a restart."""
    station = station_of(tmp_path, HOT)
    station.run(readings(26.0))
    key = only(station)["id"]
    for at_s in (5, 6):
        say(station, "ack", at_s, alert=key)
        station.start()
    station.run(readings(20.0, seq=1, t0=T0 + 10 * S))
    say(station, "ack", 15, alert=key)
    say(station, "ack", 15, alert="0" * 16)
    assert only(station)["acknowledged"]["at"] == rfc3339(T0 + 5 * S)
    assert [kind for kind, *_ in told(station)] == ["firing", "acknowledged", "cleared"]


def test_an_acknowledgement_outlives_a_settlement(tmp_path: Path) -> None:
    """A record that comes late revises the alert; who takes care of it stays."""
    station = station_of(tmp_path, HOT)
    station.run(arrival("status", status(interval_us=10_000_000)), readings(20.0))
    station.run(readings(26.0, seq=2, t0=T0 + 20 * S))
    say(station, "ack", 30, alert=only(station)["id"])
    station.append(arrival("env", env(1, t0=T0 + 10 * S, values=[[27.0]]), T0 + 40 * S, is_fill=True))
    tick = T0 + 50 * S
    station.journal.append_tick(tick, 50 * S, b'{"mono_ns": 50000000000, "open": []}')
    station.run()
    alert = only(station)
    assert (alert["occurred_at"], alert["state"]) == (rfc3339(T0 + 10 * S), "acknowledged")
    assert ("revised", "hot", "acknowledged") in told(station)


def test_an_alarm_is_what_the_warning_grew_to(tmp_path: Path) -> None:
    """The two are linked, the warning's transition says so; one that begins while the alarm goes on is covered."""
    station = station_of(tmp_path, HOT, WARM, hold_off="0 s")
    station.run(readings(23.0), readings(26.0, seq=1, t0=T0 + 10 * S))
    alarm, warning = only(station), only(station, "warm")
    assert (alarm["escalates"], warning["escalated_to"]) == (warning["id"], alarm["id"])
    assert told(station)[1:] == [("firing", "hot", "firing"), ("escalated", "warm", "firing")]
    station.run(readings(20.0, 26.0, seq=2, t0=T0 + 20 * S))
    assert sorted(kind for kind, *_ in told(station)[3:]) == ["cleared", "cleared", "firing", "firing"]
    alarm, warning = (next(a for a in station.alerts()[::-1] if a["rule"] == rule) for rule in ("hot", "warm"))
    assert {alarm["escalates"], warning["escalated_to"]} in ({None, alarm["id"]}, {warning["id"], alarm["id"]})


def test_people_read_what_changed_where_the_state_is_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the daemon's log and where changes are watched: the second line of the warning is no second warning."""
    station = station_of(tmp_path, HOT, WARM, hold_off="0 s")
    station.run(readings(23.0), readings(26.0, seq=1, t0=T0 + 10 * S))
    reader = WatchReader(tmp_path)
    with caplog.at_level(logging.INFO, "monitor.consumers.board"):
        assert Board(tmp_path, reader, SystemClock(), lambda *_: Receipt(is_good=True)).step()
    said = ["warning firing", "alarm firing", "warning firing (escalated)"]
    assert [" ".join(text.partition(":")[0].split()[2:]) for text in caplog.messages] == said
    changes = reader.listing.changes(0, 9)
    lines = [change_line("at", change.kind, change.alert, 200).split("\n")[0] for change in changes]
    assert lines == [
        f"at {text} {change.alert['id']} {change.alert['rule']}" for text, change in zip(said, changes, strict=True)
    ]


def test_of_other_channels_and_kinds_nothing_escalates(tmp_path: Path) -> None:
    """Humidity, another logger, and a sensor at its end are other matters."""
    damp = WARM | {"id": "damp", "channel": "humidity.*", "above": "50 %"}
    station = station_of(tmp_path, HOT, damp, STUCK | {"severity": "info"})
    station.run(arrival("env", env(values=[[23.0, 60.0]] * 4)), arrival("env", env(values=[[20.0, 60.0]]), logger="M"))
    station.run(readings(26.0, seq=1, t0=T0 + 40 * S))
    assert {alert["rule"] for alert in station.alerts()} == {"hot", "damp", "stuck"}
    assert [alert["escalates"] for alert in station.alerts() if alert["rule"] == "hot"] == [None]


def test_a_sensor_in_doubt_makes_its_alerts_suspect(tmp_path: Path) -> None:
    """Those that are open when the check fires, with a transition; and those that fire while it is."""
    station = station_of(tmp_path, HOT, WARM, BEYOND)
    station.run(readings(23.0, 20.0, seq=0), readings(23.0, 45.0, 45.0, seq=1, t0=T0 + 20 * S))
    suspect = {alert["rule"]: alert["suspect"] for alert in station.alerts()}
    assert suspect == {"warm": True, "hot": True, "beyond": False}
    assert {rule for kind, rule, _ in told(station) if kind == "suspect"} <= {"warm", "hot"}
    assert ("suspect", "warm", "firing") in told(station)


def test_a_disagreement_casts_doubt_on_all_that_disagree(tmp_path: Path) -> None:
    """It is of the container; the alerts are of its loggers."""
    station = station_of(tmp_path, HOT, APART)
    both = [
        arrival("env", env(seq, t0=T0 + seq * 10 * S, values=[[value]]), T0 + seq * 10 * S, logger)
        for seq in range(12)
        for logger, value in (("L", 20.0), ("M", 26.0))
    ]
    station.run(*both)
    assert {alert["rule"]: alert["suspect"] for alert in station.alerts()} == {"hot": True, "apart": False}


def tick(station: Station, at_s: int) -> None:
    station.run(T0 + at_s * S)


def test_what_goes_on_when_a_container_is_armed_is_not_hidden(tmp_path: Path) -> None:
    """It began as info, as nobody was to be woken; it gets its severity back at the next tick."""
    station = station_of(tmp_path, HOT, WARM, armed=False)
    station.run(readings(26.0))
    tick(station, 10)
    assert {alert["severity"] for alert in station.alerts()} == {"info"}
    say(station, "arm", 15)
    tick(station, 20)
    tick(station, 30)
    assert {alert["rule"]: alert["severity"] for alert in station.alerts()} == {"hot": "alarm", "warm": "warning"}
    kinds = [kind for kind, *_ in told(station)]
    assert kinds.count("armed") == 2
    assert only(station, "warm")["escalated_to"] == only(station)["id"]


def test_in_the_start_up_it_stays_info_until_that_is_over(tmp_path: Path) -> None:
    """Loggers acclimatise; what still is beyond its limit then counts."""
    station = station_of(tmp_path, HOT, armed=False, startup_ignore="30 min")
    say(station, "arm", 0)
    station.run(readings(26.0, t0=T0 + 60 * S))
    for at_s, severity in ((1790, "info"), (1800, "alarm")):
        tick(station, at_s)
        assert only(station)["severity"] == severity


def test_what_ended_while_disarmed_stays_info(tmp_path: Path) -> None:
    station = station_of(tmp_path, HOT, armed=False)
    station.run(readings(26.0, 20.0))
    say(station, "arm", 15)
    tick(station, 20)
    assert only(station)["severity"] == "info"


def test_the_custodian_is_that_of_the_start(tmp_path: Path) -> None:
    """The leg lasts from 100 s to 400 s; before it nobody is known to have custody."""
    station = station_of(tmp_path, HOT, hold_off="0 s")
    station.run(readings(*hot_for(0, 3)))
    assert [alert["custodian"] for alert in station.alerts()] == [None, "owner"]


def test_a_replay_tells_the_same_life(tmp_path: Path) -> None:
    """Acknowledged, escalated, armed and opened again: all of it comes of the journal."""
    station = station_of(tmp_path, HOT, WARM, SLOW, BEYOND, armed=False)
    station.run(readings(*hot_for(0, 1, 2)))
    say(station, "arm", 200)
    station.run(readings(23.0, 26.0, 45.0, seq=1, t0=T0 + 210 * S))
    say(station, "ack", 240, alert=only(station)["id"])
    tick(station, 250)
    station.run(readings(26.0, 20.0, seq=2, t0=T0 + 240 * S))
    replayed = replay_source(station.folder, None, lambda _done, _all: None)["alerts"]
    assert replayed == station.alerts()
    assert any(alert["acknowledged"] for alert in replayed)

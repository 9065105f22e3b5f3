"""Watch on real journals: which alerts it raises, what they say, and how their changes are told."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.config import Rules
from monitor.consumers import Board, Watch, WatchReader
from monitor.consumers.watch import MAX_STEP_BYTES, STEP_NS
from monitor.model.clock import SystemClock, rfc3339
from monitor.model.errors import TcmError
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stations import ALL, HOT, Receipt, Station, readings, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """An empty journal under all rules."""
    return Station(tmp_path)


def test_an_alert_says_what_a_person_needs_to_know(station: Station) -> None:
    """All fields of the contract, in its order."""
    station.run(readings(20.0, 25.5, 27.0, 26.0, sync_age_s=5000.0))
    alert = next(alert for alert in station.alerts() if alert["rule"] == "hot")
    digest = Rules.from_json(ALL).profile_digest("C")
    assert list(alert.items()) == [
        ("id", alert["id"]),
        *(("rule", "hot"), ("kind", "threshold"), ("container", "C"), ("logger", "L"), ("serial", "SN-1")),
        *(("place", "base frame"), ("channel", "temperature.air"), ("axis", None), ("severity", "alarm")),
        *(("state", "firing"), ("occurred_at", rfc3339(T0 + 10 * S)), ("reported_at", rfc3339(T0 + 1000 * S))),
        *(
            ("cleared_at", None),
            ("value", 25.5),
            ("peak", 27.0),
            ("limit", 25.0),
            ("unit", "degC"),
            ("uncertainty", 0.3),
        ),
        *(("decision", "exceeded"), ("clock_uncertainty_s", pytest.approx(0.1)), ("phase", "storage")),
        *(("profile_digest", digest), ("evidence", {"pos": 2, "boot": 1, "seq": 0}), ("suspect", False)),
        ("merged_into", None),
        ("message", f"C base frame: temperature.air 25.5 degC, above 25 degC since {rfc3339(T0 + 10 * S)}"),
        *(("quantity", None), ("margin", None), ("custodian", None), ("acknowledged", None), ("reopened", 0)),
        *(("flapping", False), ("escalates", None), ("escalated_to", None)),
    ]
    assert len(alert["id"]) == 16


def test_a_shock_is_an_alert_of_its_accelerometer(station: Station) -> None:
    """Channel shock.<acc>, the axis of the rule, evidence in the journal."""
    station.run(arrival("shock", shock(4)))
    (alert,) = station.alerts()
    assert (alert["channel"], alert["axis"], alert["unit"], alert["limit"]) == ("shock.a", "resultant", "g", 3.0)
    assert (alert["evidence"], alert["decision"]) == ({"pos": 2, "boot": 1, "seq": 4}, "exceeded")
    assert alert["value"] == pytest.approx(7.03, abs=0.01)


def test_an_alarm_does_not_wait_for_many_large_events_of_others(tmp_path: Path) -> None:
    """What a step takes is bounded by its bytes too: an alert is told once its whole batch is judged."""
    station = Station(tmp_path)
    large = np.tile(np.array([[128], [0], [900]], "<i2"), 4096)
    others = [arrival("shock", shock(seq, counts=large), T0, "M") for seq in range(60)]
    station.append(arrival("shock", shock(0)), *others)
    steps = [station.watch.pos for _ in iter(station.watch.step, False)]
    sizes = [after - before for before, after in pairwise([0, *steps])]
    assert station.watch.pos == station.journal.pos
    assert max(sizes) * large.nbytes <= MAX_STEP_BYTES + 2 * large.nbytes
    assert station.alerts()


def test_a_container_that_is_not_armed_alarms_nobody(tmp_path: Path) -> None:
    """The alert is raised as `info`, for bench handling."""
    station = Station(tmp_path, rules(HOT, armed=False))
    station.run(readings(26.0))
    assert [alert["severity"] for alert in station.alerts()] == ["info"]


def test_an_alert_clears_and_both_changes_are_told(station: Station) -> None:
    """The peak that grew in later batches stands in the alert and in the transition `cleared`."""
    station.run(readings(26.0))
    station.run(readings(28.0, 27.0, seq=1, t0=T0 + 10 * S))
    station.run(readings(25.0, seq=2, t0=T0 + 30 * S))
    hot = [body for _, _, body in station.watch.book.transitions(0, 99) if body["rule"] == "hot"]
    assert [(body["state"], body["value"], body["peak"]) for body in hot] == [
        ("firing", 26.0, 26.0),
        ("cleared", 26.0, 28.0),
    ]
    alert = next(alert for alert in station.alerts() if alert["rule"] == "hot")
    assert alert == hot[1]
    assert alert["cleared_at"] == rfc3339(T0 + 30 * S)


def test_an_alert_is_json_whatever_the_reading(station: Station) -> None:
    """Infinity is no JSON: the largest float32 stands for it."""
    station.run(
        readings(26.0, math.inf), readings(math.inf, seq=3, t0=T0, boot=2), arrival("env", env(9, values=[[20.0]]))
    )

    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    bodies = [body for (body,) in station.rows("SELECT body FROM alerts UNION ALL SELECT body FROM transitions")]
    assert max(json.loads(body, parse_constant=refuse)["peak"] for body in bodies) == pytest.approx(3.4028235e38)


def test_the_declared_interval_makes_the_gap(station: Station) -> None:
    """A status before the readings says what a gap is; the dwell starts anew after it, also behind a restart."""
    station.run(arrival("status", status(interval_us=1_000_000)), readings(24.5, 24.5, 24.5, 24.5))
    assert station.alerts() == []
    station.watch.close()
    station.start()
    station.run(readings(24.5, 24.5, 24.5, seq=1, t0=T0 + 40 * S))
    assert station.alerts() == []
    station.run(arrival("status", status(interval_us=10_000_000)), readings(24.5, 24.5, 24.5, seq=2, t0=T0 + 70 * S))
    assert [alert["rule"] for alert in station.alerts()] == ["slow"]


def test_a_configuration_in_the_journal_changes_the_rules_from_there_on(station: Station) -> None:
    """What fires under a rule that is gone ends; the new limit judges what follows, also behind a restart."""
    station.run(readings(26.0))
    station.run(rules(HOT | {"above": "30 degC"}), readings(29.0, 31.0, seq=1, t0=T0 + 10 * S))
    bodies = [body for _, _, body in station.watch.book.transitions(0, 99)]
    told = [(body["state"], body["limit"], body["value"]) for body in bodies]
    assert told == [("firing", 25.0, 26.0), ("cleared", 25.0, 26.0), ("firing", 30.0, 31.0)]
    assert bodies[1]["message"].endswith("Z, peak 26 degC, ended because the limits were changed")
    station.start()
    station.run(readings(20.0, seq=2, t0=T0 + 30 * S))
    assert Counter(alert["state"] for alert in station.alerts()) == {"cleared": 2}


def test_without_a_configuration_nothing_can_be_judged(tmp_path: Path) -> None:
    """A journal that begins otherwise is none of ours."""
    station = Station(tmp_path, readings(20.0))
    with pytest.raises(TcmError, match="there is no configuration"):
        station.watch.step()


def test_two_payloads_under_one_identity_raise_an_alarm(station: Station) -> None:
    """One for the boot it happened to, at the next tick, so that it has its place in the journal's order."""
    station.append(*(arrival("env", env(0, values=[[value]])) for value in (20.0, 21.0, 22.0)))
    tick = {"quarantined": station.journal.quarantine_pos}
    station.journal.append_own("tick", T0, json.dumps(tick).encode())
    station.run()
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "monitor.identity-conflict"]
    assert (alert["severity"], alert["state"], alert["logger"], alert["evidence"]) == (
        "alarm", "firing", "L", {"pos": 1, "boot": 1, "seq": 0},
    )  # fmt: skip
    assert (
        json.loads(json.dumps(replay_source(station.folder, None, lambda _done, _all: None)["alerts"]))
        == station.alerts()
    )
    station.start()
    station.run()
    assert [each["id"] for each in station.alerts()] == [alert["id"]]


def test_alerts_are_published_retained_in_order_and_taken_down_at_the_end(station: Station) -> None:
    """Each change as JSON; after `cleared` an empty message; a broker that does not confirm gets all of it again."""
    sent: list[tuple[str, bytes]] = []
    is_up = [False]

    def publish(topic: str, payload: bytes) -> Receipt:
        sent.append((topic, payload))
        return Receipt(is_good=is_up[0])

    station.run(readings(26.0), readings(20.0, seq=1))
    notify = Board(station.folder, WatchReader(station.folder), SystemClock(), publish)
    assert not notify.step()
    assert "not confirmed" in notify.problem
    first = list(sent)
    sent.clear()
    is_up[0] = True
    assert notify.step()
    assert (sent, notify.problem, notify.step()) == (first, "", False)
    firing, cleared = (body for _, _, body in station.watch.book.transitions(0, 9))
    topic = f"tcm/v1/C/alerts/{firing['id']}"
    assert [sent_topic for sent_topic, _ in sent] == [topic] * 3
    assert [payload and json.loads(payload) for _, payload in sent] == [firing, cleared, b""]
    notify.close()
    again = Board(station.folder, WatchReader(station.folder), SystemClock(), publish)
    assert not again.step()


def test_a_slow_step_has_the_next_take_fewer_records(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to a least number; it doubles again while steps are quick."""
    station.append(*(readings(20.0, seq=seq) for seq in range(2_000)))
    taken: list[int] = []
    write = Watch._write

    def slow(watch: Watch, step: Any) -> None:
        station.clock.mono += 4 * STEP_NS if len(taken) < 4 else 0
        taken.append(step.records)
        write(watch, step)

    monkeypatch.setattr(Watch, "_write", slow)
    while station.watch.step():
        pass
    assert taken[:8] == [500, 125, 40, 40, 40, 80, 160, 320]
    assert sum(taken) == 2_001

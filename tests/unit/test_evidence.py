"""Evidence: the readings around an alert, the event of a shock, the rule as it stood; and what is missing, said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.examine.evidence import AROUND_NS, MAX_POINTS, evidence_of
from monitor.examine.series import thin
from monitor.journal import Usable
from monitor.journal.around import MAX_RECORDS
from monitor.model.clock import parse_rfc3339
from tests.journals import arrival
from tests.messages import T0, S, env, shock
from tests.stations import HOT, JOLT, Station, rules

DAMP = {"id": "damp", "kind": "condensation", "below": "5 K", "severity": "warning"}
RISE = {"id": "rise", "kind": "rate", "channel": "temperature.*", "over": "60 s", "above": "30 K/h", "severity": "info"}
OVER = {"id": "over", "kind": "threshold", "channel": "differential.computed", "above": "10 hPa", "severity": "alarm"}
APART = {"id": "apart", "kind": "statistic", "method": "disagreement", "channel": "temperature.air", "above": "2 K"}
APART |= {"severity": "warning", "every": "10 s", "max_age": "1 min"}
STEPPED = {"id": "stepped", "kind": "health", "check": "clock", "step": "2 s", "severity": "info"}


def block(seq: int, *rows: tuple[float, ...] | float, logger: str = "L", **changes: Any) -> Usable:
    """Readings ten seconds apart, six to a record: seq times 60 s after T0."""
    values = [row if isinstance(row, tuple) else (row,) for row in rows]
    content = env(seq, t0=T0 + seq * 60 * S, values=values) | {"mono": seq * 60 * S} | changes
    return arrival("env", content, T0 + (seq + 1) * 60 * S, logger)


def quiet(first: int, last: int, level: float = 20.0, **changes: Any) -> list[Usable]:
    return [block(seq, *[level] * 6, **changes) for seq in range(first, last)]


def told(station: Station, rule: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first alert of a rule, and its evidence."""
    alert = next(alert for alert in station.alerts() if alert["rule"] == rule)
    return alert, evidence_of(station.folder, alert)


def test_the_readings_around_a_threshold(tmp_path: Path) -> None:
    """5 min before it occurred to 5 min after its end, with the limit; the rule as it stood, phase and transitions."""
    station = Station(tmp_path, rules(HOT))
    station.run(*quiet(0, 20), block(20, 20, 26, 26, 26, 27, 20), *quiet(21, 40))
    alert, evidence = told(station, "hot")
    occurred_ns, cleared_ns = parse_rfc3339(alert["occurred_at"]), parse_rfc3339(alert["cleared_at"])
    readings = evidence["readings"]
    times_ns = [parse_rfc3339(at) for at in readings["times"]]
    assert (times_ns[0], times_ns[-1]) == (occurred_ns - AROUND_NS, cleared_ns + AROUND_NS)
    assert (readings["channel"], readings["unit"], readings["limit"]) == ("temperature.air", "degC", 25.0)
    assert len(times_ns) == readings["count"] == (2 * AROUND_NS + cleared_ns - occurred_ns) // (10 * S) + 1
    assert max(readings["values"]) == alert["peak"] == 27.0
    assert (evidence["pos"], evidence["boot"], evidence["seq"]) == tuple(alert["evidence"].values())
    assert (evidence["rule"]["above"], evidence["profile"]) == ("25.0 degC", "hardware")
    assert evidence["profile_digest"] == alert["profile_digest"]
    assert (evidence["phase"], evidence["event"], evidence["missing"]) == ("storage", None, [])
    assert [row["change"] for row in evidence["transitions"]] == ["firing", "cleared"]


def test_late_records_are_in_their_place(tmp_path: Path) -> None:
    """What came by another way, after the alert, stands among the readings; what is awaited is said."""
    station = Station(tmp_path, rules(HOT))
    station.run(*quiet(0, 4), block(6, 20, 26, 26, 26, 27, 20), block(5, *[21.0] * 6))
    _, evidence = told(station, "hot")
    assert evidence["missing"] == ["1 records of L are awaited"]
    values = evidence["readings"]["values"]
    assert values == [20.0] * len(values[:-12]) + [21.0] * 6 + [20, 26, 26, 26, 27, 20]


def test_a_derived_channel_is_shown_with_what_it_is_computed_of(tmp_path: Path) -> None:
    """The margin against its limit, by the same computation as live; and its three inputs."""
    station = Station(tmp_path, rules(DAMP))
    ch = ["temperature.air", "humidity.air", "temperature.hardware"]
    rows = [(20.0, humidity, 15.0) for humidity in (30.0, 40.0, 60.0, 60.0, 60.0, 30.0)]
    station.run(block(0, *rows, ch=ch))
    alert, evidence = told(station, "damp")
    readings = evidence["readings"]
    assert (readings["channel"], readings["unit"], readings["limit"]) == ("dew_margin.air", "K", 5.0)
    assert min(readings["values"]) == pytest.approx(alert["peak"], abs=1e-5)
    assert [row["channel"] for row in evidence["inputs"]] == sorted(ch)
    assert evidence["missing"] == []


def test_of_a_rate_the_readings_are_shown_and_no_line(tmp_path: Path) -> None:
    """The limit is none of the readings, and that is said."""
    station = Station(tmp_path, rules(RISE))
    station.run(*quiet(0, 2), block(2, 20, 21, 22, 23, 24, 25), *quiet(3, 4, 25.0))
    _, evidence = told(station, "rise")
    assert (evidence["readings"]["limit"], max(evidence["readings"]["values"])) == (None, 25.0)
    assert evidence["missing"] == ["the limit of 30 K/h is not of the readings but of their rate of change"]


def test_what_is_computed_of_several_loggers(tmp_path: Path) -> None:
    """The pressures inside and outside, the temperatures that disagree: each logger's, none left out."""
    station = Station(tmp_path, rules(OVER, APART))
    for seq in range(3):
        inside = [(101_500.0, 20.0)] * 6
        station.run(block(seq, *inside, ch=["pressure.inside", "temperature.air"]))
        outside = [(100_000.0, 25.0)] * 6
        station.run(block(seq, *outside, ch=["pressure.outside", "temperature.air"], logger="M"))
    _, over = told(station, "over")
    assert [(row["logger"], row["channel"]) for row in over["inputs"]] == [
        ("L", "pressure.inside"),
        ("M", "pressure.outside"),
    ]
    _, apart = told(station, "apart")
    assert apart["readings"]["times"] == []
    assert {(row["logger"], row["values"][0]) for row in apart["inputs"]} == {("L", 20.0), ("M", 25.0)}
    assert "computed of several loggers" in " ".join(apart["missing"])


def test_a_shock_has_its_event(tmp_path: Path) -> None:
    """The analysis, and the samples of the rule's signal around the trigger."""
    station = Station(tmp_path, rules(JOLT))
    station.run(arrival("shock", shock(0, counts=[[0, 900, 10, 0]] * 3), T0))
    alert, evidence = told(station, "jolt")
    assert evidence["event"]["event"] == "C/L/1/0"
    assert max(map(abs, evidence["readings"]["values"])) == pytest.approx(abs(alert["value"]), rel=1e-5)
    assert evidence["readings"]["limit"] == alert["limit"]
    assert parse_rfc3339(evidence["readings"]["times"][1]) == parse_rfc3339(evidence["event"]["at"])


def test_dropped_payloads_are_said(tmp_path: Path) -> None:
    """Of the record that fired, and of those before it."""
    station = Station(tmp_path, rules(HOT))
    station.run(*quiet(0, 4), block(4, 20, 26, 26, 26, 27, 20), *quiet(5, 8))
    connection = station.journal.connection
    connection.execute("UPDATE records SET payload = NULL WHERE seq < 3")
    _, evidence = told(station, "hot")
    assert evidence["missing"] == ["readings of L before 2026-11-23T06:03:00Z were dropped by retention"]
    connection.execute("UPDATE records SET payload = NULL WHERE seq = 4")
    _, evidence = told(station, "hot")
    assert "was dropped by retention" in evidence["missing"][0]
    assert evidence["readings"]["times"] == []
    assert evidence["rule"]["id"] == "hot"


def test_an_alert_of_a_clock_has_no_readings(tmp_path: Path) -> None:
    """It is told by the messages themselves."""
    station = Station(tmp_path, rules(STEPPED))
    station.run(block(0, 20.0), block(1, 20.0, t0=T0 + 90 * S))
    _, evidence = told(station, "stepped")
    assert evidence["missing"] == ["clock is told by messages of the logger: there are no readings of it"]


def test_limits_that_changed_since_are_those_of_the_alert(tmp_path: Path) -> None:
    """The rule is that of the configuration whose profile judged it, not the present one."""
    station = Station(tmp_path, rules(HOT))
    station.run(block(0, 20, 26, 26, 26, 27, 20))
    station.run(rules(HOT | {"above": "40 degC", "clear": "39 degC"}))
    station.run(*quiet(1, 3))
    alert, evidence = told(station, "hot")
    assert evidence["rule"]["above"] == "25.0 degC"
    late = alert | {"evidence": {"pos": 5, "boot": 1, "seq": 2}}  # judged again, in its place before the change
    assert evidence_of(station.folder, late)["rule"]["above"] == "25.0 degC"
    unknown = evidence_of(station.folder, alert | {"profile_digest": "0" * 64})
    assert (unknown["rule"], unknown["profile"]) == (None, None)
    assert unknown["missing"] == ["no configuration in the journal has the limits that it was judged by"]


def test_a_clock_that_was_set_back_hides_no_reading(tmp_path: Path) -> None:
    """The record that fired is among them, wherever those before it say they were."""
    station = Station(tmp_path, rules(HOT))
    ahead = [block(seq, *[20.0] * 6, t0=T0 + 86_400 * S + seq * 60 * S) for seq in range(20)]
    station.run(*ahead, block(20, 20, 26, 26, 26, 27, 20, t0=T0))
    _, evidence = told(station, "hot")
    assert evidence["readings"]["values"] == [20, 26, 26, 26, 27, 20]


def test_of_very_many_records_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded number, spread over the whole of it, and it is said."""
    monkeypatch.setattr("monitor.journal.around.MAX_RECORDS", 10)
    station = Station(tmp_path, rules(HOT))
    station.run(*quiet(0, 2), *quiet(2, 60, 26.0), *quiet(60, 62))
    _, evidence = told(station, "hot")
    assert MAX_RECORDS > 10
    assert evidence["missing"] == ["of L one of 7 records was read, as there are so many"]
    assert evidence["readings"]["count"] <= 60
    assert {20.0, 26.0} == set(evidence["readings"]["values"])


READINGS = st.lists(
    st.tuples(st.integers(0, 1 << 50), st.just(float("nan")) | st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=60
)


@given(READINGS, st.integers(2, MAX_POINTS))
def test_thinning_keeps_order_bound_and_extremes(readings: list[tuple[int, float]], points: int) -> None:
    """At most so many, ascending, each once; the least and the largest of all are among them."""
    readings.sort(key=lambda reading: reading[0])
    times_ns, values = np.array([at for at, _ in readings]), np.array([value for _, value in readings])
    rows = thin(times_ns, values, points)
    assert len(rows) <= points and (np.diff(rows) > 0).all()
    if not np.isnan(values).all():
        assert (np.nanmin(values[rows]), np.nanmax(values[rows])) == (np.nanmin(values), np.nanmax(values))

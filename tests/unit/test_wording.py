"""What alerts say: numbers that can be told apart, and one line for each kind of rule."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from monitor.alerts.amounts import amount, amounts, duration
from monitor.alerts.raising import Origin, Raiser, decision
from monitor.alerts.wording import begun, ended
from monitor.config import Rules
from monitor.model.alert import LATER_KEYS, stored_alert
from monitor.model.batch import Finding
from monitor.model.leg import Logger
from monitor.model.limit import Rule

S = 10**9
SIZES = st.floats(1e-4, 1e8).flatmap(lambda size: st.sampled_from([size, -size]))
RULES: TypeAdapter[Rule] = TypeAdapter(Rule)
TEMPERATURE = {"kind": "threshold", "channel": "temperature.*", "above": "25 degC"}
SHOCK = {"kind": "shock", "axis": "x"}
DAMAGE = {"kind": "shock", "damage_boundary": {"acceleration": "15 g", "velocity_change": "1.5 m/s"}}
SPEED = {"kind": "shock", "velocity_change": "1.5 m/s"}
SPECTRUM = {"kind": "shock", "srs": [["10 Hz", "5 g"], ["100 Hz", "20 g"]]}
DROP = {"kind": "shock", "drop_height": "30 cm"}
EXPOSURE = {"kind": "exposure", "channel": "temperature.*"}
HEALTH = {"kind": "health"}
SINCE = "since 1970-01-01T00:00:01Z"


@given(SIZES, SIZES | st.none(), st.sampled_from(["degC", "Pa", "Pa/h", ""]))
def test_numbers_can_be_read_and_told_apart(value: float, other: float | None, unit: str) -> None:
    """No exponent, one unit for both, close to the number, and in the order in which their sizes stand."""
    limit = math.nextafter(value, math.inf) if other is None else other
    (shown, *one), (shown_limit, *two) = (text.split() for text in amounts(value, limit, unit))
    assert one == two and "e" not in shown + shown_limit
    scale = 100.0 if one[:1] in (["hPa"], ["hPa/h"]) else 1.0
    assert float(shown) * scale == pytest.approx(value, rel=5.1e-5)
    assert float(shown_limit) * scale == pytest.approx(limit, rel=5.1e-9)
    sizes = (abs(value / scale), abs(limit / scale))
    printed = (abs(float(shown)), abs(float(shown_limit)))
    assert (printed[0] > printed[1], printed[0] < printed[1]) == (sizes[0] > sizes[1], sizes[0] < sizes[1])


@pytest.mark.parametrize(
    ("value", "limit", "unit", "expected"),
    [
        (99_980.0, 100_000.0, "Pa", ("999.8 hPa", "1000 hPa")),
        (101_328.0, 101_325.0, "Pa", ("1013.3 hPa", "1013.25 hPa")),
        (480.0, 500.0, "Pa", ("480 Pa", "500 Pa")),
        (25.000002, 25.0, "degC", ("25.000002 degC", "25 degC")),
        (20.0, 15.0, "K h", ("20 K h", "15 K h")),
        (0.00012, 0.0001, "Pa m3/s", ("0.00012 Pa m3/s", "0.0001 Pa m3/s")),
        (-0.0, 0.0, "", ("0", "0")),
        (math.inf, 25.0, "degC", ("inf degC", "25 degC")),
        (3.4028234663852886e38, 25.0, "degC", ("3.4028e+38 degC", "25 degC")),
    ],
)
def test_amounts(value: float, limit: float, unit: str, expected: tuple[str, str]) -> None:
    """As people would write them."""
    assert amounts(value, limit, unit) == expected


def test_durations_are_written_as_in_a_limits_file() -> None:
    """In the largest unit that divides them; a day is 24 h."""
    seconds = (45.0, 90.0, 1800.0, 86_400.0, 2_592_000.0, 0.5)
    assert [duration(each) for each in seconds] == ["45 s", "90 s", "30 min", "24 h", "30 d", "0.5 s"]
    assert amount(0.5612, "K", 2) == "0.56 K"


def watched(rule: dict[str, Any]) -> Rules:
    """One rule for every container, loggers as they come."""
    profile = {"name": "p", "rule": [{"id": "r", "severity": "info"} | rule]}
    return Rules.model_validate({"ingest": {"default_limits": "p"}, "profiles": {"p": profile}})


def finding(value: float, channel: str, **changes: Any) -> Finding:
    """Of a value at 1.2345 s of 1970."""
    start_ns = S + 234_500_000
    return Finding("fired", "r", "C", "L", channel, None, start_ns, start_ns, value, value, 1, 1, 1)._replace(**changes)


def said(rule: dict[str, Any], found: Finding) -> str:
    judged = RULES.validate_python({"id": "r", "severity": "info"} | rule)
    logger = Logger(id=found.logger, place="base") if found.logger == "L" else Logger(id=found.logger)
    return begun(judged, found, logger, decision(judged, found))


@pytest.mark.parametrize(
    ("rule", "channel", "value", "expected"),
    [
        (TEMPERATURE, "temperature.air", 25.5, "25.5 degC, above 25 degC"),
        (
            {"kind": "rate", "channel": "temperature.*", "over": "1 h", "below": "-5 K/h"},
            "temperature.air",
            -5.5,
            "rate -5.5 K/h, below -5 K/h",
        ),
        (
            EXPOSURE | {"channel": "humidity.*", "measure": "time", "above": "50 %", "limit": "30 min"},
            "humidity.air",
            0.51,
            "time above 50 %RH: 0.51 h, beyond the limit of 0.5 h",
        ),
        (
            EXPOSURE | {"measure": "degree-hours", "above": "10 degC", "limit": "15 K h"},
            "temperature.air",
            20.0,
            "20 K h above 10 degC, beyond the limit of 15 K h",
        ),
        (
            EXPOSURE | {"measure": "mkt", "window": "24 h", "limit": "18 degC"},
            "temperature.air",
            19.1,
            "mean kinetic temperature over 24 h 19.1 degC, above 18 degC",
        ),
        (
            {"kind": "cycles", "channel": "temperature.*", "range": "15 K"},
            "temperature.air",
            15.3,
            "range 15.3 K, above 15 K",
        ),
        (SHOCK | {"peak": "3 g"}, "shock.a", -7.03, "-7.03 g, beyond 3 g"),
        (SHOCK | {"peak": "2 g", "count": 5, "within": "1 h"}, "shock.a", 6, "6 events above 2 g within 1 h, limit 5"),
        (
            SHOCK | {"dose": 3, "floor": "1 g", "ref": "2 g", "exponent": 4},
            "shock.a",
            60.7,
            "dose 60.7, limit 3",
        ),
        (
            SHOCK | {"velocity_change": "1.5 m/s", "count": 2, "within": "24 h"},
            "shock.a",
            3,
            "3 events with a velocity change above 1.5 m/s within 24 h, limit 2",
        ),
        (
            DAMAGE | {"count": 2, "within": "24 h"},
            "shock.a",
            3,
            "3 events beyond the damage boundary (15 g, 1.5 m/s) within 24 h, limit 2",
        ),
        (
            {"kind": "shock", "drop_height": "30 cm", "count": 2, "within": "24 h"},
            "shock.a",
            3,
            "3 drops from above 0.3 m within 24 h, limit 2",
        ),
        (HEALTH | {"check": "battery", "below": "20 %"}, "battery", 12, "is low: 12 %, below 20 %"),
        (HEALTH | {"check": "memory", "above": "90 %"}, "memory", 96, "is nearly full: 96 %, above 90 %"),
        (HEALTH | {"check": "clock"}, "clock", 1, "stepped, stands still or is not set"),
        (HEALTH | {"check": "silent", "for": "1 h"}, "link", 3700, "is silent"),
    ],
)
def test_each_kind_says_what_it_measured(rule: dict[str, Any], channel: str, value: float, expected: str) -> None:
    """Where, the channel once, value and limit in words."""
    since = SINCE if rule["kind"] != "shock" else "since 1970-01-01T00:00:01.234Z"
    assert said(rule, finding(value, channel, uncertainty=0.01)) == f"C base: {channel} {expected} {since}"


def test_a_note_says_which() -> None:
    """Of a clock and of a trigger it takes the place of what may be wrong; of others it stands behind."""
    step = finding(1, "clock", note="stepped by 5 s")
    assert said(HEALTH | {"check": "clock"}, step) == f"C base: clock: stepped by 5 s {SINCE}"
    stuck = finding(1, "temperature.air", note="unchanged for 3600 s")
    assert said(HEALTH | {"check": "stuck", "for": "1 h"}, stuck).endswith(f"does not change {SINCE}, {stuck.note}")


def test_a_guarded_value_says_how_near_it_is() -> None:
    """It is not below the limit: that is what U leaves open."""
    rule = {"kind": "condensation", "below": "5 K", "guard": "accuracy"}
    near = finding(5.4231, "dew_margin.air", uncertainty=0.5612)
    assert "dew_margin.air 5.42 K, within 0.56 K of the limit of 5 K since" in said(rule, near)
    assert "4.5 K, below 5 K" in said(rule, near._replace(value=4.5))


@pytest.mark.parametrize(
    ("rule", "value", "changes", "expected"),
    [
        (SPEED, 1.8, {}, "velocity change 1.8 m/s, limit 1.5 m/s (margin -1.6 dB)"),
        (SPEED | {"axis": "x"}, -1.8, {"axis": "x"}, "x velocity change -1.8 m/s, limit 1.5 m/s (margin -1.6 dB)"),
        (SPECTRUM, 23.4, {"limit": 20.0, "detail": "at 50 Hz"}, "SRS 23.4 g at 50 Hz, limit 20 g (margin -1.4 dB)"),
        (
            DAMAGE,
            0.8333,
            {"detail": "20 g and 1.8 m/s"},
            "damage boundary: 20 g and 1.8 m/s, margin 0.833 (critical 15 g, 1.5 m/s)",
        ),
        (DROP, 0.42, {"detail": "0.38 to 0.45"}, "dropped from 0.42 m (0.38 to 0.45), limit 0.3 m"),
        (
            SPEED | {"guard": "accuracy"},
            1.45,
            {"uncertainty": 0.104},
            "velocity change 1.45 m/s, within 0.1 m/s of the limit of 1.5 m/s",
        ),
        (
            SPECTRUM | {"guard": "accuracy"},
            19.4,
            {"limit": 20.0, "detail": "at 50 Hz", "uncertainty": 0.8},
            "SRS 19.4 g at 50 Hz, within 0.8 g of the limit of 20 g",
        ),
        (
            DAMAGE | {"guard": "accuracy"},
            1.01,
            {"detail": "14.9 g and 1.6 m/s", "uncertainty": 0.02},
            "damage boundary: 14.9 g and 1.6 m/s, margin 1.01, within 0.02 of the boundary (critical 15 g, 1.5 m/s)",
        ),
        (
            DROP | {"guard": "accuracy"},
            0.22,
            {"detail": "0.22 to 0.5", "uncertainty": 0.01},
            "dropped from 0.22 m (0.22 to 0.5), perhaps above the limit 0.3 m",
        ),
    ],
)
def test_an_event_is_told_in_the_terms_of_its_quantity(
    rule: dict[str, Any], value: float, changes: dict[str, Any], expected: str
) -> None:
    """No axis where the vector's length goes without saying; a margin where it says more than the numbers."""
    found = finding(value, "shock.a", **{"axis": "resultant", "uncertainty": 0.01} | changes)
    assert said(rule, found) == f"C base: shock.a {expected} since 1970-01-01T00:00:01.234Z"


def test_what_is_wrong_with_an_event_is_told() -> None:
    """By the check of it in place of that it is so; behind what rules say of it."""
    why = "clipped at 16 g"
    invalid = said(HEALTH | {"check": "invalid"}, finding(1, "shock.a", note=why))
    assert invalid == "C base: shock.a event is not valid: clipped at 16 g since 1970-01-01T00:00:01.234Z"
    peak = finding(7.0, "shock.a", axis="x", uncertainty=0.1)
    at_least = said(SHOCK | {"peak": "3 g"}, peak._replace(note=f"at least: {why}"))
    assert at_least.endswith("x 7 g, above 3 g since 1970-01-01T00:00:01.234Z, at least: clipped at 16 g")


def test_why_nobody_can_say_whether_an_event_is_beyond() -> None:
    """Without a calibration record; not of counts, which have no U, nor where the event itself is the reason."""
    since = " since 1970-01-01T00:00:01.234Z"
    assert said(SPEED, finding(1.8, "shock.a")).endswith(f"(margin -1.6 dB){since}, accuracy not known")
    clipped = finding(7.0, "shock.a", axis="x", note="at least: clipped")
    assert said(SHOCK | {"peak": "3 g"}, clipped).endswith(f"{since}, at least: clipped, accuracy not known")
    doubtful = finding(1.8, "shock.a", is_doubtful=True, note="not to be relied upon: spikes")
    assert said(SPEED, doubtful).endswith(f"{since}, not to be relied upon: spikes")
    assert said(SPEED | {"count": 2, "within": "1 h"}, finding(3.0, "shock.a")).endswith(f"limit 2{since}")


@pytest.mark.parametrize(
    ("limit", "value", "expected"),
    [
        (7.4100570678710938, 45.5, "45.5 g at 50 Hz, limit 7.41 g"),
        (7.4146, 7.4148, "7.4148 g at 50 Hz, limit 7.4146 g"),
        (0.5, 45.5, "45.5 g at 50 Hz, limit 0.5 g"),
    ],
)
def test_a_limit_between_two_points_has_no_more_digits_than_it_needs(limit: float, value: float, expected: str) -> None:
    """Nobody wrote it; as many as keep it apart from its value."""
    found = finding(value, "shock.a", limit=limit, detail="at 50 Hz", axis="resultant", uncertainty=1e-6)
    assert f"SRS {expected} (margin" in said(SPECTRUM, found)


@pytest.mark.parametrize(
    ("rule", "changes", "value", "expected"),
    [
        (SHOCK | {"peak": "3 g"}, {"uncertainty": 0.5}, -3.6, ("exceeded", "peak", 3 / 3.6)),
        (SPEED, {"uncertainty": 0.2}, 1.6, ("indeterminate", "velocity_change", 1.5 / 1.6)),
        (SPEED, {"uncertainty": 0.2, "is_doubtful": True}, 1.8, ("indeterminate", "velocity_change", 1.5 / 1.8)),
        (SPEED | {"guard": "accuracy"}, {"uncertainty": 0.2}, 1.4, ("within", "velocity_change", 1.5 / 1.4)),
        (SPECTRUM, {"uncertainty": 1.0, "limit": 20.0}, 20.5, ("indeterminate", "srs", 20 / 20.5)),
        (SPECTRUM, {"uncertainty": 1.0, "limit": 20.0}, 21.5, ("exceeded", "srs", 20 / 21.5)),
        (DAMAGE, {"uncertainty": 0.1}, 0.83, ("exceeded", "damage_boundary", 0.83)),
        (DAMAGE, {"uncertainty": 0.1}, 0.95, ("indeterminate", "damage_boundary", 0.95)),
        (DAMAGE | {"guard": "accuracy"}, {"uncertainty": 0.1}, 1.05, ("within", "damage_boundary", 1.05)),
        (DROP, {"uncertainty": 0.0}, 0.42, ("exceeded", "drop_height", 0.3 / 0.42)),
        (DROP | {"count": 2, "within": "1 h"}, {}, 3.0, ("indeterminate", "count", 2 / 3)),
        (SHOCK | {"dose": 3, "floor": "1 g", "ref": "2 g", "exponent": 4}, {}, 60.0, ("indeterminate", "dose", 0.05)),
        (TEMPERATURE, {"uncertainty": 0.5}, 26.0, ("exceeded", None, None)),
    ],
)
def test_an_alert_says_quantity_margin_and_what_is_sure(
    rule: dict[str, Any], changes: dict[str, Any], value: float, expected: tuple[str, str | None, float | None]
) -> None:
    """A value is beyond by its limit, of a spectrum that at the frequency; a margin is beyond below 1."""
    rules = watched(rule)
    alert = Raiser(rules).alert(finding(value, "shock.a", **changes), Origin(S, None, is_latest=False))
    assert (alert.decision, alert.quantity) == expected[:2]
    assert alert.margin == (None if expected[2] is None else pytest.approx(expected[2]))
    assert alert.suspect == changes.get("is_doubtful", False)
    assert alert.limit == changes.get("limit", rules.profile("C").by_id["r"].limit)
    row = alert.to_json()
    assert (row["quantity"], row["margin"]) == (alert.quantity, alert.margin)
    assert list(row)[-len(LATER_KEYS) :] == list(LATER_KEYS)


def test_alerts_of_earlier_versions_are_read() -> None:
    """What they did not write is as of an alert without it; what they wrote stays, in its order."""
    assert stored_alert('{"id": "a", "message": "m"}') == {"id": "a", "message": "m", **LATER_KEYS}
    assert list(stored_alert('{"margin": 0.5, "quantity": "srs"}').items())[:2] == [
        ("margin", 0.5),
        ("quantity", "srs"),
    ]
    assert stored_alert('{"uncertainty": Infinity}')["uncertainty"] == float("inf")


def test_what_concerns_all_loggers_names_them_together() -> None:
    """There is no logger of that name."""
    assert said(TEMPERATURE, finding(26, "temperature.air", logger="-")).startswith("all loggers of C: temperature.air")


@pytest.mark.parametrize(
    ("body", "note", "expected"),
    [
        ({"kind": "threshold", "unit": "degC"}, "", "00:00:01Z, peak 26 degC"),
        ({"kind": "threshold", "unit": "degC"}, "why", "00:00:01Z, peak 26 degC, why"),
        ({"kind": "shock", "unit": "", "channel": "shock.a"}, "", "00:00:01.500Z, peak 26"),
        ({"kind": "shock", "unit": "g", "channel": "shock.a", "quantity": "peak"}, "", "00:00:01.500Z, peak 26 g"),
        ({"kind": "shock", "unit": "g", "channel": "shock.a", "quantity": "srs"}, "", "00:00:01.500Z"),
        ({"kind": "health", "unit": ""}, "", "00:00:01Z"),
        ({"kind": "health", "unit": "s"}, "", "00:00:01Z"),
        ({"kind": "health", "unit": "%"}, "", "00:00:01Z, peak 26 %"),
    ],
)
def test_an_end_has_its_peak_where_that_says_something(body: dict[str, Any], note: str, expected: str) -> None:
    """And why it ended, where no reading says so."""
    body = {"channel": "temperature.air", "peak": 26.0, "limit": 25.0} | body
    assert ended(body, S + S // 2, note) == f" until 1970-01-01T{expected}"

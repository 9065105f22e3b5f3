"""Rules of every kind: units, what is refused and how that is said, and that the journal gives back the same rule."""

from __future__ import annotations

import hashlib
import json
from math import hypot, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.config.problems import problems_of
from monitor.config.rules import Rules, canonical_json
from monitor.detect.rules import rule_digest
from monitor.model.channel import QUANTITIES, UNITS, derived_field_name, field_name
from monitor.model.limit import Profile, Rule
from monitor.model.quantity import POSSIBLE, SCALES, format_quantity, parse_quantity
from monitor.model.rules.accuracy import propagated
from monitor.model.strict import JOURNALLED

HARDWARE = "temperature.hardware"


def rule(**keys: Any) -> Any:
    return TypeAdapter(Rule).validate_python({"id": "r", "severity": "warning", **keys})


def faults(**keys: Any) -> dict[str, str]:
    """Key -> message of what is wrong with one rule, as `tcm check` says it."""
    document = {"name": "p", "rule": [{"id": "r", "severity": "warning", **keys}]}
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate(document)
    found = problems_of(caught.value, Profile, document, "p.toml")
    return {problem.key.removeprefix("rule.r").removeprefix("."): problem.message for problem in found}


THRESHOLD = {"kind": "threshold", "channel": HARDWARE, "above": "25 degC"}
RATE = {"kind": "rate", "channel": HARDWARE, "over": "1 h", "above": "5 K/h"}
TIME = {"kind": "exposure", "channel": HARDWARE, "measure": "time", "above": "25 degC", "limit": "12 h"}
HOURS = TIME | {"measure": "degree-hours", "limit": "20 K h"}
MKT = {"kind": "exposure", "channel": HARDWARE, "measure": "mkt", "limit": "25 degC", "window": "24 h"}
RANGE = {"kind": "cycles", "channel": HARDWARE, "range": "15 K"}
DAMAGE = {"kind": "cycles", "channel": HARDWARE, "damage": 0.1, "min_range": "2 K", "ref_range": "50 K",
          "ref_cycles": 1000, "exponent": 4}  # fmt: skip
SHOCK = {"kind": "shock", "axis": "z", "peak": "2 g"}
COUNT = SHOCK | {"count": 5, "within": "1 h"}
DOSE = {"kind": "shock", "axis": "z", "dose": 3.0, "ref": "2 g", "exponent": 4, "floor": "0.5 g"}
VELOCITY = {"kind": "shock", "velocity_change": "150 cm/s", "lowpass": "100 Hz"}
BOUNDARY = {"kind": "shock", "damage_boundary": {"acceleration": "15 g", "velocity_change": "1.5 m/s"}}
ENVELOPE = {"kind": "shock", "srs": [["10 Hz", "20 g"], ["100 Hz", "5 g"]]}
DROP = {"kind": "shock", "drop_height": "30 cm"}
CONDENSATION = {"kind": "condensation", "below": "5 K"}
LEAK = {"kind": "leak", "above": "300 Pa/d"}
STUCK = {"kind": "health", "check": "stuck", "for": "1 h"}
BATTERY = {"kind": "health", "check": "battery", "below": "20 %"}
ZSCORE = {"kind": "statistic", "method": "z-score", "channel": HARDWARE, "window": "24 h", "above": 6}
DISAGREE = {"kind": "statistic", "method": "disagreement", "channel": HARDWARE, "above": "1 K"}
FORECAST = {"kind": "forecast", "channel": HARDWARE, "above": "25 degC", "within": "6 h"}

INSIDE = [
    (THRESHOLD, (25.0, 25.0, 1, 0.0, "degC")),
    ({"kind": "threshold", "channel": "humidity.*", "below": "30 %", "clear": "33 %", "for": "15 min"},
     (30.0, 33.0, -1, 900.0, "%RH")),
    ({"kind": "threshold", "channel": "dew_point.air", "above": "5 degC"}, (5.0, 5.0, 1, 0.0, "degC")),
    ({"kind": "threshold", "channel": "dew_margin.air", "below": "5 K"}, (5.0, 5.0, -1, 0.0, "K")),
    ({"kind": "threshold", "channel": "differential.computed", "below": "2 hPa"}, (200.0, 200.0, -1, 0.0, "Pa")),
    (RATE, (5.0, 5.0, 1, 0.0, "K/h")),
    (RATE | {"above": "24 K/d"}, (1.0, 1.0, 1, 0.0, "K/h")),
    ({"kind": "rate", "channel": HARDWARE, "over": "1 h", "below": "-5 K/h", "clear": "-4 K/h", "for": "10 min"},
     (-5.0, -4.0, -1, 600.0, "K/h")),
    ({"kind": "rate", "channel": "pressure.inside", "over": "10 min", "above": "2 hPa/min"},
     (12_000.0, 12_000.0, 1, 0.0, "Pa/h")),
    ({"kind": "rate", "channel": "humidity.air", "over": "1 h", "above": "0.5 %/min"}, (30.0, 30.0, 1, 0.0, "%/h")),
    (TIME, (12.0, 12.0, 1, 0.0, "h")),
    (TIME | {"limit": "2 d"}, (48.0, 48.0, 1, 0.0, "h")),
    (HOURS, (20.0, 20.0, 1, 0.0, "K h")),
    (MKT, (25.0, 25.0, 1, 0.0, "degC")),
    (RANGE, (15.0, 15.0, 1, 0.0, "K")),
    (DAMAGE, (0.1, 0.1, 1, 0.0, "")),
    (SHOCK, (2.0, 2.0, 1, 0.0, "g")),
    (COUNT, (5.0, 5.0, 1, 0.0, "")),
    (DOSE, (3.0, 3.0, 1, 0.0, "")),
    (VELOCITY, (1.5, 1.5, 1, 0.0, "m/s")),
    (BOUNDARY, (1.0, 1.0, -1, 0.0, "")),
    (BOUNDARY | {"count": 5, "within": "1 h"}, (5.0, 5.0, 1, 0.0, "")),
    (ENVELOPE, (5.0, 5.0, 1, 0.0, "g")),
    (DROP, (0.3, 0.3, 1, 0.0, "m")),
    (CONDENSATION | {"clear": "6 K", "for": "5 min"}, (5.0, 6.0, -1, 300.0, "K")),
    (LEAK | {"clear": "2 hPa/d"}, (300.0, 200.0, 1, 0.0, "Pa/d")),
    (LEAK | {"above": "1e-3 mbar l/s"}, (1e-4, 1e-4, 1, 0.0, "Pa m3/s")),
    (STUCK, (0.0, 0.0, 1, 3600.0, "")),
    (BATTERY | {"clear": "30 %"}, (20.0, 30.0, -1, 0.0, "%")),
    ({"kind": "health", "check": "silent", "for": "2 h"}, (7200.0, 7200.0, 1, 7200.0, "s")),
    ({"kind": "health", "check": "range", "channel": "temperature.air", "most": "85 degC"}, (0.0, 0.0, 1, 0.0, "K")),
    (ZSCORE | {"clear": 3}, (6.0, 3.0, 1, 0.0, "sigma")),
    (DISAGREE, (1.0, 1.0, 1, 0.0, "K")),
    (FORECAST, (25.0, 25.0, 1, 0.0, "degC")),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), INSIDE)
def test_what_a_rule_is_judged_by(keys: dict[str, Any], expected: tuple[float, float, int, float, str]) -> None:
    """Limit, clear, side and unit answer for every kind, in the units used inside."""
    got = rule(**keys)
    assert (got.limit, got.clear, got.sign, got.for_s, got.unit) == expected


WRONG = [
    (THRESHOLD | {"channel": "temperatur.air"}, "channel", "expected <quantity>.<place> with one of temperature, "),
    (THRESHOLD | {"channel": "temp*.air"}, "channel", "expected <quantity>.<place> with one of temperature, "),
    (THRESHOLD | {"channel": "temperature"}, "channel", "expected <quantity>.<place>"),
    (THRESHOLD | {"channel": "shock.a"}, "channel", "expected <quantity>.<place>"),
    (THRESHOLD | {"above": "25 K"}, "above", "one of the units degC; 'K' is no unit of temperature"),
    (THRESHOLD | {"above": 25}, "above", 'expected text such as "25 degC"'),
    (THRESHOLD | {"below": "20 degC"}, "above", "expected exactly one of the keys above and below"),
    (THRESHOLD | {"clear": "26 degC"}, "clear", "expected a level at or below the limit 25 degC, got 26 degC"),
    (THRESHOLD | {"for": "-1 s"}, "for", "expected 0 or more"),
    (THRESHOLD | {"phases": []}, "phases", "expected at least 1, got an empty list"),
    (THRESHOLD | {"guard": "precision"}, "guard", "expected 'accuracy'"),
    (RATE | {"above": "5 degC/h"}, "above", "one of the units K/h, K/min, K/s, K/d; 'degC/h' is no unit of"),
    (RATE | {"above": "5 K"}, "above", "'K' is no unit of temperature rate"),
    (RATE | {"over": "0 s"}, "over", "expected more than 0"),
    ({"kind": "rate", "channel": HARDWARE, "over": "1 h", "below": "-5 K/h", "clear": "-6 K/h"}, "clear",
     "expected a level at or above the limit -5"),
    ({"kind": "rate", "channel": HARDWARE, "over": "1 h"}, "above", "expected exactly one of the keys above and below"),
    (TIME | {"limit": "12 K h"}, "limit", "one of the units h, min, d; 'K h' is no unit of hours"),
    (HOURS | {"limit": "12 h"}, "limit", "one of the units K h, K min, K d; 'h' is no unit of temperature hours"),
    (TIME | {"limit": "-1 h"}, "limit", "expected more than 0, got '-1 h'"),
    (TIME | {"limit": "0 h"}, "limit", "expected more than 0, got '0 h'"),
    (TIME | {"limit": "4000 d"}, "limit", "expected at most 3653 d, got '4000 d'"),
    (TIME | {"above": "-300 degC"}, "above", "expected -273.15 degC or more, got '-300 degC'"),
    (THRESHOLD | {"above": "-300 degC"}, "above", "expected -273.15 degC or more, got '-300 degC'"),
    (THRESHOLD | {"above": "25,5 degC"}, "above", "expected a decimal point as in '25.5 degC', got '25,5 degC'"),
    (THRESHOLD | {"channel": "humidity.air", "above": "500 %"}, "above", "expected at most 105 %, got '500 %'"),
    (THRESHOLD | {"for": "11000 d"}, "for", "expected at most 3653 d"),
    (THRESHOLD | {"channel": "pressure.inside", "above": "5 hPa", "clear": "6 hPa"}, "clear",
     "expected a level at or below the limit 5 hPa, got 6 hPa"),
    (THRESHOLD | {"phases": ["road", "air", "road"]}, "phases", "expected each phase once, road stands there 2 times"),
    (THRESHOLD | {"phases": "road"}, "phases", "expected a list such as [\"road\"], got 'road'"),
    ({"kind": "rate", "channel": HARDWARE, "over": "1 h", "below": "5 K/h"}, "below",
     "expected less than 0, a fall is negative: -5 K/h, got '5 K/h'"),
    (RATE | {"above": "-5 K/h"}, "above", "expected more than 0, a rise is positive: 5 K/h, got '-5 K/h'"),
    (RATE | {"above": "0 K/h"}, "above", "expected more than 0"),
    (RANGE | {"min_range": "2 K"}, "min_range", "expected only with damage"),
    (CONDENSATION | {"max_age": "20 min"}, "max_age", 'expected only with scope "container"'),
    (CONDENSATION | {"every": "20 s"}, "every", 'expected only with scope "container"'),
    (CONDENSATION | {"scope": "container", "max_age": "1 d"}, "max_age", "expected at most 1000 times every, 60 s"),
    (LEAK | {"above": "-300 Pa/d"}, "above", "expected more than 0, as a loss is positive, got '-300 Pa/d'"),
    (LEAK | {"differential": "differential.hold"}, "differential", "expected only with cracking"),
    (BATTERY | {"below": "150 %"}, "below", "expected at most 100 %"),
    (BATTERY | {"clear": "-1 %"}, "clear", "expected 0 % or more"),
    ({"kind": "health", "check": "range", "channel": "humidity.*", "most": "200 %"}, "most", "expected at most 105 %"),
    (ZSCORE | {"max_age": "1 h"}, "max_age", "expected only with method disagreement"),
    (DISAGREE | {"every": "100 ms"}, "max_age", "expected at most 1000 times every, 0.1 s"),
    (TIME | {"window": "24 h"}, "window", "expected only with measure mkt"),
    (TIME | {"below": "1 degC"}, "above", "expected exactly one of the keys above and below"),
    (TIME | {"per": "day"}, "per", "expected 'journey' or 'leg'"),
    (MKT | {"above": "25 degC"}, "above", "expected only with measure time or degree-hours"),
    (MKT | {"channel": "humidity.air", "limit": "5 %"}, "channel", "expected a temperature with measure mkt"),
    ({key: value for key, value in MKT.items() if key != "window"}, "window", "missing; measure mkt needs it"),
    (MKT | {"per": "leg"}, "per", "expected only with measure time or degree-hours"),
    (RANGE | {"range": "15 degC"}, "range", "one of the units K; 'degC' is no unit of temperature difference"),
    (RANGE | {"damage": 1.0}, "range", "expected exactly one of the keys range and damage"),
    (RANGE | {"exponent": 4}, "exponent", "expected only with damage"),
    ({"kind": "cycles", "channel": HARDWARE, "damage": 1.0, "exponent": 4}, "ref_range", "missing; damage needs it"),
    (DAMAGE | {"exponent": float("inf")}, "exponent", "expected a finite number"),
    (DAMAGE | {"ref_cycles": "1000"}, "ref_cycles", "expected a number, got '1000'"),
    ({"kind": "shock", "axis": "z"}, "peak", "missing; expected exactly one of the keys peak, velocity_change, "),
    (SHOCK | {"count": 5}, "within", "missing; expected both count and within"),
    (SHOCK | {"within": "1 h"}, "count", "missing; expected both count and within"),
    (COUNT | {"count": 0}, "count", "expected 1 or more"),
    (COUNT | {"count": 2.5}, "count", "expected a whole number, got 2.5"),
    (SHOCK | {"exponent": 4}, "exponent", "expected only with dose"),
    ({"kind": "shock", "axis": "z", "dose": 3.0, "floor": "1 g"}, "ref", "missing; dose needs it"),
    ({"kind": "shock", "axis": "z", "dose": 3.0, "floor": "1 g"}, "exponent", "missing; dose needs it"),
    (DOSE | {"peak": "2 g"}, "peak", "expected only without dose"),
    (DOSE | {"count": 5, "within": "1 h"}, "dose", "expected either dose, or count and within"),
    (SHOCK | {"floor": "1 g"}, "floor", "expected only with dose"),
    (DOSE | {"srs": [["10 Hz", "5 g"], ["20 Hz", "5 g"]]}, "srs", "expected only without dose, which adds up peaks"),
    (SHOCK | {"axis": "w"}, "axis", "expected 'x', 'y', 'z' or 'resultant', got 'w'"),
    (SHOCK | {"q": 10}, "q", "expected only with srs"),
    (SHOCK | {"drop_height": "0.3 m"}, "drop_height", "expected exactly one of the keys peak, velocity"),
    (SHOCK | {"place": ""}, "place", "expected text that is not empty"),
    (VELOCITY | {"velocity_change": "1.5 g"}, "velocity_change", "one of the units m/s, cm/s, mm/s; 'g' is no unit of"),
    (VELOCITY | {"velocity_change": "0 m/s"}, "velocity_change", "expected more than 0"),
    (VELOCITY | {"min_duration": "5 ms"}, "min_duration", "expected only with peak"),
    (BOUNDARY | {"damage_boundary": {"acceleration": "15 g"}}, "damage_boundary.velocity_change", "missing"),
    (BOUNDARY | {"damage_boundary": {"acceleration": "15 g", "dv": "1 m/s"}}, "damage_boundary.dv",
     "unknown key; expected one of acceleration, velocity_change"),
    (BOUNDARY | {"damage_boundary": {"acceleration": "15 m/s", "velocity_change": "1 m/s"}},
     "damage_boundary.acceleration", "'m/s' is no unit of acceleration"),
    (BOUNDARY | {"damage_boundary": "15 g"}, "damage_boundary", "expected a table"),
    (ENVELOPE | {"srs": [["10 Hz", "5 g"]]}, "srs", 'expected 2 to 100 points such as [["10 Hz", "5 g"], '),
    (ENVELOPE | {"srs": [["10 Hz", "5 g"]] * 101}, "srs", "expected 2 to 100 points"),
    (ENVELOPE | {"srs": "5 g"}, "srs", 'expected a list of points such as [["10 Hz", "5 g"]'),
    (ENVELOPE | {"srs": ["10 Hz", "5 g"]}, "srs", "expected a list of points such as"),
    (ENVELOPE | {"srs": [["20 Hz", "5 g"], ["20 Hz", "9 g"]]}, "srs", "ascending frequency, got 20 Hz behind 20 Hz"),
    (ENVELOPE | {"srs": [["0.01 Hz", "5 g"], ["20 Hz", "9 g"]]}, "srs", "expected frequencies from 0.1 Hz to 100 kHz"),
    (ENVELOPE | {"srs": [["10 Hz", "5 g"], ["200 kHz", "9 g"]]}, "srs", "expected frequencies from 0.1 Hz to 100 kHz"),
    (ENVELOPE | {"srs": [["10 Hz", "5 g"], ["20 Hz", "0 g"]]}, "srs[2][2]", "expected more than 0"),
    (ENVELOPE | {"srs": [["10 g", "5 g"], ["20 Hz", "1 g"]]}, "srs[1][1]", "'g' is no unit of frequency"),
    (ENVELOPE | {"srs": [[10, "5 g"], ["20 Hz", "1 g"]]}, "srs[1][1]", 'expected text such as "25 Hz"'),
    (ENVELOPE | {"q": 0.5}, "q", "expected more than 0.5"),
    (ENVELOPE | {"lowpass": "100 Hz"}, "lowpass", "expected only with peak or velocity_change or damage_boundary"),
    (DROP | {"axis": "z"}, "axis", "expected only with peak or velocity_change or damage_boundary or srs"),
    (DROP | {"drop_height": "12 in"}, "drop_height", "one of the units m, cm, mm; 'in' is no unit of length"),
    (DROP | {"within": "1 h"}, "count", "missing; expected both count and within"),
    (CONDENSATION | {"below": "5 degC"}, "below", "one of the units K; 'degC' is no unit of temperature difference"),
    (CONDENSATION | {"clear": "4 K"}, "clear", "expected a level at or above the limit 5"),
    (CONDENSATION | {"surface": ["humidity.air"]}, "surface", "expected channels temperature.<place>"),
    (CONDENSATION | {"surface": []}, "surface", "expected at least 1"),
    (CONDENSATION | {"above": "5 K"}, "above", "unknown key; expected one of id, severity"),
    (CONDENSATION | {"max_age": "0 s"}, "max_age", "expected more than 0"),
    (LEAK | {"above": "300 Pa"}, "above", "'Pa' is no unit of pressure loss"),
    (LEAK | {"above": "1 Pa m3/s", "clear": "200 Pa/d"}, "clear", "'Pa/d' is no unit of gas flow"),
    (LEAK | {"window": "36 h"}, "window", "expected 24 h or a multiple"),
    (LEAK | {"window": "0 h"}, "window", "expected more than 0"),
    (LEAK | {"pressure": "pressure.*"}, "pressure", "expected one channel pressure.<place>"),
    (LEAK | {"is_flow": True}, "is_flow", "unknown key"),
    (LEAK | {"clear": "-1 Pa/d"}, "clear", "expected 0 or more"),
    ({"kind": "health", "check": "stuck"}, "for", "missing; check stuck needs it"),
    ({"kind": "health", "check": "battery"}, "below", "missing; check battery needs it"),
    (BATTERY | {"clear": "10 %"}, "clear", "expected a level at or above the limit 20"),
    (BATTERY | {"step": "5 s"}, "step", "expected only with check clock"),
    (STUCK | {"tolerance": "1 K"}, "tolerance", "expected only with a channel of one quantity"),
    (STUCK | {"channel": "dew_point.air"}, "channel", 'expected "*" or <quantity>.<place>'),
    ({"kind": "health", "check": "range", "channel": "tilt.a", "least": "9 deg", "most": "1 deg"}, "least",
     "expected less than most"),
    (ZSCORE | {"above": "6 K"}, "above", "expected a number without unit such as 5, got '6 K'"),
    (ZSCORE | {"above": 0}, "above", "expected more than 0"),
    (ZSCORE | {"slack": 1.0}, "slack", "expected only with method cusum"),
    ({"kind": "statistic", "method": "cusum", "channel": HARDWARE, "above": 5}, "window", "missing; method cusum"),
    (DISAGREE | {"above": 1}, "above", 'expected text such as "25 K"'),
    (DISAGREE | {"window": "1 h"}, "window", "expected only with method z-score or cusum"),
    (FORECAST | {"within": "0 h"}, "within", "expected more than 0"),
    (FORECAST | {"below": "1 degC"}, "above", "expected exactly one of the keys above and below"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "key", "message"), WRONG)
def test_what_is_wrong_is_said_of_its_key(keys: dict[str, Any], key: str, message: str) -> None:
    """File and rule stand before it; the message says what was expected."""
    found = faults(**keys)
    assert message in found.get(key, ""), found


LEVEL = st.floats(-200.0, 1e6, allow_nan=False)
POSITIVE = st.floats(1e-3, 1e6)
SECONDS = POSITIVE.map(lambda x: f"{x!r} s")
QUANTITY = st.sampled_from(sorted(QUANTITIES))


def _text(values: st.SearchStrategy[float], dimension: str) -> st.SearchStrategy[str]:
    units = st.sampled_from(sorted(SCALES[dimension]))
    return st.builds(lambda value, unit: f"{value!r} {unit}", values, units)


def _levels(quantity: str) -> st.SearchStrategy[float]:
    """What a limit of the quantity may be; those with several units have 0 or nothing as a bound."""
    bounds = POSSIBLE.get(quantity, ("", ""))
    least, most = (parse_quantity(text, quantity) if text else None for text in bounds)
    return st.floats(-1e6 if least is None else least, 1e6 if most is None else most)


def _rates(side: str) -> st.SearchStrategy[float]:
    return POSITIVE if side == "above" else POSITIVE.map(lambda rate: -rate)


@st.composite
def _levelled(draw: st.DrawFn, dimension: str = "") -> dict[str, Any]:
    """A channel, a limit on one side and perhaps a clear level on its right side."""
    quantity = draw(QUANTITY)
    dimension = f"{quantity} {dimension}" if dimension else quantity
    side = draw(st.sampled_from(["above", "below"]))
    possible = _rates(side) if dimension.endswith("rate") else _levels(quantity)
    levels = sorted((draw(possible), draw(possible)), reverse=side == "above")
    unit = draw(st.sampled_from(sorted(SCALES[dimension])))
    keys = {"channel": f"{quantity}.*", side: f"{levels[0]!r} {unit}", "clear": f"{levels[1]!r} {unit}"}
    keys |= {"for": draw(SECONDS)}
    return keys if draw(st.booleans()) else {key: keys[key] for key in keys if key != "clear"}


@st.composite
def _envelopes(draw: st.DrawFn) -> list[list[str]]:
    """Points in ascending frequency, at least two."""
    frequencies = draw(st.lists(st.floats(0.1, 1e5), min_size=2, max_size=5, unique=True))
    return [[f"{hz!r} Hz", draw(_text(POSITIVE, "acceleration"))] for hz in sorted(frequencies)]


def _kind(kind: str, *parts: st.SearchStrategy[dict[str, Any]], **keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    fixed = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in keys.items()}
    return st.tuples(st.fixed_dictionaries(fixed), *parts).map(
        lambda all_keys: {"kind": kind} | {key: value for part in all_keys for key, value in part.items()}
    )


K, G, PER = (
    _text(POSITIVE, "temperature difference"),
    _text(POSITIVE, "acceleration"),
    st.sampled_from(["leg", "journey"]),
)
RULES = st.one_of(
    _kind("threshold", _levelled()),
    _kind("rate", _levelled("rate"), over=SECONDS),
    _kind("exposure", channel=HARDWARE, measure="time", below=_text(LEVEL, "temperature"), per=PER,
          limit=_text(st.floats(1e-3, 3e3), "hours")),
    _kind("exposure", channel="humidity.air", measure="degree-hours", per=PER,
          above=_text(_levels("humidity"), "humidity"), limit=_text(POSITIVE, "humidity hours")),
    _kind("exposure", channel=HARDWARE, measure="mkt", limit=_text(LEVEL, "temperature"), window=SECONDS),
    _kind("cycles", channel=HARDWARE, range=K, per=PER),
    _kind("cycles", channel=HARDWARE, damage=POSITIVE, min_range=K, ref_range=K, ref_cycles=POSITIVE,
          exponent=POSITIVE),
    _kind("shock", axis="x", peak=G, lowpass=_text(POSITIVE, "frequency"), min_duration=SECONDS),
    _kind("shock", axis="y", peak=G, count=st.integers(1, 10**6), within=SECONDS),
    _kind("shock", velocity_change=_text(POSITIVE, "velocity"), place=st.text(min_size=1, max_size=9), axis="z"),
    _kind("shock", damage_boundary=st.fixed_dictionaries(
          {"acceleration": _text(POSITIVE, "acceleration"), "velocity_change": _text(POSITIVE, "velocity")})),
    _kind("shock", srs=_envelopes(), q=st.floats(0.6, 1e3)),
    _kind("shock", drop_height=_text(POSITIVE, "length"), count=st.integers(1, 10**6), within=SECONDS),
    _kind("shock", axis="resultant", dose=POSITIVE, ref=G, exponent=st.floats(1e-3, 100), floor=G),
    _kind("condensation", below=K, surface=["temperature.wall_*", HARDWARE], air="hold", scope="container",
          max_age=st.floats(1e-3, 1e3).map(lambda seconds: f"{seconds!r} s"),
          every=st.just("1 s"), **{"for": SECONDS}),
    _kind("condensation", below=K, scope="logger"),
    _kind("leak", above=_text(POSITIVE, "pressure loss"), cracking=_text(POSITIVE, "pressure"), window="2 d"),
    _kind("leak", above=_text(POSITIVE, "gas flow"), clear="0 Pa m3/s"),
    _kind("health", check="stuck", channel="temperature.*", tolerance=K, **{"for": SECONDS}),
    _kind("health", check="range", channel="pressure.*", least="1e-6 Pa", most=_text(POSITIVE, "pressure")),
    _kind("health", check="memory", above="90 %", clear="8e1 %"),
    _kind("health", check="clock", step=SECONDS),
    _kind("statistic", method="z-score", channel=HARDWARE, window=SECONDS, above=POSITIVE),
    _kind("statistic", method="cusum", channel=HARDWARE, window=SECONDS, above=POSITIVE, slack=POSITIVE),
    _kind("statistic", method="disagreement", channel=HARDWARE, above=K),
    _kind("forecast", _levelled(), within=SECONDS, window=SECONDS),
)  # fmt: skip
COMMON = st.fixed_dictionaries({}, optional={"phases": st.just(["road", "air"]), "guard": st.just("accuracy")})


@settings(max_examples=300)
@given(RULES, COMMON)
def test_the_journal_gives_back_the_same_rule(keys: dict[str, Any], common: dict[str, Any]) -> None:
    """Defaults are written out, values in the unit used inside, and nothing is lost, of any kind."""
    profile = Profile.model_validate({"name": "p", "rule": [{"id": "r", "severity": "info", **keys, **common}]})
    text = canonical_json(profile)
    again = Profile.model_validate(json.loads(text))
    assert again == profile
    assert canonical_json(again) == text
    assert rule_digest(again.rule[0]) == rule_digest(profile.rule[0])


@given(st.sampled_from(sorted(SCALES)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_survives_being_written(dimension: str, value: float) -> None:
    assert parse_quantity(format_quantity(value, dimension), dimension) == value


def test_a_value_too_large_is_refused() -> None:
    """Whatever the exponent, without a traceback or a long wait."""
    for text in ("1e400 K", "1e999999999 K", "-1e99999999999999999999 K"):
        with pytest.raises(ValueError, match="too large"):
            parse_quantity(text, "dew_margin")


def test_digests_of_rules_from_before_stay() -> None:
    """A key that a later version adds makes no rule a changed one: state and totals survive an update."""
    threshold = rule(id="a", **THRESHOLD | {"clear": "24 degC", "for": "10 min"})
    text = (
        '{"id":"a","severity":"warning","kind":"threshold","channel":"temperature.hardware","above":"25.0 degC",'
        '"below":null,"clear":"24.0 degC","for_s":"600.0 s"}'
    )
    assert rule_digest(threshold) == hashlib.sha256(text.encode()).hexdigest()[:16]
    text = '{"id":"a","severity":"warning","kind":"shock","axis":"z","peak_g":"2.0 g","lowpass_hz":"100.0 Hz"}'
    assert rule_digest(rule(id="a", **SHOCK | {"lowpass": "100 Hz"})) == hashlib.sha256(text.encode()).hexdigest()[:16]
    text = text.replace('"z"', '"resultant"')  # which is the default now, and had to be written before
    resultant = rule(id="a", kind="shock", peak="2 g", lowpass="100 Hz")
    assert rule_digest(resultant) == hashlib.sha256(text.encode()).hexdigest()[:16]
    text = (
        '{"id":"a","severity":"warning","kind":"shock","axis":"z","floor_g":"0.5 g","peak_g":"0.5 g","dose":3.0,'
        '"ref_g":"2.0 g","exponent":4.0}'
    )
    assert rule_digest(rule(id="a", **DOSE)) == hashlib.sha256(text.encode()).hexdigest()[:16]


SENSELESS: list[dict[str, Any]] = [
    {"kind": "rate", "channel": HARDWARE, "over": "1 h", "below": "5 K/h"},
    THRESHOLD | {"above": "-300 degC", "phases": ["road", "road"]},
    TIME | {"limit": "0 h"},
    RANGE | {"min_range": "2 K"},
    CONDENSATION | {"max_age": "20 d"},
    LEAK | {"above": "-3 Pa/d", "differential": "differential.hold"},
    BATTERY | {"below": "150 %"},
    DISAGREE | {"every": "1 ms"},
]


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"peak": "1e-7 g"}, "peak"),
        ({"peak": "1e10 g"}, "peak"),
        ({"velocity_change": "1e40 m/s"}, "velocity_change"),
        ({"drop_height": "1e-9 m"}, "drop_height"),
        ({"srs": [["10 Hz", "5 g"], ["100 Hz", "1e-50 g"]]}, "srs"),
        ({"damage_boundary": {"acceleration": "15 g", "velocity_change": "1e300 m/s"}}, "damage_boundary"),
        ({"dose": 1.0, "floor": "1e-9 g", "ref": "1 g", "exponent": 4}, "floor"),
        ({"dose": 1.0, "floor": "1 g", "ref": "1e-300 g", "exponent": 4}, "ref"),
        ({"dose": 1.0, "floor": "1 g", "ref": "1 g", "exponent": 101}, "exponent"),
        ({"srs": [["10 Hz", "5 g"], ["100 Hz", "5 g"]], "q": 1001.0}, "q"),
    ],
)
def test_levels_that_nothing_has_are_refused_but_read_from_a_journal(keys: dict[str, Any], key: str) -> None:
    """Beyond what float32 holds apart, a rule fires never or always; each fault is told once, under its key."""
    table = {"id": "r", "kind": "shock", "severity": "info"} | keys
    with pytest.raises(ValidationError, match=f"{key}: expected ") as refused:
        TypeAdapter(Rule).validate_python(table)
    assert len(str(refused.value.errors()[0]["msg"]).splitlines()) == 1
    assert TypeAdapter(Rule).validate_python(table, context=JOURNALLED).id == "r"


def test_the_journal_gives_back_what_an_earlier_version_took() -> None:
    """A rule that a file may no longer have does not keep a replay from reading the journal."""
    for keys in SENSELESS:
        assert faults(**keys)
    tables = [{"id": f"r{number}", "severity": "info"} | keys for number, keys in enumerate(SENSELESS)]
    document = {"profiles": {"p": {"name": "p", "rule": tables}}}
    read = Rules.from_json(json.dumps(document).encode())
    assert len(read.profiles["p"].rule) == len(SENSELESS)
    assert Rules.from_json(read.to_json()) == read


def test_shock_rules_of_an_earlier_version_are_read() -> None:
    """As it wrote them, and as this one writes them still: the digest of a profile stays too."""
    text = (
        b'{"name":"p","rule":[{"axis":"z","id":"a","kind":"shock","lowpass":"100.0 Hz","min_duration":"0.005 s",'
        b'"peak":"2.0 g","severity":"alarm"},{"axis":"resultant","dose":3.0,"exponent":4.0,"floor":"0.5 g","id":"b",'
        b'"kind":"shock","min_duration":"0.0 s","peak":"0.5 g","ref":"2.0 g","severity":"info"}],"title":""}'
    )
    assert canonical_json(Profile.model_validate(json.loads(text))) == text


def test_what_of_a_shock_is_judged() -> None:
    """Quantity and level of each form; a dose is on peaks above its floor, a count on any."""
    forms: list[dict[str, Any]] = [SHOCK, COUNT, DOSE, VELOCITY, BOUNDARY, ENVELOPE, DROP]
    got = [(each.quantity, each.level, each.is_of_events) for each in (rule(**keys) for keys in forms)]
    assert got == [
        ("peak", 2.0, True), ("peak", 2.0, False), ("peak", 0.5, False), ("velocity_change", 1.5, True),
        ("damage_boundary", 1.0, True), ("srs", 1.0, True), ("drop_height", 0.3, True),
    ]  # fmt: skip
    assert rule(**ENVELOPE).srs == ((10.0, 20.0), (100.0, 5.0)) and rule(**ENVELOPE).axis == "resultant"
    assert (rule(**ENVELOPE).q_factor, rule(**ENVELOPE | {"q": 25}).q_factor) == (10.0, 25.0)


def test_where_a_shock_rule_judges() -> None:
    """By the logger's place; a logger without one only where no place, or every place, is meant."""
    forward = rule(**SHOCK | {"place": "hardware*, fwd"})
    assert forward.applies_to("hardware interface, fwd") and not forward.applies_to("Hardware interface, fwd")
    assert not forward.applies_to(None) and not forward.applies_to("hardware interface, aft")
    assert rule(**SHOCK).applies_to(None) and rule(**SHOCK | {"place": "*"}).applies_to(None)


def test_which_channels_a_rule_judges() -> None:
    """Globs of the place; margin and loss by their own channel; health of what is measured only."""
    assert rule(**THRESHOLD | {"channel": "temperature.*"}).judges("temperature.wall_1")
    assert not rule(**THRESHOLD | {"channel": "temperature.wall_?"}).judges("temperature.air")
    assert rule(**CONDENSATION | {"air": "hold"}).judges("dew_margin.hold")
    assert rule(**LEAK).judges("leak.inside") and rule(**LEAK).channel == "leak.inside"
    assert rule(**STUCK).judges("light.air") and not rule(**STUCK).judges("dew_point.air")
    assert rule(**SHOCK).judges("shock.a") and not rule(**SHOCK).judges("acceleration.peak")


def test_derived_channels_have_fields_but_are_not_taken_from_loggers() -> None:
    """As the table of measurements says."""
    expected = {
        "dew_point.air": "dew_point_air_c", "dew_margin.air": "dew_margin_k",
        "pressure_norm.inside": "pressure_norm_inside_pa",
        "absolute_humidity.air": "absolute_humidity_air_g_m3", "differential.computed": "differential_computed_pa",
    }  # fmt: skip
    assert {channel: derived_field_name(channel) for channel in expected} == expected
    assert [field_name(channel) for channel in expected if not channel.startswith("diff")] == [None] * 4
    assert derived_field_name("temperature.air") is None


ACCURACIES = {HARDWARE: 0.2, "temperature.air": 0.3, "humidity.air": 2.0, "pressure.inside": 100.0,
              "pressure.outside": 100.0, "shock.a": 0.1}  # fmt: skip
DEW_U = hypot(0.9576 * 0.3, 0.2211 * 2.0)
GAS_U = hypot(100.0, 345.6 * 0.3)
UNCERTAINTY = [
    (THRESHOLD, HARDWARE, 0.2),
    (THRESHOLD, "temperature.wall", None),
    ({"kind": "threshold", "channel": "dew_point.air", "above": "9 degC"}, "dew_point.air", DEW_U),
    ({"kind": "threshold", "channel": "dew_margin.air", "below": "5 K"}, "dew_margin.air", hypot(0.2, DEW_U)),
    (
        {"kind": "threshold", "channel": "differential.computed", "above": "1 hPa"},
        "differential.computed",
        100 * sqrt(2),
    ),
    ({"kind": "threshold", "channel": "pressure_norm.inside", "above": "1 bar"}, "pressure_norm.inside", GAS_U),
    (RATE, HARDWARE, sqrt(2) * 0.2),
    (RATE | {"over": "30 min"}, HARDWARE, sqrt(2) * 0.4),
    (TIME, HARDWARE, None),
    (MKT, HARDWARE, 0.2),
    (RANGE, HARDWARE, sqrt(2) * 0.2),
    (DAMAGE, HARDWARE, None),
    (CONDENSATION, "dew_margin.air", hypot(0.2, DEW_U)),
    (CONDENSATION | {"air": "hold"}, "dew_margin.hold", None),
    (LEAK, "leak.inside", sqrt(2) * GAS_U),
    (LEAK | {"window": "48 h"}, "leak.inside", sqrt(2) * GAS_U / 2),
    (LEAK | {"above": "0.01 Pa m3/s"}, "leak.inside", sqrt(2) * GAS_U * 9.2 / 86400),
    (FORECAST, HARDWARE, 0.2),
    (ZSCORE, HARDWARE, None),
    (SHOCK, "shock.a", 0.1),
    (COUNT, "shock.a", None),
    (STUCK, HARDWARE, None),
]


@pytest.mark.parametrize(("keys", "channel", "expected"), UNCERTAINTY)
def test_uncertainty_of_what_is_judged(keys: dict[str, Any], channel: str, expected: float | None) -> None:
    """By the channels it is made of; None where nobody can say."""
    got = propagated(rule(**keys), ACCURACIES.get, channel, volume_m3=9.2)
    assert got == (None if expected is None else pytest.approx(expected, rel=1e-12))


def test_sensitivities_are_those_of_the_formula() -> None:
    """The constants against differences of the Magnus formula at 20 degC and 70 %RH."""
    from monitor.detect.kernels.humidity import absolute_humidity_at, dew_point, log_pressure

    def vapour(temperature_c: float, humidity_pct: float) -> float:
        return float(absolute_humidity_at(log_pressure(temperature_c, humidity_pct), temperature_c))

    from monitor.model.rules import accuracy

    for function, per_k, per_percent in (
        (lambda t, h: float(dew_point(t, h)), accuracy.DEW_PER_K, accuracy.DEW_K_PER_PERCENT),
        (vapour, accuracy.VAPOUR_G_M3_PER_K, accuracy.VAPOUR_G_M3_PER_PERCENT),
    ):
        assert (function(20.01, 70.0) - function(19.99, 70.0)) / 0.02 == pytest.approx(per_k, rel=2e-4)
        assert (function(20.0, 70.01) - function(20.0, 69.99)) / 0.02 == pytest.approx(per_percent, rel=5e-4)


def test_every_quantity_has_its_units() -> None:
    """The shown unit of a channel is one that a file may use."""
    assert UNITS.keys() | {"dew_point"} <= QUANTITIES.keys() <= SCALES.keys()
    assert all(unit in SCALES[quantity] for quantity, (unit, _) in QUANTITIES.items())

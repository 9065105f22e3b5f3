"""The journal gives back the same rule with the same digest, also one that an earlier version took."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.config.rules import Rules, canonical_json
from monitor.detect.rules import rule_digest
from monitor.model.channel import QUANTITIES
from monitor.model.limit import Profile, Rule
from monitor.model.quantity import POSSIBLE, SCALES, format_quantity, parse_quantity
from monitor.model.strict import JOURNALLED
from tests.kinds import (
    BATTERY,
    CONDENSATION,
    DISAGREE,
    DOSE,
    HARDWARE,
    LEAK,
    RANGE,
    SHOCK,
    THRESHOLD,
    TIME,
    faults,
    rule,
)

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

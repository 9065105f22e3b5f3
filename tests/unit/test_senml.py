"""SenML packs decode to what RFC 8428 says, in JSON and CBOR, however their base fields are arranged."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.errors import WireError
from monitor.wire.senml import LABELS, Measurement, read_pack

NOW_US = 1_700_000_000_000_000
DEVICE = "urn:dev:ow:10e2073a01080063"
KEYS = {label: key for key, label in LABELS.items()}
Pack = list[dict[str, Any]]
Resolved = tuple[str, str | None, float, float]


def as_cbor(pack: Any) -> bytes:
    """With the integer labels of section 6."""
    if not isinstance(pack, list):
        return cbor2.dumps(pack)
    return cbor2.dumps(
        [{KEYS.get(key, key): record[key] for key in record} if isinstance(record, dict) else record for record in pack]
    )


def read(pack: Pack | str | bytes, *, is_cbor: bool = False) -> list[Measurement]:
    if not isinstance(pack, str | bytes):
        pack = as_cbor(pack) if is_cbor else json.dumps(pack)
    payload = pack.encode() if isinstance(pack, str) else pack
    return read_pack(payload, is_cbor=is_cbor, received_us=NOW_US)


def resolved(measurements: list[Measurement]) -> list[Resolved]:
    """Name, unit, time (s to the microsecond; from now where it is relative) and value of each."""
    return [(one.name, one.unit, (one.time_us - NOW_US * one.is_relative) / 1e6, one.value) for one in measurements]


CURRENTS = [
    {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e09, "bu": "A", "bver": 5,
     "n": "voltage", "u": "V", "v": 120.1},
    *({"n": "current", "t": t, "v": v} for t, v in ((-5, 1.2), (-4, 1.3), (-3, 1.4), (-2, 1.5), (-1, 1.6))),
    {"n": "current", "v": 1.7},
]  # fmt: skip
PLACES = [  # section 5.1.3: seconds, then humidity, longitude, latitude
    (0, 20, 24.30621, 60.07965), (60, 20.3, 24.30622, 60.07965),
    (120, 20.7, 24.30623, 60.07966), (180, 21.2, 24.30628, 60.07967),
]  # fmt: skip
BATTERY = {"u": "%EL", "t": 150, "v": 98}
BEGAN_S = 1.320067464e9
QUERIED_S = 1.320078429e9


def places() -> Pack:
    """Section 5.1.3, as it stands there."""
    pack: Pack = []
    for t, humidity, longitude, latitude in PLACES:
        at = {"t": t} if t else {}
        pack += [at | {"v": humidity}, {"u": "lon"} | at | {"v": longitude}, {"u": "lat"} | at | {"v": latitude}]
    pack[0] = {"bn": DEVICE, "bt": BEGAN_S, "bu": "%RH"} | pack[0]
    return [*pack[:9], BATTERY, *pack[9:]]


def places_resolved() -> list[Resolved]:
    """Section 5.1.4, as it stands there."""
    found: list[Resolved] = []
    for t, humidity, longitude, latitude in PLACES:
        for unit, value in (("%RH", humidity), ("lon", longitude), ("lat", latitude)):
            found.append((DEVICE, unit, BEGAN_S + t, value))
    return [*found[:9], (DEVICE, "%EL", BEGAN_S + 150, 98), *found[9:]]


RFC_8428: dict[str, tuple[Pack, list[Resolved]]] = {
    "5.1.1": ([{"n": DEVICE, "u": "Cel", "v": 23.1}], [(DEVICE, "Cel", 0, 23.1)]),
    "5.1.2 now": (
        [{"bn": f"{DEVICE}:", "n": "voltage", "u": "V", "v": 120.1}, {"n": "current", "u": "A", "v": 1.2}],
        [(f"{DEVICE}:voltage", "V", 0, 120.1), (f"{DEVICE}:current", "A", 0, 1.2)],
    ),
    "5.1.2 five seconds": (
        CURRENTS,
        [
            ("urn:dev:ow:10e2073a0108006:voltage", "V", 1276020076.001, 120.1),
            *(
                ("urn:dev:ow:10e2073a0108006:current", "A", 1276020076.001 + t, v)
                for t, v in zip(range(-5, 1), (1.2, 1.3, 1.4, 1.5, 1.6, 1.7), strict=True)
            ),
        ],
    ),
    "5.1.2 stream": (
        [{"bn": DEVICE, "bt": BEGAN_S, "bu": "%RH", "v": 21.2}, {"t": 10, "v": 21.3}, {"t": 80, "v": 21.7}],
        [(DEVICE, "%RH", BEGAN_S, 21.2), (DEVICE, "%RH", BEGAN_S + 10, 21.3), (DEVICE, "%RH", BEGAN_S + 80, 21.7)],
    ),
    "5.1.3": (places(), places_resolved()),
    "5.1.5": (
        [
            {"bn": f"{DEVICE}:", "n": "temp", "u": "Cel", "v": 23.1},
            {"n": "label", "vs": "Machine Room"},
            {"n": "open", "vb": False},
            {"n": "nfv-reader", "vd": "aGkgCg"},
        ],
        [(f"{DEVICE}:temp", "Cel", 0, 23.1)],
    ),
    "5.1.6": (
        [
            {"bn": "2001:db8::2/", "bt": QUERIED_S, "n": "temperature", "u": "Cel", "v": 25.2},
            {"n": "humidity", "u": "%RH", "v": 30},
            {"bn": "2001:db8::1/", "n": "temperature", "u": "Cel", "v": 12.3},
            {"n": "humidity", "u": "%RH", "v": 67},
        ],
        [
            ("2001:db8::2/temperature", "Cel", QUERIED_S, 25.2),
            ("2001:db8::2/humidity", "%RH", QUERIED_S, 30),
            ("2001:db8::1/temperature", "Cel", QUERIED_S, 12.3),
            ("2001:db8::1/humidity", "%RH", QUERIED_S, 67),
        ],
    ),
    "5.1.7 thermostat": (
        [{"bn": f"{DEVICE}:"}, {"n": "temp", "u": "Cel", "v": 23.1}, {"n": "heat", "u": "/", "v": 1},
         {"n": "fan", "u": "/", "v": 0}],
        [(f"{DEVICE}:temp", "Cel", 0, 23.1), (f"{DEVICE}:heat", "/", 0, 1), (f"{DEVICE}:fan", "/", 0, 0)],
    ),
    "5.1.7 lights": (
        [{"bt": QUERIED_S, "bu": "/", "n": "2001:db8::3", "v": 0.5}, {"n": "2001:db8::4", "v": 0.5},
         {"n": "2001:db8::3", "t": 0.1, "v": 0}, {"n": "2001:db8::4", "t": 0.1, "v": 0}],
        [("2001:db8::3", "/", QUERIED_S, 0.5), ("2001:db8::4", "/", QUERIED_S, 0.5),
         ("2001:db8::3", "/", QUERIED_S + 0.1, 0), ("2001:db8::4", "/", QUERIED_S + 0.1, 0)],
    ),
}  # fmt: skip

SECTION_6 = bytes.fromhex(
    "87a721781b75726e3a6465763a6f773a31306532303733613031303830303"  # as the RFC dumps it, byte for byte
    "63a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff33333"
    "33333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a300676375727265"
    "6e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"
)


@pytest.mark.parametrize("is_cbor", [False, True])
@pytest.mark.parametrize("section", RFC_8428)
def test_rfc_8428_examples(section: str, is_cbor: bool) -> None:
    """Each example of section 5.1 resolves to the names, units, times and values that the RFC gives it."""
    pack, expected = RFC_8428[section]
    assert resolved(read(pack, is_cbor=is_cbor)) == [
        (name, unit, round(time_s, 6), value) for name, unit, time_s, value in expected
    ]


def test_rfc_8428_section_6() -> None:
    """The dump of the CBOR form is the second example of 5.1.2."""
    assert len(SECTION_6) == 0xC3
    assert read(SECTION_6, is_cbor=True) == read(CURRENTS)


def test_relative_times_count_from_the_receipt() -> None:
    """Below 2**28 s (section 4.5.3) a time is now plus so much, and what lies in the past or future says so."""
    edge = 2**28
    found = read([{"n": "a", "v": 1, "t": t} for t in (0, -5, 0.25, edge - 1, edge)])
    assert [one.is_relative for one in found] == [True, True, True, True, False]
    assert [one.time_us for one in found] == [
        NOW_US, NOW_US - 5_000_000, NOW_US + 250_000, NOW_US + (edge - 1) * 1_000_000, edge * 1_000_000,
    ]  # fmt: skip


def test_decimal_fractions_are_numbers() -> None:
    """Section 6 allows tag 4: 273.15 is 27315 times ten to the -2."""
    value = cbor2.CBORTag(4, [-2, 27315])
    (found,) = read(cbor2.dumps([{0: "a", 2: value}]), is_cbor=True)
    assert found.value == 273.15


def test_sums_and_unknown_fields_are_passed_over() -> None:
    """A sum alone is no reading; fields that nobody has to know change nothing, their neighbours count."""
    pack = [{"n": "a", "s": 5}, {"n": "a", "v": 1, "bs": 2, "ut": 60, "note": "x", "list": [1, [2]]}]
    for is_cbor in (False, True):
        assert [one.value for one in read(pack, is_cbor=is_cbor)] == [1]


WRONG: dict[str, tuple[Any, str]] = {
    "no array": ({"n": "a", "v": 1}, "SenML: expected an array"),
    "no record": ([[1]], "[0].record: expected a map"),
    "must be understood": (
        [{"n": "a", "v": 1}, {"n": "a", "v": 1, "tag_": 1}],
        "[1].'tag_': a field that has to be understood",
    ),
    "newer version": ([{"bver": 11, "n": "a", "v": 1}], "[0].bver: expected a version from 1 to 10"),
    "version of no number": ([{"bver": "10", "n": "a", "v": 1}], "[0].bver: "),
    "two versions": ([{"bver": 5, "n": "a", "v": 1}, {"bver": 10, "n": "a", "v": 1}], "[1].bver: expected one"),
    "value as text": ([{"n": "a", "v": "1"}], "[0].v: expected a finite number"),
    "value as bool": ([{"n": "a", "v": True}], "[0].v: expected a finite number"),
    "two values": ([{"n": "a", "v": 1, "vs": "x"}], "[0].vs: expected one value"),
    "time as text": ([{"n": "a", "v": 1, "t": "now"}], "[0].t: expected a finite number"),
    "time beyond all": ([{"n": "a", "v": 1, "bt": 1e300}], "[0].t: expected a time"),
    "name of no text": ([{"n": 5, "v": 1}], "[0].n: expected text"),
    "name with a blank": ([{"n": "a b", "v": 1}], "[0].n: expected a name"),
    "name that begins with a sign": ([{"n": ":a", "v": 1}], "[0].n: expected a name"),
    "no name": ([{"v": 1}], "[0].n: expected a name"),
    "long name": ([{"bn": "a" * 200, "n": "a" * 200, "v": 1}], "[0].n: expected a name"),
    "long base name": ([{"bn": "a" * 300, "n": "a", "v": 1}], "[0].bn: expected text of at most 256"),
    "long unit": ([{"n": "a", "u": "u" * 33, "v": 1}], "[0].u: expected text of at most 32"),
    "too many": ([{}] * 2_049, "SenML: expected at most 2048 records"),
}


@pytest.mark.parametrize("is_cbor", [False, True])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_by_its_path(what: str, is_cbor: bool) -> None:
    """Record and label of what cannot be used."""
    pack, path = WRONG[what]
    if is_cbor and what in ("no array", "no record"):
        path = "CBOR: expected"  # seen before anything is built
    with pytest.raises(WireError) as caught:
        read(pack, is_cbor=is_cbor)
    assert str(caught.value).startswith(path)


WRONG_JSON = {
    '[{"n":"a","v":NaN}]': "JSON: expected numbers, got NaN",
    '[{"n":"a","v":-Infinity}]': "JSON: expected numbers, got -Infinity",
    '[{"n":"a","v":1e999}]': "[0].v: expected a finite number",
    '[{"n":"a","v":1' + "0" * 400 + "}]": "[0].v: expected a number below 2^63",
    '[{"n":"a","v":1' + "0" * 5_000 + "}]": "JSON: Exceeds the limit",
    '[{"n":"a","v":1,"v":2}]': "JSON: expected each key of an object once",
    '[{"n":"a","v":1}] []': "JSON: Extra data",
    "[" * 2_000: "JSON: nested too deep",
    "[" * 5_000: "JSON: expected at most 4096 objects and lists",
    "": "JSON: Expecting value",
}


@pytest.mark.parametrize("text", WRONG_JSON)
def test_json_that_is_none(text: str) -> None:
    """What the standard library would take in silence is refused too."""
    with pytest.raises(WireError) as caught:
        read(text)
    assert str(caught.value).startswith(WRONG_JSON[text])


def test_only_utf_8_is_json() -> None:
    """UTF-16 is refused (section 5), and so is a byte that is no UTF-8."""
    for payload in ('[{"n":"a","v":1}]'.encode("utf-16"), b'[{"n":"\xff","v":1}]'):
        with pytest.raises(WireError, match="JSON: "):
            read(payload)


WRONG_CBOR = {
    "9fa2006161 0201ff": "CBOR: expected definite lengths",
    "81a1802001": "CBOR: expected integers or text as keys",
    "81a2f6000201": "CBOR: expected integers or text as keys",
    "81a100a10000": "CBOR: expected no map",
    "81a100c101": "CBOR: expected no map and no tag but 4",
    "81a2006161 02c48219270f01": "CBOR: expected a decimal fraction",
    "81a2006161 02c401": "CBOR: expected a decimal fraction",
    "81a2006161 026161": "[0].v: expected a finite number",
    "81a2006161 02f97e00": "[0].v: expected a finite number, got nan",
    "81a2006161 02f97c00": "[0].v: expected a finite number, got inf",
    "81a300616100616102 01": "CBOR: ",
    "81a200616161766161": "[0].v: expected a finite number",
    "81a30061610201617602": "[0].v: given twice",
    "81a2006161 020100": "CBOR: expected one array of",
    "81a2006161": "CBOR: ends within an item",
    "81a20061ff0201": "CBOR: ",
    "9bffffffffffffffff": "CBOR: expected at most 18432 items",
    "81a100 9bffffffffffffffff": "CBOR: expected at most 18432 items",
    "": "CBOR: ends within an item",
}


@pytest.mark.parametrize("text", WRONG_CBOR)
def test_cbor_that_is_none(text: str) -> None:
    """Each with the reason, whatever it would have been decoded to."""
    with pytest.raises(WireError) as caught:
        read(bytes.fromhex(text), is_cbor=True)
    assert str(caught.value).startswith(WRONG_CBOR[text])


eighths = st.integers(-80_000, 80_000).map(lambda number: number / 8)  # sums of them are exact, as doubles and in us
flat = st.fixed_dictionaries(
    {
        "n": st.text("abAB01", min_size=1, max_size=4).map(lambda text: f"x{text}"),
        "t": st.integers(8 * 2**30, 8 * 2**31).map(lambda number: number / 8),
        "v": eighths,
    },
    optional={"u": st.sampled_from(["Cel", "%RH", "Pa"])},
)


@given(st.lists(flat, max_size=12))
def test_both_forms_say_the_same(pack: Pack) -> None:
    """JSON and CBOR of one pack give the same measurements, and a resolved pack gives what it says."""
    found = read(pack)
    assert found == read(pack, is_cbor=True)
    assert resolved(found) == [(one["n"], one.get("u"), one["t"], one["v"]) for one in pack]


@given(st.lists(flat.map(lambda one: {"u": "Pa"} | one), max_size=12), st.data())
def test_base_fields_may_be_arranged_in_any_way(pack: Pack, data: st.DataObject) -> None:
    """Taking parts of name, time, value and unit into base fields, anew at any record or alone, changes nothing."""
    arranged: Pack = []
    base: dict[str, Any] = {"bn": "", "bt": 0.0, "bv": 0.0, "bu": None}
    for one in pack:
        fields: dict[str, Any] = {}
        is_new, is_alone = data.draw(st.booleans()), data.draw(st.booleans())
        if is_new or not one["n"].startswith(base["bn"]):
            cut = data.draw(st.integers(0, len(one["n"])))
            fields = {"bn": one["n"][:cut], "bt": data.draw(eighths), "bv": data.draw(eighths), "bu": one["u"]}
            base = fields
        if fields and is_alone:
            arranged.append(fields)
            fields = {}
        record = fields | {"t": one["t"] - base["bt"], "v": one["v"] - base["bv"]}
        if base["bu"] != one["u"]:
            record["u"] = one["u"]
        if one["n"] != base["bn"]:
            record["n"] = one["n"].removeprefix(base["bn"])
        arranged.append(record)
    assert read(arranged) == read(pack) == read(arranged, is_cbor=True)

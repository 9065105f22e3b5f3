"""Families of health, statistic and forecast rules: what they fire, and that cuts and restarts change nothing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.families.sensors import Missing, Reach, Stuck
from monitor.detect.families.statistic import Cusums, Forecasts, ZScores
from monitor.detect.gather import gather
from monitor.detect.phases import Phases
from monitor.detect.streams import Streams
from monitor.model.batch import Block, Finding
from tests.views import View

S = 1_000_000_000
H = 3600
CHANNELS = ("temperature.air", "humidity.air")
FAMILIES: tuple[type, ...] = (Stuck, Missing, Reach, ZScores, Cusums, Forecasts)
STUCK: dict[str, Any] = {"kind": "health", "check": "stuck", "id": "stuck", "for": "1 h"}
NAN: dict[str, Any] = {"kind": "health", "check": "nan", "id": "nan", "for": "1 h", "above": "50 %"}
RANGE: dict[str, Any] = {"kind": "health", "check": "range", "id": "range"}


class Judge:
    """All these families over a view, as the engine runs them."""

    def __init__(self, view: View) -> None:
        self.view, self.streams = view, Streams(view)
        self.families = [family(self.streams, view) for family in FAMILIES]

    def step(self, blocks: list[Block]) -> list[Finding]:
        """Findings of a batch but for growing peaks, which depend on the cuts."""
        columns, _ = gather(blocks, self.streams)
        phases = Phases(self.view)
        found = [placed for column in columns for family in self.families for placed in family.step(column, phases, [])]
        return [finding for _, finding in found if finding.change != "peak"]

    def restarted(self) -> Judge:
        """Another one that goes on from this one's snapshot."""
        other = Judge(self.view)
        for old, new in zip(self.families, other.families, strict=True):
            assert new.adopt(cbor2.loads(cbor2.dumps(old.snapshot(None)))) == []
        return other

    def snapshot(self) -> list[dict[str, Any]]:
        """The state of each."""
        return [family.snapshot(None) for family in self.families]


def block(values: list[float], minutes: list[float] | None = None, **more: Any) -> Block:
    """Readings of the air's temperature a minute apart."""
    times = range(len(values)) if minutes is None else minutes
    times_ns = np.array([round(minute * 60 * S) for minute in times], dtype=np.int64)
    array = np.array(values, dtype=np.float32)[:, None]
    return replace(Block(1, "c", "l", 7, 1, False, CHANNELS[:1], times_ns, array, 60 * S), **more)


def told(view: View, *blocks: Block) -> list[tuple[str, str, float, float]]:
    """(rule, change, minute, value) of each finding, judged block by block."""
    judge = Judge(view)
    found = [finding for each in blocks for finding in judge.step([each])]
    return [(f.rule, f.change, f.time_ns / S / 60, f.value) for f in found]


def test_a_stuck_sensor_is_told_of_after_an_hour() -> None:
    """61 equal readings a minute apart, in blocks of ten; a change ends it; infinity is stuck as well."""
    values = [20.5, *[21.0] * 70, 21.1, *[inf] * 70]
    blocks = [block(values[i : i + 10], list(range(i, min(i + 10, len(values))))) for i in range(0, len(values), 10)]
    assert told(View(STUCK), *blocks) == [
        ("stuck", "fired", 61, 1), ("stuck", "cleared", 71, 0), ("stuck", "fired", 132, 1),
    ]  # fmt: skip
    (fired, _, _) = (f for each in [Judge(View(STUCK))] for b in blocks for f in each.step([b]))
    assert fired.note == "unchanged for 3600 s"
    assert (fired.start_ns // S, fired.time_ns // S) == (60, 61 * 60)


def test_a_stuck_sensor_was_so_since_its_first_reading_of_the_kind() -> None:
    """Fired and cleared tell of that, also after a restart; at the earliest the phase in which the rule watches."""
    for spans, since_min in (((), 10), (((30 * 60 * S, "road"), (200 * 60 * S, "air")), 30)):
        judge = Judge(View(STUCK | ({"phases": ["road"]} if spans else {}), spans=spans))
        found = judge.step([block([20.0] * 10 + [21.5] * 90)])
        judge = judge.restarted()
        found += judge.step([block([21.5] * 20 + [20.0, 21.0], list(range(100, 122)))])
        assert [(f.change, f.start_ns / S / 60, f.time_ns / S / 60) for f in found] == [
            ("fired", since_min, since_min + 60), ("cleared", since_min, 120),
        ]  # fmt: skip


def test_a_stuck_sensor_under_a_rule_that_is_withdrawn() -> None:
    """Cleared at the last reading that told of it, not where it began."""
    judge, other = Judge(View(STUCK)), Judge(View(STUCK | {"for": "2 h"}))
    judge.step([block([21.5] * 90)])
    (cleared,) = other.families[0].adopt(judge.snapshot()[0])
    assert (cleared.start_ns, cleared.time_ns) == (0, 3600 * S)


def test_a_stuck_sensor_is_not_stuck_in_the_next_span() -> None:
    """Without a reading in the air, of two spans on the road the second begins afresh, and ends what was told of."""
    spans = ((0, "road"), (120 * 60 * S, "air"), (121 * 60 * S, "road"))
    values, minutes = [20.0] * 120 + [20.0, 21.0] * 5, [*range(120), *range(121, 131)]
    found = told(View(STUCK | {"phases": ["road"]}, spans=spans), block(values, list(minutes)))
    assert [each[1:3] for each in found] == [("fired", 60), ("cleared", 121)]


def test_a_coarse_sensor_in_quiet_air_is_not_stuck() -> None:
    """Steps of 0.1 K every half an hour: neither looked at closely nor told of."""
    values = [20 + (k // 30) * 0.1 for k in range(600)]
    blocks = [block(values[i : i + 60], list(range(i, i + 60))) for i in range(0, 600, 60)]
    assert told(View(STUCK), *blocks) == []


@pytest.mark.parametrize(("share", "fires"), [(1.0, True), (0.7, True), (0.3, False)])
def test_a_sensor_that_gives_nothing_is_told_of_after_an_hour(share: float, fires: bool) -> None:
    """All NaN fires an hour after the first; 70 % of it too, sooner or later; 30 % never."""
    rng = random.Random(3)
    values = (
        [20.0] * 30
        + [nan if rng.random() < share else 20.0 + k % 7 for k in range(300)]
        + [20.0 + k % 5 for k in range(70)]
    )
    found = told(View(NAN), block(values[:100]), block(values[100:], list(range(100, len(values)))))
    assert [change for _, change, *_ in found] == (["fired", "cleared"] if fires else [])
    if share == 1:
        assert [minute for _, _, minute, _ in found] == [90, 359]  # when 30 of the last 60 rows are values again


@pytest.mark.parametrize("first", ["road", "air"])
@pytest.mark.parametrize("rows", [1, 80])
def test_missing_values_are_those_of_each_rules_own_phases(first: str, rows: int) -> None:
    """Of two rules in different phases each fires and clears, whichever comes first and however it was cut."""
    rules = [
        NAN | {"id": phase, "phases": [phase], "for": "0 s"} for phase in (first, {"road": "air"}.get(first, "road"))
    ]
    values = [nan] * 5 + [20.0] * 75
    blocks = [block(values[i : i + rows], list(range(20 + i, 20 + i + rows))) for i in range(0, 80, rows)]
    found = told(View(*rules, spans=((0, "road"), (600 * S, "air"))), *blocks)
    assert [each[:3] for each in found] == [("air", "fired", 20), ("air", "cleared", 29)]


def test_readings_that_no_sensor_gives_are_told_of_at_once() -> None:
    """Infinities, and what lies outside the rule's own range or that of any thermometer."""
    view = View(RANGE, RANGE | {"id": "own", "channel": "temperature.*", "least": "-40 degC", "most": "85 degC"})
    huge = pytest.approx(1e38)
    found = told(view, block([20, 86, 151, 85, inf, 20, -1e38]))
    assert [each[1:] for each in found if each[0] == "range"] == [
        ("fired", 2, 1), ("cleared", 3, -65), ("fired", 4, inf), ("cleared", 5, -110), ("fired", 6, huge),
    ]  # fmt: skip
    assert [each[1:] for each in found if each[0] == "own"] == [
        ("fired", 1, 1), ("cleared", 3, 0), ("fired", 4, inf), ("cleared", 5, -60), ("fired", 6, huge),
    ]  # fmt: skip


def test_outside_its_phases_a_rule_tells_nothing_and_ends_what_it_told() -> None:
    """An infinity on the road fires, in the air it clears."""
    spans = ((60 * S, "road"), (180 * S, "air"))
    rules = View(RANGE | {"phases": ["road"]}, NAN | {"for": "1 min", "phases": ["road"]}, spans=spans)
    found = told(rules, block([inf, inf, nan, inf, nan, nan]))
    assert found == [("range", "fired", 1, inf), ("range", "cleared", 3, inf)]


def test_a_forecast_says_when_the_limit_is_reached() -> None:
    """0.02 K a minute towards 25 degC at minute 500: foretold within two hours before."""
    rule = {"kind": "forecast", "id": "soon", "channel": "temperature.*", "above": "25 degC", "within": "2 h"}
    rng = random.Random(4)
    values = [15 + 0.02 * k + rng.gauss(0, 0.01) for k in range(480)]
    judge = Judge(View(rule))
    (fired,) = (f for i in range(0, 480, 60) for f in judge.step([block(values[i : i + 60], list(range(i, i + 60)))]))
    assert fired.change == "fired"
    assert 380 <= fired.time_ns / S / 60 <= 400
    assert fired.value > 25
    assert fired.note.startswith("reaches 25 degC about 1970-01-01T08:")


def test_a_step_is_a_matter_for_z_score_and_a_drift_for_cusum() -> None:
    """Each rule in its own unit, robust sigmas."""
    common = {"kind": "statistic", "channel": "temperature.*", "window": "1 h"}
    view = View(
        common | {"id": "z", "method": "z-score", "above": 8}, common | {"id": "drift", "method": "cusum", "above": 8}
    )
    rng = random.Random(5)
    noise = [20 + rng.gauss(0, 0.1) for _ in range(400)]
    step = [value + (1.5 if k == 250 else 0) for k, value in enumerate(noise)]
    drift = [value + max(k - 200, 0) * 0.004 for k, value in enumerate(noise)]
    assert [rule for rule, change, *_ in told(view, block(step)) if change == "fired"] == ["z"]
    assert [rule for rule, change, *_ in told(view, block(drift)) if change == "fired"] == ["drift"]


RULES = (
    STUCK | {"for": "3 min"},
    STUCK | {"id": "near", "for": "2 min", "channel": "temperature.*", "tolerance": "0.2 K"},
    NAN | {"for": "2 min"},
    NAN | {"id": "nan-road", "for": "1 min", "phases": ["road", "storage"]},
    NAN | {"id": "nan-air", "for": "0 s", "phases": ["air"]},
    STUCK | {"id": "stuck-road", "for": "90 s", "phases": ["road", "storage"]},
    RANGE | {"for": "1 min"},
    RANGE | {"id": "own", "channel": "temperature.*", "most": "25.05 degC", "phases": ["road"]},
    {"kind": "statistic", "method": "z-score", "id": "z", "channel": "temperature.*", "window": "30 min", "above": 2},
    {"kind": "statistic", "method": "cusum", "id": "s", "channel": "*.air", "window": "30 min", "above": 2}
    | {"channel": "humidity.air"},
    {"kind": "forecast", "id": "soon", "channel": "temperature.air", "above": "26 degC", "within": "30 min"},
)
SPANS = ((300 * S, "road"), (900 * S, "air"), (3000 * S, "storage"))


def journal(seed: int) -> list[Block]:
    """Blocks of three loggers in two containers, live and filled, in journal order; calm and wild by turns."""
    rng = random.Random(seed)
    clocks: Counter[tuple[str, bool]] = Counter()
    spacings = rng.choice([[30], [30, 60], [30, 60, 60, 200, 0, -90]])
    choices = rng.choice([[25.0, 25.1], [24.0, 25.0, 25.1, 30.0], [25.0, 25.1, nan, nan, nan, 26.0, inf, -inf, 1e38]])
    blocks = []
    for pos in range(rng.randint(1, 20)):
        logger, is_late = rng.choice("abd"), rng.random() < 0.2
        channels = rng.choice([CHANNELS, CHANNELS, CHANNELS[::-1], CHANNELS[:1]])
        values, times_s = [], []
        for _ in range(rng.choice([0, 1, 3, 20])):
            clocks[logger, is_late] += rng.choice(spacings)
            times_s.append(clocks[logger, is_late])
            values.append([rng.choice(choices) for _ in channels])
        times_ns = np.array(times_s, dtype=np.int64) * S
        array = np.array(values, dtype=np.float32).reshape(-1, len(channels))
        container, boot = "e" if logger == "d" else "c", 8 if is_late else 7
        interval_ns = rng.choice([60 * S, 60 * S, None])
        blocks.append(Block(pos, container, logger, boot, pos, is_late, channels, times_ns, array, interval_ns))
    return blocks


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.data())
def test_cuts_and_restarts_change_nothing(seed: int, data: st.DataObject) -> None:
    """However the journal is cut, also into single readings, with or without a restart at each cut."""
    blocks, view = journal(seed), View(*RULES, spans=SPANS)
    whole = Judge(view)
    expected = sorted(whole.step(blocks), key=repr)
    if data.draw(st.booleans(), label="single readings"):
        blocks = [
            replace(each, times_ns=each.times_ns[row : row + 1], values=each.values[row : row + 1])
            for each in blocks
            for row in range(len(each.times_ns))
        ]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks)), max_size=12), label="cuts"))
    restarts = data.draw(st.booleans(), label="restart at each cut")
    judge, found = Judge(view), []
    for start, stop in pairwise([0, *cuts, len(blocks)]):
        found += judge.step(blocks[start:stop])
        if restarts:
            judge = judge.restarted()
    assert sorted(found, key=repr) == expected
    assert judge.snapshot() == whole.snapshot()

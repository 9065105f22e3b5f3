"""The engine on random streams: equal to its plain twin, and the same however the stream is cut."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block, Finding
from monitor.model.limit import ThresholdRule
from tests.naive import NaiveThreshold
from tests.unit.test_detect_threshold import AT_ONCE, CHANNELS, HIGH, S, block
from tests.views import View

# Values stand close around the levels, spacings around dwell and gap, so that everything happens often.

RULES: tuple[dict[str, object], ...] = (
    HIGH | {"id": "dwell", "for": "20 s"},
    AT_ONCE,
    HIGH | {"id": "road", "for": "10 s", "phases": ["road", "storage"]},
    {"id": "low", "channel": "temperature.air", "below": "24.5 degC", "clear": "25 degC", "for": "10 s"},
    {"id": "wet", "channel": "humidity.air", "above": "25 %", "phases": ["road"]},
)
SPANS = ((100 * S, "road"), (250 * S, "air"), (400 * S, "storage"))
VALUES = [23.0, 24.0, 24.5, 24.8, 25.0, 25.1, 25.5, 26.0, 26.0, 26.5, 27.0, math.nan, math.inf, -math.inf]
SPACINGS_S = [10, 10, 10, 10, 20, 25, 26, 60, 0, -15]
Told = dict[tuple[str, str, str, str, int, int], float]


def journal(seed: int) -> list[Block]:
    """Blocks of three loggers in two containers, live and filled, of no to six readings, in journal order."""
    rng = random.Random(seed)
    clocks: Counter[tuple[str, bool]] = Counter()
    blocks = []
    for pos in range(rng.randint(1, 20)):
        logger, is_late = rng.choice("aabd"), rng.random() < 0.3
        channels = rng.choice([CHANNELS, CHANNELS, CHANNELS[::-1], CHANNELS[:1]])
        values, times_s = [], []
        for _ in range(rng.randint(0, 6)):
            clocks[logger, is_late] += rng.choice(SPACINGS_S)
            times_s.append(clocks[logger, is_late])
            values.append([rng.choice(VALUES) for _ in channels])
        made = block(
            values, times_s, pos=pos, logger=logger, is_late=is_late, channels=channels,
            interval_s=rng.choice([10, 10, 10, None]), container="e" if logger == "d" else "c",
        )  # fmt: skip
        blocks.append(replace(made, boot=8 if is_late else 7))
    return blocks


def by_reading(blocks: list[Block]) -> list[Block]:
    """The same stream with one block for each reading."""
    return [
        replace(each, times_ns=each.times_ns[row : row + 1], values=each.values[row : row + 1])
        for each in blocks
        for row in range(len(each.times_ns))
    ]


def comparable(findings: list[Finding]) -> tuple[list[Finding], Told]:
    """What cuts must not change: fired and cleared findings, and the last peak told of each exceedance.

    How often a growing peak is told depends on the batches; `peak` findings count by the last value only.
    """
    last_peak: Told = {}
    for f in findings:
        last_peak[f.rule, f.container, f.logger, f.channel, f.start_ns, f.boot] = f.peak
    return [f for f in findings if f.change != "peak"], last_peak


@settings(max_examples=400)
@given(st.integers(0, 2**32))
def test_the_engine_equals_its_plain_twin(seed: int) -> None:
    """On random streams each rule tells what a loop over the readings tells."""
    blocks = journal(seed)
    found, peaks = comparable(Engine(View(*RULES, spans=SPANS)).step(Batch(blocks)).findings)
    profile = View(*RULES).profile("c")
    twin: list[Finding] = []
    for rule in profile.rule:
        assert isinstance(rule, ThresholdRule)
        for container, spans in (("c", SPANS), ("e", ())):
            twin += NaiveThreshold(rule, spans).feed([each for each in blocks if each.container == container])
    twin_found, twin_peaks = comparable(twin)
    assert sorted(found, key=repr) == sorted(twin_found, key=repr)
    assert peaks == twin_peaks
    assert [f.pos for f in found] == sorted(f.pos for f in found)


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.data())
def test_any_cut_gives_the_same_findings_and_the_same_state(seed: int, data: st.DataObject) -> None:
    """However the journal is cut, with or without a restart from the snapshot at each cut, nothing changes."""
    blocks, view = journal(seed), View(*RULES, spans=SPANS)
    whole = Engine(view)
    expected = comparable(whole.step(Batch(blocks)).findings)
    if data.draw(st.booleans(), label="single readings"):
        blocks = by_reading(blocks)
        cuts = list(range(len(blocks)))
    else:
        cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks))), label="cuts"))
    restarts = data.draw(st.booleans(), label="restart at each cut")
    engine, found = Engine(view), []
    for start, stop in pairwise([0, *cuts, len(blocks)]):
        found += engine.step(Batch(blocks[start:stop])).findings
        if restarts:
            data_then, engine = engine.snapshot(), Engine(view)
            assert engine.restore(data_then) == []
    assert comparable(found) == expected
    assert engine.snapshot() == whole.snapshot()


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_reconfiguring_to_equal_rules_changes_nothing(seed: int) -> None:
    """Rules of equal content keep their state, in whatever order they stand."""
    blocks = journal(seed)
    expected = Engine(View(*RULES, spans=SPANS)).step(Batch(blocks)).findings
    engine = Engine(View(*RULES[::-1], spans=SPANS))
    found = engine.step(Batch(blocks[: len(blocks) // 2])).findings
    assert engine.reconfigure(View(*RULES, spans=SPANS)) == []
    found += engine.step(Batch(blocks[len(blocks) // 2 :])).findings
    assert comparable(found) == comparable(expected)

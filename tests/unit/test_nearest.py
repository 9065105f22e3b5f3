"""How near streams come to their limits: as a plain loop over the readings finds it, however the journal is cut."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.engine import Engine
from monitor.detect.nearest import Approach, Limited, Nearest
from monitor.model.batch import Batch, Block
from monitor.model.limit import ThresholdRule
from monitor.model.phase import phase_in
from tests.blocks import S, block
from tests.cuts import RULES, SPANS, comparable, journal
from tests.views import View

RISE = {"id": "rise", "kind": "rate", "channel": "temperature.air", "above": "100 K/h", "over": "1 min"}
SWING = {"id": "swing", "kind": "cycles", "channel": "temperature.air", "range": "2 K"}


def observed(blocks: list[Block], view: View, cuts: list[int]) -> dict[Limited, Approach]:
    """What an engine notes that is given the blocks in batches."""
    nearest = Nearest()
    engine = Engine(view, nearest=nearest)
    for start, stop in pairwise([0, *cuts, len(blocks)]):
        engine.step(Batch(blocks[start:stop]))
    return nearest.approaches


def naive(blocks: list[Block], view: View) -> dict[Limited, tuple[float, float, int]]:
    """Margin, value and time of the first reading nearest to each threshold, in order of the journal."""
    found: dict[Limited, tuple[float, float, int]] = {}
    for each in blocks:
        for rule in view.profile(each.container).rule:
            assert isinstance(rule, ThresholdRule)
            for column, channel in enumerate(each.channels):
                for time_ns, value in zip(each.times_ns.tolist(), each.values[:, column].tolist(), strict=True):
                    phase = phase_in(view.phase_spans(each.container), time_ns)
                    is_watched = rule.judges(channel) and (rule.phases is None or phase in rule.phases)
                    if each.is_late or math.isnan(value) or not is_watched:
                        continue
                    key = Limited(rule.id, each.container, each.logger, channel)
                    margin = (float(np.float32(rule.limit)) - value) * rule.sign
                    if margin < found.get(key, (math.inf,))[0]:
                        found[key] = margin, value, time_ns
    return found


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.data())
def test_the_nearest_is_that_of_a_plain_loop(seed: int, data: st.DataObject) -> None:
    """Of every stream under every rule, in the phases in which it watches, exceeded or not; late readings left out."""
    blocks, view = journal(seed), View(*RULES, spans=SPANS)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks)))))
    found = observed(blocks, view, cuts)
    assert {key: (each.margin, each.value, each.time_ns) for key, each in found.items()} == naive(blocks, view)


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_who_observes_changes_nothing(seed: int) -> None:
    """The findings are the same, also of rules that are dealt with without looking at each reading."""
    blocks, view = journal(seed), View(*RULES, RISE, SWING, spans=SPANS)
    expected = comparable(Engine(view).step(Batch(blocks)).findings)
    assert comparable(Engine(view, nearest=Nearest()).step(Batch(blocks)).findings) == expected


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_streams_end_to_end_change_nothing(seed: int, other: int) -> None:
    """A replay lays the blocks of each sender end to end: same findings, same state."""
    stuck = {"id": "stuck", "kind": "health", "check": "stuck", "channel": "temperature.*", "for": "40 s"}
    view = View(*RULES, RISE, SWING, stuck, spans=SPANS)
    live, replay = Engine(view), Engine(view)
    for each in (journal(seed), journal(other)):
        expected = comparable(live.step(Batch(each)).findings)
        assert comparable(replay.step(Batch(each), wants_derived=False).findings) == expected
        assert replay.snapshot() == live.snapshot()


def test_a_rate_and_a_swing_that_stay_far_from_their_limits_are_noted() -> None:
    """Though live nobody works them out where nothing can happen."""
    values = [[20.0 + 0.01 * second] for second in range(0, 300, 10)]
    blocks = [block(values, list(range(0, 300, 10)), channels=("temperature.air",), interval_s=10)]
    far = View(RISE | {"above": "1000 K/h"}, SWING | {"range": "20 K"})
    found = {key.rule: each for key, each in observed(blocks, far, []).items()}
    assert math.isclose(found["rise"].value, 36.0, rel_tol=1e-4)
    assert math.isclose(found["rise"].margin, 964.0, rel_tol=1e-4)
    assert math.isclose(found["swing"].value, 2.9, rel_tol=1e-6)
    assert math.isclose(found["swing"].margin, 17.1, rel_tol=1e-6)
    assert found["swing"].time_ns == 290 * S

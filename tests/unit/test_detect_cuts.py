"""The engine on random streams: equal to its plain twin, and the same however the stream is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Finding
from monitor.model.limit import ThresholdRule
from tests.cuts import RULES, SPANS, by_reading, comparable, journal
from tests.naive import NaiveThreshold
from tests.views import View

# Values stand close around the levels, spacings around dwell and gap, so that everything happens often.


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

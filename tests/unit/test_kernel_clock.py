"""Clocks: stepped, not rising, not synchronised; equal to a plain twin, the same however cut and restarted."""

from __future__ import annotations

import random
from dataclasses import replace

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.clocks import Clocks
from monitor.detect.lane import LIMITS_CHANGED
from monitor.detect.phases import Phases
from monitor.model.batch import Block, Finding
from monitor.model.limit import HealthRule
from tests.naive_health import NaiveClock
from tests.views import View

S = 1_000_000_000
CLOCK: dict[str, object] = {"kind": "health", "check": "clock", "id": "clock", "for": "1 h"}


def block(
    t0_s: float, mono_s: float, *, clk: int = 2, boot: int = 7, times_s: tuple[float, ...] = (0, 60), pos: int = 1
) -> Block:
    """A block of readings at t0 + times."""
    times_ns = np.array([round((t0_s + time_s) * S) for time_s in times_s], dtype=np.int64)
    values, mono_ns = np.zeros((len(times_ns), 1), np.float32), round(mono_s * S)
    return Block(pos, "c", "l", boot, pos, False, ("temperature.air",), times_ns, values, 60 * S, clk, mono_ns)


def run(*blocks: Block, view: View | None = None) -> list[Finding]:
    """All blocks as one batch."""
    rules = view or View(CLOCK)
    return [finding for _, finding in Clocks(rules).step(list(blocks), Phases(rules))]


def told(*blocks: Block) -> list[tuple[str, float, str]]:
    """(change, time in s, note) of each finding."""
    return [(finding.change, finding.time_ns / S, finding.note) for finding in run(*blocks)]


def test_a_clock_that_goes_right_is_not_told_of() -> None:
    """Two days of blocks, with 20 ppm of drift and a correction of a second."""
    assert told(*(block(k * 120 * 1.00002 + (k > 700), k * 120) for k in range(1440))) == []


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_is_told_once(step_s: float) -> None:
    """Fired at the block that shows it, cleared by the next."""
    found = told(block(0, 0), block(1000 + step_s, 1000), block(1120 + step_s, 1120))
    assert found == [("fired", 1000 + step_s, "stepped by 4.9 s"), ("cleared", 1120 + step_s, "")]


def test_a_step_is_one_beyond_what_drift_explains() -> None:
    """2 s plus 100 ppm of the time between: 2.09 s after 1 000 s, 12 s after 100 000 s are none."""
    assert told(block(0, 0), block(1002.09, 1000), block(101014, 101000)) == []


def test_another_boot_or_a_clock_that_was_set_is_no_step() -> None:
    """mono begins anew; before synchronisation the time was the gateway's guess."""
    assert told(block(0, 0), block(5000, 3, boot=8)) == []
    assert told(block(0, 50, clk=0), block(500, 170), block(620, 290)) == []


def test_a_step_between_synchronised_blocks_shows_across_others() -> None:
    """Free running in between changes nothing."""
    assert [change for change, *_ in told(block(0, 0), block(120, 120, clk=1), block(250, 240))] == ["fired"]


def test_a_source_without_time_since_boot_is_judged_by_its_times_alone() -> None:
    """A recording or a foreign message says 0 each time: that is no step."""
    assert told(block(0, 0), block(120, 0), block(5000, 0)) == []


def test_a_hundred_thousand_readings_with_one_time_are_flagged() -> None:
    """And in no time: a block costs no loop over its readings."""
    found = told(block(0, 0, times_s=(0,) * 100_000))
    assert found == [("fired", 0, "99999 readings not later than the one before")]


def test_time_that_stands_or_runs_backwards_between_blocks_is_flagged() -> None:
    """A block taken later whose time is not; one that was taken earlier (resent) is in order."""
    assert told(block(0, 0), block(59, 60)) == [("fired", 59, "1 reading not later than the one before")]
    assert told(block(600, 600), block(0, 0)) == []


def test_a_clock_that_is_not_set_is_told_of_after_the_dwell() -> None:
    """Not synchronised from the first block for an hour: fired, as from then on; a synchronised block ends it."""
    blocks = [block(k * 120, k * 120, clk=k % 2) for k in range(31)]
    assert told(*blocks, block(3720, 3720)) == [
        ("fired", 3540 + 60, "not synchronised for 3660 s"),
        ("cleared", 3720, ""),
    ]
    assert [f.start_ns for f in run(*blocks, block(3720, 3720))] == [0, 0]
    synced = [replace(each, clk=2) if k < 10 else each for k, each in enumerate(blocks)]
    assert [f.start_ns // S for f in run(*synced, *(block(k * 120, k * 120, clk=0) for k in range(31, 50)))] == [1200]


def test_a_clock_that_is_not_set_and_jumps_back_is_at_fault_from_then_on() -> None:
    """Whatever is wrong with a block, its start is no later than its first reading."""
    view = View(CLOCK | {"for": "0 s", "phases": ["road"]}, spans=((0, "road"), (300 * S, "air")))
    (fired,) = run(block(500, 5, clk=0), block(20, 5, clk=0, boot=8), view=view)
    assert (fired.start_ns, fired.time_ns) == (20 * S, 20 * S)


def test_the_time_unset_goes_on_over_boots() -> None:
    """A logger that restarts every ten minutes and never finds the time."""
    assert len(told(*(block(k * 600, 5, clk=0, boot=k) for k in range(8)))) == 1


def test_a_rule_watches_in_its_phases() -> None:
    """Outside of them nothing fires, and what fired ends."""
    view = View(CLOCK | {"phases": ["road"]}, spans=((500 * S, "road"), (1500 * S, "air")))
    steps = [block(0, 0), block(10, 100), block(600, 600), block(720, 600), block(2000, 700)]
    assert [(f.change, f.time_ns // S) for f in run(*steps, view=view)] == [("fired", 600), ("cleared", 2000)]


def test_one_rule_may_end_before_another() -> None:
    """Of two rules that fired at a block the one that watches on ends later."""
    spans = ((0, "road"), (500 * S, "air"))
    view = View(CLOCK, CLOCK | {"id": "road", "phases": ["road"]}, spans=spans)
    backwards = (0, 60, 30)
    blocks = [block(0, 0, times_s=backwards), block(600, 600, times_s=backwards), block(1200, 1200)]
    assert [(f.change, f.rule, f.time_ns // S) for f in run(*blocks, view=view)] == [
        ("fired", "clock", 0), ("fired", "road", 0), ("cleared", "road", 600), ("cleared", "clock", 1200),
    ]  # fmt: skip


def journal(seed: int) -> list[Block]:
    """Random blocks of four loggers, live and late, two of them in a container without spans."""
    rng = random.Random(seed)
    blocks = []
    for pos in range(rng.randint(1, 25)):
        mono_s = rng.choice([0, 60, 120, 240, 5000, pos * 60])
        made = block(
            mono_s + rng.choice([0, 0, 0, 1, 5, -400]), mono_s, clk=rng.choice([0, 1, 2, 2, 2]), pos=pos,
            boot=rng.choice([7, 7, 8]), times_s=rng.choice([(0,), (0, 60), (0, 60, 60), (0, 60, 30, 90)]),
        )  # fmt: skip
        logger = rng.choice("abd")
        blocks.append(replace(made, logger=logger, is_late=rng.random() < 0.3, container="e" if logger == "d" else "c"))
    return blocks


RULES = (CLOCK | {"for": "90 s"}, CLOCK | {"id": "strict", "step": "1 ms", "phases": ["road"]})
SPANS = ((100 * S, "road"), (4000 * S, "air"))


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_clocks_equal_their_twin(seed: int) -> None:
    """On random blocks each rule tells what a plain loop tells."""
    blocks, view = journal(seed), View(*RULES, spans=SPANS)
    found = [(f.change, f.rule, f.container, f.logger, f.start_ns, f.pos) for f in run(*blocks, view=view)]
    twin = []
    for rule in view.profile("c").rule:
        assert isinstance(rule, HealthRule)
        lanes: dict[tuple[str, str, bool], NaiveClock] = {}
        for each in blocks:
            spans = SPANS if each.container == "c" else ()
            lane = lanes.setdefault((each.container, each.logger, each.is_late), NaiveClock(rule, spans))
            twin += [
                (change, rule.id, each.container, each.logger, lane.start_ns, each.pos) for change in lane.take(each)
            ]
    assert sorted(found) == sorted(twin)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.data())
def test_cuts_and_restarts_change_nothing(seed: int, data: st.DataObject) -> None:
    """Wherever the journal is cut, with or without a restart from the snapshot there."""
    blocks, view = journal(seed), View(*RULES, spans=SPANS)
    whole = Clocks(view)
    expected = sorted(whole.step(blocks, Phases(view)), key=repr)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks)))))
    restarts = data.draw(st.booleans())
    clocks, found = Clocks(view), []
    for start, stop in zip([0, *cuts], [*cuts, len(blocks)], strict=True):
        found += clocks.step(blocks[start:stop], Phases(view))
        if restarts:
            content, clocks = cbor2.loads(cbor2.dumps(clocks.snapshot(None))), Clocks(view)
            assert clocks.adopt(content) == []
    assert sorted(found, key=repr) == expected
    assert clocks.snapshot(None) == whole.snapshot(None)
    assert clocks.snapshot("c") == whole.snapshot("c")
    clocks.forget("c")
    assert clocks.snapshot("c") == Clocks(view).snapshot("c")


def test_a_rule_that_is_withdrawn_ends_what_it_fired() -> None:
    """Adopted under other rules: cleared at the last faulty block."""
    clocks = Clocks(View(CLOCK))
    clocks.step([block(0, 0, times_s=(0, 0), pos=4)], Phases(View(CLOCK)))
    other = Clocks(View(CLOCK | {"step": "3 s"}))
    (cleared,) = other.adopt(clocks.snapshot(None))
    assert (cleared.change, cleared.rule, cleared.start_ns, cleared.pos) == ("cleared", "clock", 0, 4)
    assert (cleared.time_ns, cleared.note) == (0, LIMITS_CHANGED)
    assert other.snapshot(None)["firing"] == []

"""Ten rounds with real processes: each fault once, two or three together; all of them, and longer, in `make soak`."""

from __future__ import annotations

import pytest

from tests.chaos.disk import why_no_disk
from tests.chaos.faults import FAULTS
from tests.chaos.rounds import play

ROUNDS = 10
NAMES = [" + ".join(fault.name for fault in FAULTS[number::ROUNDS]) for number in range(ROUNDS)]
HOLD_S = 3.0
RECOVERY_S = 30.0  # `make soak` measures it, on a machine that does nothing else


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(ROUNDS), ids=NAMES)
def test_nothing_is_lost_doubled_or_silent(number: int) -> None:
    """Whatever dies, stops or is cut: each record and alert once, and all moves again without a hand."""
    faults = FAULTS[number::ROUNDS]
    if any(fault.needs_disk for fault in faults) and why_no_disk():
        pytest.skip(why_no_disk())
    outcome = play(number, faults, HOLD_S)
    assert not outcome.problems, str(outcome)
    assert outcome.evidence.acknowledged > 0
    assert outcome.evidence.alerts > 0
    assert outcome.recovery_s <= RECOVERY_S, str(outcome)

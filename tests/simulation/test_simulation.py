"""Three hundred stories: whatever fails, dies or lies in them, in the end nothing is lost, doubled or stuck."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.simulation.__main__ import batches, live, run_batch

SEEDS = 300


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", list(batches(0, SEEDS)), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_invariants_hold_in_every_story(seeds: Sequence[int]) -> None:
    """A seed that fails says so, with the command that lives through it again."""
    status, told = run_batch(seeds)
    assert status == 0, told


def test_a_seed_tells_the_same_story_again() -> None:
    """Line by line; otherwise a failure could not be looked into."""
    first: list[str] = []
    second: list[str] = []
    live(3, first.append)
    live(3, second.append)
    assert len(first) > 100
    assert first == second

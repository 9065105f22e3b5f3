"""Three hundred stories: whatever fails, dies or lies in them, in the end nothing is lost, doubled or stuck."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.simulation.__main__ import batches, run_batch

SEEDS = 300


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", batches(0, SEEDS), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_invariants_hold_in_every_story(seeds: Sequence[int]) -> None:
    """A seed that fails says so, with the command that lives through it again."""
    status, told = run_batch(seeds)
    assert status == 0, told

"""Turns: each container gets its turn, nothing is told twice or out of order, and the position tells the truth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.consumers.turns import MAX_AHEAD, Turns

CONTAINERS = st.lists(st.sampled_from("ABCD"), max_size=60)


@given(st.lists(CONTAINERS, min_size=1, max_size=5), st.integers(1, 7), st.integers(0, 3))
def test_all_is_told_in_order_and_nobody_waits_for_a_flood(waves: list[list[str]], limit: int, before: int) -> None:
    """What waits comes in waves, and some of it is told between two of them."""
    turns, told, owners = Turns(0), [], [""]
    for wave in [*waves, *[[]] * 300]:
        turns.put(enumerate(wave, len(owners)))
        owners += wave
        for _ in range(before + (not wave)):
            heads = {owner for number, owner in enumerate(owners) if number and number not in told}
            batch = turns.take(limit)
            assert batch == sorted(batch) == turns.take(limit)
            assert len({owners[number] for number in batch}) == min(len(heads), limit)
            told += batch
            assert turns.pos == min(set(range(1, len(owners))) - set(told), default=len(owners)) - 1
            turns.confirm()
    assert sorted(told) == list(range(1, len(owners)))
    for owner in "ABCD":
        mine = [number for number in told if owners[number] == owner]
        assert mine == sorted(mine)
    assert turns.read == turns.pos == len(owners) - 1


def test_of_many_containers_each_has_its_turn() -> None:
    """More than a batch has room for: those that had none come first in the next."""
    turns = Turns(0)
    turns.put(enumerate("ABCABCABC", 1))
    batches = []
    while batch := turns.take(2):
        batches.append(batch)
        turns.confirm()
    assert batches == [[1, 2], [3, 4], [5, 6], [7, 8], [9]]


def test_it_looks_ahead_as_far_as_there_is_room() -> None:
    """Room comes back with what is told."""
    turns = Turns(0)
    turns.put((number, "A") for number in range(1, MAX_AHEAD + 1))
    assert turns.room == 0
    turns.take(100)
    assert turns.room == 100

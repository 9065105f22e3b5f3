"""The flash ring against a plain list of everything that was ever written, and the ledger."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.device.ring import MAX_HELD_RANGES, MAX_LEDGER_BOOTS, Ledger, Record, Ring

CAPACITY_BYTES = 100

write = st.tuples(st.just("write"), st.integers(1, 40))
settle = st.tuples(st.just("settle"), st.integers(-1, 30))
settle_earlier = st.tuples(st.just("settle-earlier"), st.integers(-1, 30))
brown_out = st.tuples(st.just("brown-out"), st.integers(0, 4))
shrink = st.tuples(st.just("shrink"), st.integers(5, CAPACITY_BYTES))
steps = st.lists(st.one_of(write, write, write, settle, settle_earlier, brown_out, shrink), max_size=40)


@dataclass
class Flash:
    """What a ring should do, with plain lists: every record that is physically there, and those that are settled."""

    capacity_bytes: int = CAPACITY_BYTES
    boot: int = 0
    next_seq: int = 0
    records: list[Record] = field(default_factory=list)
    settled: list[Record] = field(default_factory=list)

    def unsettled(self) -> list[Record]:
        return [record for record in self.records if record not in self.settled]

    def cut(self, at: int, stop: int) -> list[Record]:
        """Remove a part and return what was not settled of it."""
        gone, self.records[at:stop] = self.records[at:stop], []
        return [record for record in gone if record not in self.settled]

    def make_room(self, size: int) -> list[Record]:
        lost = []
        while sum(len(record.payload) for record in self.records) + size > self.capacity_bytes:
            lost += self.cut(0, 1)
        return lost

    def settle(self, boot: int, upto: int) -> list[Record]:
        settled = [record for record in self.unsettled() if record.boot == boot and record.seq <= upto]
        self.settled += settled
        return settled


def apply(ring: Ring, flash: Flash, step: tuple[str, int]) -> tuple[list[Record], list[Record]]:
    """Take one step with both; return what each of them gave back."""
    name, value = step
    if name == "write":
        size = min(value, flash.capacity_bytes)
        given_back = ring.make_room(size), flash.make_room(size)
        record = Record(flash.boot, flash.next_seq, "env", 0, bytes(size))
        ring.add(record)
        flash.records.append(record)
        flash.next_seq += 1
        return given_back
    if name == "shrink":
        flash.capacity_bytes = value
        return ring.shrink(value), flash.make_room(0)
    if name == "brown-out":
        given_back = ring.tear(value), flash.cut(max(0, len(flash.records) - value), len(flash.records))
        flash.boot, flash.next_seq = flash.boot + 1, 0
        return given_back
    boot = flash.boot - (name == "settle-earlier")
    return ring.settle(boot, value), flash.settle(boot, value)


@given(steps)
def test_the_ring_does_what_a_plain_list_does(sequence: list[tuple[str, int]]) -> None:
    """After every step: what was lost or settled, what is held, and the oldest seq that is still there."""
    ring, flash = Ring(CAPACITY_BYTES), Flash()
    for step in sequence:
        actual, expected = apply(ring, flash, step)
        assert actual == expected
        unsettled = flash.unsettled()
        assert list(ring.unsettled()) == unsettled
        assert len(ring) == len(unsettled)
        assert ring.unsettled_pct == pytest.approx(100 * sum(len(r.payload) for r in unsettled) / flash.capacity_bytes)
        named = [(boot, seq) for boot, first, last in ring.held() for seq in range(first, last + 1)]
        assert named == [(record.boot, record.seq) for record in unsettled]
        there = [record.seq for record in flash.records if record.boot == flash.boot]
        assert ring.oldest(flash.boot, flash.next_seq) == min(there, default=flash.next_seq)


def test_settling_frees_nothing_but_the_obligation() -> None:
    """The oldest record in the flash is the same whether the monitor has it or not."""
    settled, unsettled = Ring(30), Ring(30)
    for seq in range(5):
        for ring in (settled, unsettled):
            ring.make_room(10)
            ring.add(Record(1, seq, "env", 0, bytes(10)))
        settled.settle(1, seq)
        assert settled.oldest(1, seq + 1) == unsettled.oldest(1, seq + 1) == max(0, seq - 2)
    assert (len(settled), len(unsettled)) == (0, 3)


def test_what_never_fits_is_an_error() -> None:
    """A record larger than the flash would overwrite everything for nothing; a flash of nothing is none."""
    ring = Ring(10)
    ring.add(Record(1, 0, "env", 0, bytes(10)))
    with pytest.raises(ValueError, match="up to 11 bytes does not fit into 10 bytes"):
        ring.make_room(11)
    assert len(ring) == 1
    with pytest.raises(ValueError, match="at least 1"):
        ring.shrink(0)


def test_a_birth_names_no_more_ranges_than_the_wire_allows() -> None:
    """After more restarts than that without the monitor, the newest boots are named."""
    ring = Ring(CAPACITY_BYTES * MAX_HELD_RANGES)
    for boot in range(MAX_HELD_RANGES + 2):
        ring.add(Record(boot, 0, "env", 0, b"x"))
    held = ring.held()
    assert (len(held), held[0], held[-1][0]) == (MAX_HELD_RANGES, (2, 0, 0), MAX_HELD_RANGES + 1)


def test_the_ledger_forgets_what_is_settled_to_the_end() -> None:
    """upto = next - 1 is all of a boot; one less is not; a boot it never knew is no matter."""
    ledger = Ledger()
    ledger.add(7, 10)
    ledger.add(8, 1)
    ledger.settle(7, 8)
    ledger.settle(9, 100)
    assert ledger.boots() == [(7, 10), (8, 1)]
    ledger.settle(7, 9)
    assert ledger.boots() == [(8, 1)]


def test_the_ledger_is_bounded() -> None:
    """The oldest boot makes room for the newest."""
    ledger = Ledger()
    for boot in range(MAX_LEDGER_BOOTS + 3):
        ledger.add(boot, 5)
    assert ledger.boots() == [(boot, 5) for boot in range(3, MAX_LEDGER_BOOTS + 3)]

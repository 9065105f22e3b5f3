"""Boots and their gaps against a naive model that keeps a state for every single seq."""

from __future__ import annotations

import random
import sqlite3
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal.boots import Boots
from monitor.journal.clock import BootClock
from monitor.journal.gaps import AWAITED, FILLED, LOST, MAX_GAPS, OPEN, REQUESTED, Gaps
from monitor.journal.schema import JOURNAL_TABLES

Range = tuple[int, int]


class NaiveBoot:
    """What is known of each seq: settled in order, or open, filled, lost."""

    def __init__(self) -> None:
        self.states: list[str] = []  # "" is settled without ever having been a gap

    def settle(self, seq: int) -> None:
        self.expect(seq)
        if seq == len(self.states):
            self.states.append("")
        elif self.states[seq]:
            self.states[seq] = FILLED

    def expect(self, next_seq: int) -> None:
        while len(self.states) < next_seq:
            self.states.append(OPEN)

    def declare_lost(self, kept: list[Range], below: int) -> None:
        for seq, state in enumerate(self.states[:below]):
            if state in AWAITED and not any(first <= seq <= last for first, last in kept):
                self.states[seq] = LOST

    def turn(self, asked: list[Range], state: str) -> None:
        for first, last in asked:
            for seq in range(first, min(last + 1, len(self.states))):
                self.states[seq] = state if self.states[seq] in AWAITED else self.states[seq]

    def request(self, asked: list[Range]) -> None:
        self.turn(asked, REQUESTED)

    def give_up(self, asked: list[Range]) -> None:
        self.turn(asked, LOST)

    def awaited(self, limit: int) -> list[Range]:
        runs = groupby(enumerate(self.states), lambda item: item[1] in AWAITED)
        found = [[seq for seq, _ in run] for is_awaited, run in runs if is_awaited]
        return [(seqs[0], seqs[-1]) for seqs in found][:limit]

    @property
    def upto(self) -> int:
        return next((seq for seq, state in enumerate(self.states) if state in AWAITED), len(self.states)) - 1

    @property
    def gaps(self) -> list[tuple[int, int, str]]:
        ranges = []
        for state, run in groupby(enumerate(self.states), lambda item: item[1]):
            seqs = [seq for seq, _ in run]
            ranges.append((seqs[0], seqs[-1], state))
        return [gap for gap in ranges if gap[2]]


SEQS = st.integers(0, 40)
RANGES = st.lists(st.tuples(SEQS, SEQS).map(lambda pair: (min(pair), max(pair))), max_size=4)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("settle"), SEQS),
        st.tuples(st.just("oldest"), SEQS),
        st.tuples(st.just("birth"), SEQS, RANGES),
        st.tuples(st.sampled_from(["request", "give_up"]), RANGES),
        st.tuples(st.just("save")),
    ),
    max_size=40,
)


def memory() -> sqlite3.Connection:
    """The tables of a journal, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(JOURNAL_TABLES)
    return connection


def apply(boot: Gaps | NaiveBoot, action: tuple[object, ...]) -> None:
    """Do the same to the gaps and to their model."""
    match action:
        case ("settle", int(seq)):
            boot.settle(seq)
        case ("oldest", int(oldest)):
            boot.declare_lost([], oldest)
        case ("birth", int(next_seq), list(held)):
            boot.expect(next_seq)
            boot.declare_lost(held, next_seq)
        case ("request", list(ranges)):
            boot.request(ranges)
        case ("give_up", list(ranges)):
            boot.give_up(ranges)


def save(boots: Boots) -> None:
    """As the journal does around its commit."""
    boots.save()
    boots.committed()


@settings(max_examples=300)
@given(ACTIONS)
def test_a_boot_equals_its_naive_model(actions: list[tuple[object, ...]]) -> None:
    """Whatever comes in whatever order: upto, next and the gaps are those of a table with one row a seq."""
    boots, model = Boots(memory()), NaiveBoot()
    for action in actions:
        boot = boots.get("C", "L", 7).gaps
        before = {seq for seq in range(42) if boot.is_new(seq)}
        assert before == {s for s in range(42) if s >= len(model.states) or model.states[s] not in ("", FILLED)}
        apply(boot, action)
        apply(model, action)
        if action[0] == "save":
            save(boots)
        assert (boot.upto, boot.next, boot.ranges) == (model.upto, len(model.states), model.gaps)
        assert (boot.awaited(64), boot.awaited(2)) == (model.awaited(64), model.awaited(2))


@settings(max_examples=100)
@given(ACTIONS)
def test_the_ranges_stay_disjoint_in_order_and_joined(actions: list[tuple[object, ...]]) -> None:
    """No range is empty, none touches another of its state, none lies beyond `next`."""
    boot = Gaps()
    for action in actions:
        apply(boot, action)
        assert all(0 <= first <= last < boot.next for first, last, _ in boot.ranges)
        for (_, last, state), (first, _, following) in pairwise(boot.ranges):
            assert last < first
            assert not (last + 1 == first and state == following)


@settings(max_examples=100)
@given(ACTIONS)
def test_what_is_saved_comes_back(actions: list[tuple[object, ...]]) -> None:
    """A daemon that starts anew knows each boot as the one before it did."""
    connection = memory()
    boots = Boots(connection)
    boot = boots.get("C", "L", 7)
    for number, action in enumerate(actions):
        apply(boot.gaps, action)
        boot.seen_ns, boot.oldest, boot.clk, boot.is_known = number, number // 2, number % 3, number % 2 == 0
        boot.clock = BootClock(number - 5, None, number, number, 7) if number % 2 else BootClock(number, number + 1)
        if action[0] == "save":
            save(boots)
            boot = boots.get("C", "L", 7)
    save(boots)
    again = Boots(connection).get("another", "L", 7)
    fields = ("container", "oldest", "seen_ns", "clk", "is_known", "clock")
    assert [getattr(again, name) for name in fields] == [getattr(boot, name) for name in fields]
    for name in ("next", "upto", "ranges", "missing", "pending"):
        assert getattr(again.gaps, name) == getattr(boot.gaps, name)
    assert connection.execute("SELECT upto FROM boots").fetchall() == [(boot.gaps.upto,)]
    is_awaited = boot.gaps.upto < boot.gaps.next - 1
    assert Boots(connection).open_boots("L") == ({7: boot.gaps.pending} if is_awaited else {})
    assert boots.open_boots("L") == Boots(connection).open_boots("L")


def test_boots_and_loggers_are_kept_apart() -> None:
    """The same seq of another boot or logger is another record."""
    connection = memory()
    boots = Boots(connection)
    boots.get("C", "L", 1).gaps.settle(3)
    boots.get("C", "L", 2).gaps.settle(0)
    boots.get("C", "M", 1).gaps.settle(1)
    save(boots)
    again = Boots(connection)
    assert [again.get("C", *key).gaps.next for key in (("L", 1), ("L", 2), ("M", 1), ("M", 2))] == [4, 1, 2, 0]
    assert Boots(connection).open_boots("L") == {1: 1}
    assert boots.next_open(9) == {"L": [1], "M": [1]}
    assert [list(boots.next_open(1)) for _ in range(3)] == [["L"], ["M"], ["L"]]


def test_the_cache_forgets_only_what_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cache of two, five boots keep their state."""
    monkeypatch.setattr("monitor.journal.boots.MAX_CACHED_BOOTS", 2)
    boots = Boots(memory())
    for round_ in range(3):
        for number in range(5):
            boots.get("C", "L", number).gaps.settle(2 * round_)
        save(boots)
    assert [boots.get("C", "L", number).gaps.ranges for number in range(5)] == [[(1, 1, OPEN), (3, 3, OPEN)]] * 5


def test_the_number_of_gaps_is_bounded_when_every_other_record_is_missing() -> None:
    """Past MAX_GAPS a record that would open one more gap is not taken; those that close gaps are, to the last."""
    boot = Gaps()
    boot.expect(1)
    for seq in range(1, 2 * MAX_GAPS + 200, 2):
        if boot.can_take(seq):
            boot.settle(seq)
    assert len(boot.ranges) == MAX_GAPS
    assert not boot.can_take(boot.next + 1)
    assert boot.can_take(boot.next)
    for seq in range(boot.next):
        assert boot.can_take(seq)
        boot.settle(seq)
    assert boot.upto == boot.next - 1


def test_the_number_of_gaps_is_bounded_when_one_gap_is_cut_to_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records out of the midst of a long gap cannot make the list grow for ever; in order they fill it whole."""
    most = 256  # of the real bound it would take 14 s
    monkeypatch.setattr("monitor.journal.gaps.MAX_GAPS", most)
    boot = Gaps()
    size = 10 * most
    boot.expect(size)
    seqs = random.Random(1).sample(range(size), 5 * most)
    for seq in seqs:
        if boot.can_take(seq):
            boot.settle(seq)
    assert len(boot.ranges) <= 3 * most
    for seq in range(size):
        assert boot.can_take(seq)
        boot.settle(seq)
    assert boot.upto == size - 1
    assert not [gap for gap in boot.ranges if gap[2] != FILLED]


def test_filled_gaps_do_not_use_up_the_bound() -> None:
    """A logger whose every second record came late goes on, and loses its records of one gap as any other."""
    boot = Gaps()
    boot.settle(0)
    for seq in range(2, 2 * MAX_GAPS + 2, 2):
        boot.settle(seq)
        boot.settle(seq - 1)
    assert boot.can_take(boot.next + 1)
    boot.settle(boot.next + 1)
    boot.declare_lost([], below=boot.next)
    assert boot.upto == boot.next - 1


def test_the_number_of_gaps_is_bounded_whatever_a_logger_says_it_holds() -> None:
    """Births whose `held` cuts one gap into ever more pieces leave it as it is in the end."""
    boot = Gaps()
    boot.expect(1 << 50)
    last = (1 << 50) - 1
    for _ in range(30):
        first, end, _ = [gap for gap in boot.ranges if gap[2] == OPEN][-1]
        width = max((end - first) // 1023, 2)
        cuts = [(first + n * width, first + n * width + width - 2) for n in range(512)]
        boot.declare_lost([(0, first - 1), *cuts, (cuts[-1][1] + 2, last)], last + 1)
    assert len(boot.ranges) <= 3 * MAX_GAPS
    assert {state for _, _, state in boot.ranges} <= {OPEN, LOST}


WORDS = st.lists(st.tuples(st.sampled_from(["settle", "expect", "retract", "lose_below"]), st.integers(0, 60)))


@settings(max_examples=300)
@given(WORDS)
def test_whatever_is_believed_and_taken_back_every_seq_is_here_or_in_a_gap(words: list[tuple[str, int]]) -> None:
    """What came is never missing; `upto` ends before the first seq that may still be made or come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.journal.gaps.MAX_AHEAD", 6)
        gaps, here = Gaps(), set[int]()
        for what, seq in words:
            getattr(gaps, what)(seq)
            here |= {seq} if what == "settle" else set()
            missing = {n for first, last, _ in gaps.ranges for n in range(first, last + 1)}
            assert here | missing >= set(range(gaps.next)) >= here
            assert not any(gaps.is_new(n) for n in here)
            unsettled = [first for first, _, state in gaps.ranges if state in (*AWAITED, "unmade")]
            assert gaps.upto == min(unsettled, default=gaps.next) - 1

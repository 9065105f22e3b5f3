"""What a birth says of its logger's memory: torn tails and lost boots are declared, and nothing that may still come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import Journal, JournalReader, Usable
from monitor.journal.boots import MAX_OPEN_BOOTS
from monitor.journal.settle import MAX_ANSWERED_BOOTS
from tests.journals import arrival, gaps, rows, seqs
from tests.messages import env, status

Ranges = list[list[int]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


def birth(
    boot: int, next_seq: int = 0, held: Ranges | None = None, boots: Ranges | None = None, *, is_retained: bool = False
) -> Usable:
    """What a logger says when it connects; without `boots` it keeps no book of earlier ones."""
    ledger = {} if boots is None else {"boots": boots}
    return arrival("status", status(boot, next=next_seq, held=held or [], **ledger), is_retained=is_retained)


def test_a_torn_tail_is_declared_lost(tmp_path: Path, journal: Journal) -> None:
    """Boot 1 made 9 records, 0 and 1 came, 3 to 5 are still held: the brown-out took the rest."""
    journal.append(seqs(0, 1, boot=1))
    commit = journal.append([birth(2, held=[[1, 3, 5]], boots=[[1, 9]])])
    assert gaps(tmp_path) == [(1, 2, 2, "lost"), (1, 3, 5, "open"), (1, 6, 8, "lost")]
    assert commit.upto == {("C", "L", 1): 2, ("C", "L", 2): -1}
    assert commit.births == {("C", "L", 1), ("C", "L", 2)}


def test_a_boot_that_never_connected_is_declared_lost(tmp_path: Path, journal: Journal) -> None:
    """All of it, and acknowledged as settled, so that its logger can close its book on it."""
    commit = journal.append([birth(2, boots=[[7, 5]])])
    assert gaps(tmp_path) == [(7, 0, 4, "lost")]
    assert commit.upto == {("C", "L", 7): 4, ("C", "L", 2): -1}
    assert commit.births == {("C", "L", 7), ("C", "L", 2)}
    assert journal.append([birth(2, boots=[[7, 5]], next_seq=0)]).upto[("C", "L", 7)] == 4


def test_a_book_that_is_behind_takes_nothing_back(tmp_path: Path, journal: Journal) -> None:
    """The logger wrote its book before its last records: what came is known, what lies between is lost."""
    journal.append(seqs(0, 6, boot=1))
    journal.append([birth(2, boots=[[1, 4]])])
    assert gaps(tmp_path) == [(1, 1, 5, "lost")]


def test_what_comes_all_the_same_fills_its_gap(tmp_path: Path, journal: Journal) -> None:
    """Whoever was wrong: a record that comes is kept."""
    journal.append([birth(2, boots=[[1, 3]])])
    journal.append([arrival("env", env(1, 1), is_fill=True)])
    assert gaps(tmp_path) == [(1, 0, 0, "lost"), (1, 1, 1, "filled"), (1, 2, 2, "lost")]


@pytest.mark.parametrize("boots", [None, []])
def test_a_late_birth_of_an_older_boot_says_nothing_of_a_newer_one(
    tmp_path: Path, journal: Journal, boots: Ranges | None
) -> None:
    """It was made before that one began: queued, copied or reordered, it knows nothing of it."""
    journal.append([*seqs(0, boot=1), birth(2, boots=[]), *seqs(0, 4, boot=2)])
    journal.append([birth(1, next_seq=1, boots=boots)])
    assert gaps(tmp_path) == [(2, 1, 3, "open")]


@pytest.mark.parametrize("boots", [None, []])
def test_a_retained_birth_that_overtakes_the_queue_is_spared(
    tmp_path: Path, journal: Journal, boots: Ranges | None
) -> None:
    """After an outage the retained birth of boot 2 comes first, then what the broker had queued of boot 1."""
    journal.append([birth(2, next_seq=5, held=[[2, 0, 4]], is_retained=True)])
    journal.append([birth(1, boots=boots), *seqs(0, 2, boot=1)])
    assert gaps(tmp_path) == [(1, 1, 1, "open"), (2, 0, 4, "open")]


@pytest.mark.parametrize("boots", [None, []])
def test_a_second_device_under_the_same_names_declares_nothing_lost(
    tmp_path: Path, journal: Journal, boots: Ranges | None
) -> None:
    """Device 1 sends on; the births of device 9 do not know its boots, nor those of device 1 the other's."""
    journal.append([birth(1, boots=boots), *seqs(0, boot=1), birth(9, boots=boots), *seqs(0, 3, boot=9)])
    journal.append([*seqs(4, boot=1), birth(9, 4, [[9, 1, 2]], boots), birth(1, 5, [[1, 1, 3]], boots)])
    assert gaps(tmp_path) == [(1, 1, 3, "open"), (9, 1, 2, "open")]


def test_a_logger_without_a_book_speaks_of_earlier_boots_once(tmp_path: Path, journal: Journal) -> None:
    """With the first live word of a boot; what its memory brings of the older one later stays open until then."""
    journal.append([*seqs(0, 5, boot=1), birth(2)])
    assert gaps(tmp_path) == [(1, 1, 4, "lost")]
    journal.append(seqs(9, boot=1))
    journal.append([birth(2)])
    assert gaps(tmp_path) == [(1, 1, 4, "lost"), (1, 6, 8, "open")]
    journal.append([birth(3)])
    assert gaps(tmp_path) == [(1, 1, 4, "lost"), (1, 6, 8, "lost")]


def test_what_a_boot_once_named_and_names_no_more_is_lost(tmp_path: Path, journal: Journal) -> None:
    """A ring that overwrites what an earlier boot had left in it; however often the logger connects in between."""
    journal.append([*seqs(0, boot=1), birth(2, held=[[1, 1, 6]]), *seqs(0, boot=2), birth(2, 1, held=[[1, 3, 6]])])
    assert gaps(tmp_path) == [(1, 1, 2, "lost"), (1, 3, 6, "open")]
    journal.append([arrival("env", env(3, 1), is_fill=True), birth(2, 1)])
    assert gaps(tmp_path) == [(1, 1, 2, "lost"), (1, 3, 3, "filled"), (1, 4, 6, "lost")]


def test_a_boot_that_goes_on_sending_is_spoken_of_no_more(tmp_path: Path, journal: Journal) -> None:
    """Device 9 took over the names for a moment; device 1 is alive, so only it knows what it holds."""
    journal.append([*seqs(0, boot=1), birth(9), *seqs(3, boot=1), birth(9)])
    assert gaps(tmp_path) == [(1, 1, 2, "open")]


def test_a_logger_with_a_book_is_silent_of_what_it_does_not_name(tmp_path: Path, journal: Journal) -> None:
    """What it has no record of may be another device's, which still holds it."""
    journal.append([*seqs(0, 5, boot=1), birth(2, boots=[]), birth(3, boots=[[2, 1]])])
    assert gaps(tmp_path) == [(1, 1, 4, "open"), (2, 0, 0, "lost")]


def test_a_boot_spoken_of_is_not_the_one_last_heard(tmp_path: Path, journal: Journal) -> None:
    """Only a boot's own messages count as its receipt."""
    journal.append([arrival("env", env(0, 1), 1000), arrival("status", status(2, next=0, held=[[1, 1, 2]]), 2000)])
    assert rows(tmp_path, "SELECT boot, seen_ns FROM boots ORDER BY boot") == [(1, 1000), (2, 2000)]


def test_a_late_will_of_the_boot_before_does_not_bring_it_back(tmp_path: Path, journal: Journal) -> None:
    """It was written when that boot connected."""
    will = arrival("status", status(1, state="offline"))
    journal.append([*seqs(0, boot=1), birth(2, held=[[1, 3, 6]]), will, birth(2)])
    assert gaps(tmp_path) == [(1, 1, 6, "lost")]


def test_births_that_name_ever_more_boots_stay_cheap(tmp_path: Path, journal: Journal) -> None:
    """Of a logger only so many boots are followed; of the others nothing is claimed, and few are answered at once."""
    for number in range(1, 6):
        commit = journal.append([birth(0, held=[[1000 * number + i, 0, 1] for i in range(900)], boots=[])])
        assert len(commit.births) <= MAX_ANSWERED_BOOTS + 1
    assert len({boot for boot, *_ in gaps(tmp_path)}) == MAX_OPEN_BOOTS
    assert rows(tmp_path, "SELECT count(*) FROM boots") == [(MAX_OPEN_BOOTS + 1,)]


def test_what_loggers_claim_may_leave_64_bits(tmp_path: Path, journal: Journal) -> None:
    """Each of these claims is small enough, their sum is not."""
    most = 2**53 - 1
    for name in range(20):
        claims = [status(number, next=most, held=[[number, 0, most - 1]], boots=[]) for number in range(MAX_OPEN_BOOTS)]
        journal.append([arrival("status", claim, logger=f"L{name}") for claim in claims])
    reader = JournalReader(tmp_path)
    assert reader.gaps()["open"] > 2**63
    assert sum(row["gap_records"] for row in reader.loggers()) > 2**63
    reader.close()


class Device:
    """A logger with a book: what it made of each boot, and what it still holds."""

    def __init__(self) -> None:
        self.boot, self.made = 1, {1: 0}
        self.held: dict[int, set[int]] = {1: set()}

    def restart(self) -> None:
        self.boot += 1
        self.made[self.boot], self.held[self.boot] = 0, set()

    def make(self) -> Usable:
        seq = self.made[self.boot]
        self.made[self.boot] += 1
        self.held[self.boot].add(seq)
        return arrival("env", env(seq, self.boot))

    def birth(self) -> Usable:
        held = [[boot, seq, seq] for boot in sorted(self.held) for seq in sorted(self.held[boot])]
        book = [[boot, made] for boot, made in self.made.items() if boot != self.boot and made]
        return birth(self.boot, self.made[self.boot], held, book)


STEPS = st.lists(st.sampled_from(["make", "make", "make", "tear", "restart", "birth", "settle"]), max_size=40)


@settings(max_examples=60)
@given(STEPS, st.randoms(use_true_random=False), st.booleans())
def test_nothing_held_is_declared_lost_and_at_the_end_nothing_is_silent(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], rng: object, is_shuffled: bool
) -> None:
    """Whatever a device loses, and in whatever order its messages come: what was declared lost was not held any more.

    Once its last birth came, each record is in the journal, held by the device, or declared.
    """
    device, sent = Device(), []
    taken: set[tuple[int, int]] = set()
    for step in steps:
        if step == "make":
            record = device.make()
            sent.append(record)
        elif step == "restart":
            device.restart()
        elif step == "birth":
            sent.append(device.birth())
        elif device.held[device.boot]:
            seq = max(device.held[device.boot])
            device.held[device.boot].remove(seq)
            if step == "tear":  # the flash lost it, and the network its message
                taken.add((device.boot, seq))
    kept = [each for each in sent if each.kind == "status" or _identity(each) not in taken]
    if is_shuffled:
        rng.shuffle(kept)  # type: ignore[attr-defined]  # hypothesis' Random
    journal = Journal(tmp_path_factory.mktemp("state"))
    journal._connection.execute("PRAGMA synchronous=OFF")
    for each in [*kept, device.birth()]:
        journal.append([each])
    rows_of = journal._connection.execute
    came = set(rows_of("SELECT boot, seq FROM records WHERE seq IS NOT NULL").fetchall())
    states = {
        (boot, seq): state
        for boot, first, last, state in rows_of('SELECT boot, "from", "to", state FROM gaps')
        for seq in range(first, last + 1)
    }
    held = {(boot, seq) for boot, seqs_held in device.held.items() for seq in seqs_held}
    everything = {(boot, seq) for boot, made in device.made.items() for seq in range(made)}
    assert {key for key, state in states.items() if state == "lost"} == everything - came - held
    assert {key for key, state in states.items() if state == "open"} <= held
    assert everything == came | held | set(states)
    journal.close()


def _identity(each: Usable) -> tuple[int, int]:
    assert each.message is not None
    return each.message.stamp.boot, getattr(each.message, "seq", -1)


def test_a_first_birth_in_another_container_says_nothing_of_a_boot_that_is_heard(
    tmp_path: Path, journal: Journal
) -> None:
    """A second device may have been given the name there; if it is the logger that moved, it is asked in vain."""
    journal.append([birth(1), *seqs(0, 5, boot=1)])
    elsewhere = replace(birth(2), topic="tcm/v1/C2/L/up/status", container="C2")
    journal.append([elsewhere])
    assert gaps(tmp_path) == [(1, 1, 4, "open")]

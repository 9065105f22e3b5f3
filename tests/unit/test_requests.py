"""Missing records: each is asked for, and lost only once asking was in vain or the logger said so."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest.requests import MAX_ASKED_BOOTS, MAX_TALKERS, MAX_TICK_BOOTS, MAX_TICK_LOGGER_BOOTS, Requests
from monitor.journal import Commit
from monitor.journal.arrival import Traffic
from tests.intakes import Bench, delivery
from tests.messages import S, env, status

Ack = tuple[str, int, list[list[int]]]  # logger, boot, want


class Station(Bench):
    """A bench whose time passes second by second, the intake stepping as often."""

    def acknowledgements(self) -> list[Ack]:
        sent = [(topic.split("/")[3], cbor2.loads(payload)) for topic, payload in self.sent]
        self.sent.clear()
        return [(logger, ack["boot"], ack["want"]) for logger, ack in sent]

    def wants(self) -> list[Ack]:
        """The acknowledgements since the last look that asked for something."""
        return [ack for ack in self.acknowledgements() if ack[2]]

    def live(self, *seqs: int, boot: int = 1, logger: str = "L") -> None:
        self.put(*(delivery("env", env(seq, boot), logger) for seq in seqs))
        self.intake.step()

    def fill(self, *seqs: int, boot: int = 1, logger: str = "L") -> None:
        self.put(*(delivery("env", env(seq, boot), logger, is_fill=True) for seq in seqs))
        self.intake.step()

    def birth(self, boot: int = 1, **keys: Any) -> None:
        self.put(delivery("status", status(boot, **keys)))
        self.intake.step()

    def wait(self, seconds: int, then: Callable[[], None] = lambda: None) -> None:
        """Let time pass; `then` every second."""
        for _ in range(seconds):
            self.clock.mono += S
            self.intake.step()
            then()

    def gaps(self) -> list[tuple[Any, ...]]:
        return self.rows('SELECT boot, "from", "to", state FROM gaps ORDER BY logger, boot, "from"')

    def talk(self, seconds: int, first: int, boot: int = 1) -> int:
        """A live record every ten seconds; the next seq."""
        for seq in range(first, first + seconds // 10):
            self.wait(10)
            self.live(seq, boot=boot)
        return first + seconds // 10


@pytest.fixture
def station(tmp_path: Path) -> Station:
    made = Station(tmp_path)
    made.intake.step()
    return made


def test_a_missing_record_is_asked_for_at_once_and_filled(station: Station) -> None:
    """With the first acknowledgement that has a reason to; the tick says so in the journal."""
    station.live(0, 1, 3)
    assert station.wants() == [("L", 1, [[2, 2]])]
    station.wait(10)
    assert station.gaps() == [(1, 2, 2, "requested")]
    station.fill(2)
    assert station.gaps() == [(1, 2, 2, "filled")]
    station.talk(300, 4)
    assert station.wants() == []


def test_what_was_asked_for_three_times_in_vain_is_lost(station: Station) -> None:
    """A minute apart, the logger being heard; it is told that it may go on, and what comes all the same is kept."""
    station.live(0, 5)
    asked = [(station.clock.mono // S, ack) for ack in station.wants()]
    seq = 6
    for _ in range(30):
        seq = station.talk(10, seq)
        asked += [(station.clock.mono // S, ack) for ack in station.wants()]
    times_s, acks = zip(*asked, strict=True)
    assert all(ack == ("L", 1, [[1, 4]]) for ack in acks)
    assert 2 * 60 <= times_s[-1] - times_s[0] < 3 * 60
    assert len(times_s) <= 3 * 4  # each is named 3, 9 and 27 s later once more
    assert station.gaps() == [(1, 1, 4, "lost")]
    assert station.take() == [] and station.rows("SELECT upto FROM boots") == [(seq - 1,)]
    station.fill(2)
    assert station.gaps() == [(1, 1, 1, "lost"), (1, 2, 2, "filled"), (1, 3, 4, "lost")]


def test_a_boot_that_only_a_changed_byte_invented_is_asked_for_and_lost(station: Station) -> None:
    """At ticks, as nothing of it is ever heard again; its logger goes on as another boot."""
    station.live(7, boot=99)
    station.wants()
    station.talk(400, 0)
    assert {(boot, tuple(want[0])) for _, boot, want in station.wants()} == {(99, (0, 6))}
    assert station.gaps() == [(99, 0, 6, "lost")]


def test_a_silent_logger_is_neither_asked_nor_given_up(station: Station) -> None:
    """However long: its memory may be full of what is missing."""
    station.live(0, 5)
    station.wait(3600)
    assert len(station.wants()) == 1
    assert station.gaps() == [(1, 1, 4, "requested")]


BREAKS: dict[str, Callable[[Station], None]] = {
    "our connection": lambda station: setattr(station.links[0], "generation", station.links[0].generation + 1),
    "a birth": lambda station: station.birth(armed=True),
    "a will": lambda station: station.birth(state="offline"),
    "its memory": lambda station: station.fill(0),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_request_does_not_count_when_it_may_not_have_been_answered(station: Station, what: str) -> None:
    """A break on either side, or a logger that is still at its backlog, even at records that are here already."""
    station.live(0, 5)
    seq = 6
    for _ in range(10):
        seq = station.talk(50, seq)
        BREAKS[what](station)
    assert station.gaps() == [(1, 1, 4, "requested")]
    assert len(station.wants()) >= 5
    station.talk(400, seq)
    assert station.gaps() == [(1, 1, 4, "lost")]


def fill_others(station: Station, seqs: range) -> None:
    """The logger sends live, once in 10 s, and another one from its memory all the while."""
    other = iter(range(10_000))
    for seq in seqs:
        for _ in range(40):
            station.clock.mono += S // 4
            station.fill(next(other), logger="M")
        station.live(seq)


def test_while_others_fill_nothing_is_given_up(station: Station) -> None:
    """What this logger sent may wait at the broker behind theirs."""
    station.live(0, 5)
    fill_others(station, range(6, 60))
    assert station.gaps() == [(1, 1, 4, "requested")]
    station.talk(400, 60)
    assert station.gaps() == [(1, 1, 4, "lost")]


def test_a_logger_at_work_on_its_backlog_loses_nothing(station: Station) -> None:
    """However slow: an hour for sixty records that its birth said it holds, live ones in between."""
    station.birth(next=60, held=[[1, 0, 59]])
    for seq in range(60):
        station.talk(50, 60 + 5 * seq)
        station.wait(9)
        station.fill(seq)
    assert {state for *_, state in station.gaps()} == {"filled"}
    assert station.rows("SELECT upto FROM boots") == [(359,)]


def test_old_records_at_a_new_gateway(station: Station) -> None:
    """What the logger still holds is awaited and asked for; what it settled elsewhere or lost is declared, and freed.

    Boot 1 is named by `held` alone, boot 2 by its book alone; 3 is the present one.
    """
    station.put(delivery("status", status(3, next=7, held=[[1, 40, 49], [3, 4, 6]], boots=[[1, 55], [2, 9]])))
    station.intake.step()
    sent = [cbor2.loads(payload) for _, payload in station.sent]
    told = {ack["boot"]: (ack["upto"], ack["want"]) for ack in sent}
    assert told == {1: (39, [[40, 49]]), 2: (8, []), 3: (3, [[4, 6]])}
    expected = [(1, 0, 39, "lost"), (1, 40, 49, "open"), (1, 50, 54, "lost"), (2, 0, 8, "lost"), (3, 0, 3, "lost")]
    assert station.gaps() == [*expected, (3, 4, 6, "open")]


def test_nothing_is_asked_while_a_connection_is_broken(station: Station) -> None:
    """By the other one the answer could not come."""
    station.links[1].is_connected = False
    station.live(0, 5)
    assert station.wants() == []
    station.links[1].is_connected = True
    station.wait(1)
    station.live(6)
    assert station.wants() == [("L", 1, [[1, 4]])]


def test_no_more_than_64_ranges_are_named_oldest_first(station: Station) -> None:
    """An acknowledgement has an end; the others follow when these are here."""
    station.live(*range(0, 200, 2))
    station.live(200)
    (ack,) = station.wants()
    assert ack[2] == [[seq, seq] for seq in range(1, 129, 2)]


EVENT = st.one_of(
    st.tuples(st.just("live"), st.integers(0, 12), st.integers(1, 2)),
    st.tuples(st.just("live"), st.integers(0, 30), st.integers(1, 2)),
    st.tuples(st.just("fill"), st.integers(0, 30), st.integers(1, 2)),
    st.tuples(st.just("wait"), st.integers(1, 70), st.integers(1, 2)),
    st.tuples(st.just("talk"), st.integers(60, 200), st.integers(1, 2)),
    st.tuples(st.sampled_from(["birth", "break"]), st.just(0), st.integers(1, 2)),
)


class Watcher:
    """Notes when each seq was asked for, and that whatever is asked for may be."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.asked_ns: dict[tuple[int, int], list[int]] = {}
        self.next = {1: 100, 2: 100}

    def states(self) -> dict[tuple[int, int], str]:
        found = [(boot, seq, state) for boot, a, b, state in self.station.gaps() for seq in range(a, b + 1)]
        by_seq = {(boot, seq): state for boot, seq, state in found}
        assert len(by_seq) == len(found)
        return by_seq

    def look(self) -> None:
        states = self.states()
        for _, boot, want in self.station.wants():
            assert len(want) <= 64
            assert all(last + 1 < first for (_, last), (first, _) in pairwise(want))
            for seq in (seq for first, last in want for seq in range(first, last + 1)):
                assert states[boot, seq] in ("open", "requested")
                self.asked_ns.setdefault((boot, seq), []).append(self.station.clock.mono)

    def act(self, what: str, number: int, boot: int) -> None:
        station = self.station
        match what:
            case "live":
                station.live(number, boot=boot)
            case "fill":
                station.fill(number, boot=boot)
            case "wait":
                station.wait(number, self.look)
            case "birth":
                station.birth(boot)
            case "break":
                station.links[0].generation += 1
            case "talk":
                for _ in range(number // 20):
                    station.wait(20, self.look)
                    station.live(self.next[boot], boot=boot)
                    self.next[boot] += 1
                    self.look()
        self.look()


@settings(max_examples=25)
@given(st.lists(EVENT, max_size=15))
def test_every_seq_is_one_of_four_and_none_is_lost_untold(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, int]]
) -> None:
    """Below `next` a seq is journalled, awaited, lost or filled; lost ones were asked for three times, a minute apart.

    What an acknowledgement asks for is awaited, in order, disjoint, and 64 ranges at most.
    """
    station = Station(tmp_path_factory.mktemp("state"))
    station.journal._connection.execute("PRAGMA synchronous=OFF")
    watcher = Watcher(station)
    for event in events:
        watcher.act(*event)
    journalled, states = set(station.rows("SELECT boot, seq FROM records WHERE seq IS NOT NULL")), watcher.states()
    for boot, upto, next_seq in station.rows("SELECT boot, upto, next FROM boots"):
        for seq in range(next_seq):
            state = states.get((boot, seq))
            assert ((boot, seq) in journalled) == (state in (None, "filled"))
            assert state not in ("open", "requested") or seq > upto
    for key in (key for key, state in states.items() if state == "lost"):
        first, _, *_, last = watcher.asked_ns[key]
        assert last - first >= 120 * S
    station.journal.close()


def hear(requests: Requests, *loggers: str) -> None:
    commit = Commit()
    commit.traffic = {("C", logger): Traffic(is_heard=True) for logger in loggers}
    requests.hear(commit)


def test_what_is_remembered_is_bounded() -> None:
    """Loggers and boots without end take no more memory than that."""
    requests = Requests()
    for number in range(MAX_TALKERS + 10):
        hear(requests, f"L{number}")
        if number >= MAX_TALKERS - MAX_ASKED_BOOTS:
            assert requests.ask((f"L{number}", 1), [(0, 1)], number, 1) == [(0, 1)]
    assert len(requests._talkers) == MAX_TALKERS
    assert len(requests._requests) == MAX_ASKED_BOOTS


def test_a_tick_asks_only_so_many_and_all_in_turn() -> None:
    """A few of each logger, those first that were asked longest ago."""
    requests = Requests()
    open_boots = {f"L{number}": list(range(6)) for number in range(100)}
    asked: set[tuple[str, int]] = set()
    now_ns = 0
    for _ in range(6):
        hear(requests, *open_boots)
        now_ns += 10 * S
        due = requests.due(open_boots, now_ns)
        assert len(due) <= MAX_TICK_BOOTS
        assert max(sum(owner[1] == name for owner, _ in due) for name in open_boots) <= MAX_TICK_LOGGER_BOOTS
        for owner, boot in due:
            requests.ask((owner[1], boot), [(0, 0)], now_ns, 1)
            asked.add((owner[1], boot))
    assert len(asked) == 600


def test_what_comes_again_though_it_is_here_holds_nothing_up(station: Station) -> None:
    """A logger that freed what is missing sends the rest again each minute, for as long as `upto` stands."""
    station.live(0, *range(5, 20))
    for _ in range(8):
        station.wait(30)
        station.fill(*range(5, 20))
        station.wait(30)
    assert station.gaps() == [(1, 1, 4, "lost")]
    assert station.rows("SELECT upto FROM boots") == [(19,)]


def test_what_a_logger_has_not_come_to_is_not_given_up(station: Station) -> None:
    """It sends the oldest first, and again what is here already: only what lies below that is passed over."""
    station.live(0, *range(5, 20), *range(25, 30))
    station.live(1, boot=2)
    for _ in range(8):
        station.wait(30)
        station.fill(*range(5, 15))
        station.wait(30)
    assert station.gaps() == [(1, 1, 4, "lost"), (1, 20, 24, "requested"), (2, 0, 0, "requested")]


@pytest.mark.parametrize("content", [b"rubbish", env(0, 7)], ids=["rubbish", "the same"])
def test_what_fills_nothing_keeps_no_request_standing(station: Station, content: Any) -> None:
    """Whoever publishes by the fill topics for ever, three times a second."""
    station.live(0, 5)
    seq = 6
    for second in range(300):
        for _ in range(3):
            station.clock.mono += S // 3
            station.put(delivery("env", content, "M", is_fill=True))
            station.intake.step()
        if second % 10 == 0:
            station.live(seq)
            seq += 1
    assert [gap for gap in station.gaps() if gap[0] == 1] == [(1, 1, 4, "lost")]


def test_others_hold_a_request_up_for_a_time_only(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much they have; one that fills for ever must not keep all alerts from settling."""
    monkeypatch.setattr("monitor.ingest.requests.MAX_OTHERS_NS", 20 * S)
    station.live(0, 5)
    fill_others(station, range(6, 60))
    assert station.gaps() == [(1, 1, 4, "lost")]


def test_a_changed_byte_in_a_seq_settles_nothing_that_is_yet_to_be_made(station: Station) -> None:
    """The record is kept, `upto` goes on with its boot, and what is missing later is asked for as ever."""
    far = delivery("env", env(10 + 2**40, t0=0, mono=0))
    station.live(*range(10))
    station.put(far)
    seq = station.talk(400, 11)
    assert station.gaps() == [(1, 10, 10, "lost"), (1, seq, 2**40 + 9, "unmade")]
    assert station.rows("SELECT upto FROM boots") == [(seq - 1,)]
    assert station.journal.open_containers() == []
    station.wants()
    station.wait(1)
    station.live(seq + 1)
    assert station.wants() == [("L", 1, [[seq, seq]])]
    station.fill(seq)
    station.put(far)
    station.intake.step()
    assert station.rows("SELECT upto FROM boots") == [(seq + 1,)]
    assert station.intake.duplicates == 1


def test_a_second_record_near_the_first_proves_that_all_below_was_made(station: Station) -> None:
    """A logger whose birth this monitor never heard, and which is far on."""
    station.live(0, 5000)
    assert station.gaps() == [(1, 1, 4999, "unmade")]
    station.live(5001)
    assert station.gaps() == [(1, 1, 4999, "open")]
    station.talk(400, 5002)
    assert station.gaps() == [(1, 1, 4999, "lost")]


def test_a_birth_takes_back_what_was_never_made(station: Station) -> None:
    """Whether a record or a status invented it, given up or not; of the next one missing its logger hears."""
    station.live(0, 1, 200)
    station.talk(400, 2)
    assert station.gaps() == [(1, 2, 41, "filled"), (1, 42, 199, "lost")]
    station.birth(next=42, held=[], boots=[])
    assert station.gaps()[1:] == [(1, 42, 199, "unmade")]
    assert station.rows("SELECT upto FROM boots") == [(41,)]
    station.live(43)
    assert station.gaps()[1:] == [(1, 42, 42, "open"), (1, 44, 199, "unmade")]
    station.live(42)
    station.birth(2, next=2**40, held=[[2, 0, 2**50]], boots=[[1, 44]])
    assert station.gaps()[-1] == (2, 0, 2**40 - 1, "open")
    station.birth(2, next=3, held=[[2, 0, 2]], boots=[[1, 44]])
    assert station.gaps()[-1] == (2, 0, 2, "open")
    assert station.rows("SELECT boot, next FROM boots") == [(1, 201), (2, 3)]


def test_a_birth_that_records_prove_old_takes_nothing_back(station: Station) -> None:
    """It waited at the broker while they came by another way."""
    station.live(0, 5, 6)
    station.birth(next=1, held=[], boots=[])
    assert station.gaps() == [(1, 1, 4, "open")]


def test_a_boot_full_of_lost_gaps_goes_on(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is awaited uses up the bound; what a record's own `oldest` covers is awaited by nobody."""
    monkeypatch.setattr("monitor.journal.gaps.MAX_GAPS", 8)
    station.put(*(delivery("env", env(seq, oldest=seq)) for seq in range(0, 100, 2)))
    station.intake.step()
    assert len(station.gaps()) == 49
    station.live(100)
    assert station.gaps()[-1] == (1, 99, 99, "open")
    station.fill(1)
    assert station.rows("SELECT count(*) FROM records WHERE seq = 1") == [(1,)]

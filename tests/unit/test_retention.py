"""Retention: what is dropped, what stays, and that nobody who still needs a payload misses it."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import Commit, JournalReader, Place, Refused, retention
from monitor.journal.check import check_journal
from monitor.journal.retention import KEPT_STATUSES, MAX_PIECE_BYTES, MAX_PIECE_ROWS
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.journal.statuses import last_status
from monitor.model.clock import NS_PER_S
from monitor.model.condition import DISK_FULL, DISK_LOW
from monitor.model.errors import DiskFull
from tests.journals import MESSAGES, arrival, message, refused, rows, seqs
from tests.messages import env, status
from tests.retentions import Bench, fill


def test_nothing_is_dropped_while_there_is_room(tmp_path: Path) -> None:
    """Below 80 % of the budget, without an age: everything stays."""
    bench = Bench(tmp_path)
    fill(bench, 0.77)
    bench.drop()
    assert bench.dropped() == []
    bench.close()


def test_payloads_go_oldest_first_once_room_is_short(tmp_path: Path) -> None:
    """Down to 75 % of the budget, behind a checkpoint; the same rows are there with their digests and chain."""
    bench = Bench(tmp_path)
    fill(bench, 0.8)
    before = rows(tmp_path, "SELECT pos, seq, topic, digest, chain FROM records")
    bench.drop()
    dropped = bench.dropped()
    assert dropped == list(range(1, len(dropped) + 1))
    assert 2 <= len(dropped) < bench.journal.pos / 5
    assert bench.journal.room.used_share < 0.75
    assert rows(tmp_path, "SELECT pos, seq, topic, digest, chain FROM records") == before
    ((pos, chain),) = rows(tmp_path, "SELECT pos, chain FROM checkpoints")
    assert (pos, chain) == (before[-1][0], before[-1][4])
    bench.close()


@pytest.mark.parametrize("size", [10, 200, 1_500, 30_000])
def test_what_is_dropped_gives_its_room_back(tmp_path: Path, size: int) -> None:
    """Small payloads, too, though they share their pages: what stays of a record is less than 400 bytes."""
    bench = Bench(tmp_path, "3 MB")
    records = 0
    while bench.journal.room.used_share < 0.9:
        bench.append([arrival("env", env(records + i, pad=bytes(size))) for i in range(100)])
        records += 100
    bench.confirmed = bench.journal.pos - 50
    for _ in range(1_000):
        if not bench.retention._drop_records(bench.confirmed, bench.confirmed):
            break
    assert len(bench.dropped()) == records - 50
    used_bytes = bench.journal.room.used_share * 3e6 - 50 * (size + 600)
    assert used_bytes < 400 * records + 200_000
    bench.close()


def test_nobody_who_needs_a_payload_misses_it(tmp_path: Path) -> None:
    """Nothing behind what the slowest consumer has confirmed goes, however short room is."""
    bench = Bench(tmp_path)
    fill(bench, 1.0)
    bench.confirmed = 7
    bench.drop()
    assert bench.dropped() == list(range(1, 8))
    assert bench.retention.is_short
    bench.close()


def test_what_waits_for_its_clock_stays_until_it_was_read(tmp_path: Path) -> None:
    """It is read later than its turn, so neither it nor anything behind it goes before."""
    bench = Bench(tmp_path)
    bench.append(seqs(0, 1))
    bench.append([arrival("env", env(0, boot=2, clk=0))])
    fill(bench, 1.0, boot=3)
    bench.drop()
    assert bench.dropped() == [1, 2]
    bench.append([arrival("env", env(1, boot=2, clk=0), is_prompt=True)])
    bench.drop()
    assert len(bench.dropped()) > 3
    bench.close()


def test_configurations_operators_and_the_last_statuses_stay(tmp_path: Path) -> None:
    """Of each logger as many statuses as a reader looks back for what it said last."""
    bench = Bench(tmp_path)
    bench.journal.append_own("config", 1, b"{}")
    bench.journal.append_own("operator", 2, b"{}", "C")
    bench.append([arrival("status", status(next=i), logger=name) for i in range(KEPT_STATUSES + 3) for name in "LM"])
    bench.tick()
    fill(bench, 1.0)
    bench.drop()
    kinds = [(kind, count) for kind, count in rows(
        tmp_path, "SELECT kind, count(*) FROM records WHERE payload IS NULL AND pos < 45 GROUP BY kind"
    )]  # fmt: skip
    assert kinds == [("env", 1), ("status", 6), ("tick", 1)]
    reader = JournalReader(tmp_path)
    told = last_status(reader, "M")
    assert told is not None
    assert told.next_seq == KEPT_STATUSES + 2
    reader.close()
    bench.close()


def test_a_duplicate_of_what_was_dropped_is_told_by_its_digest(tmp_path: Path) -> None:
    """The same payload is a duplicate and acknowledged; another under its identity goes to quarantine."""
    bench = Bench(tmp_path)
    first = arrival("env", env(0))
    bench.append([first])
    fill(bench, 0.95, boot=2)
    bench.drop()
    assert bench.dropped()[0] == 1
    assert bench.append([first]) == Commit(duplicates=1, upto={("C", "L", 1): 0})
    commit = bench.append([arrival("env", env(0, values=[[77.0]]))])
    assert (commit.inserted, commit.quarantined) == (0, 1)
    assert rows(tmp_path, "SELECT reason FROM quarantine") == [(IDENTITY_CONFLICT,)]
    bench.close()


def test_readers_pass_over_what_was_dropped(tmp_path: Path) -> None:
    """They come to the journal's end all the same."""
    bench = Bench(tmp_path)
    fill(bench, 0.95)
    bench.drop()
    dropped = bench.dropped()
    reader = JournalReader(tmp_path)
    read, place = [], Place()
    while (page := reader.read(place, 5)).reached != place:
        read += [record.pos for record in page.records]
        place = page.reached
    assert read == list(range(len(dropped) + 1, bench.journal.pos + 1))
    reader.close()
    bench.close()


def test_conflicts_go_once_a_later_tick_told_of_them(tmp_path: Path) -> None:
    """Until then watch has not looked at them."""
    bench = Bench(tmp_path)
    bench.append([refused(env(i, pad=bytes(20_000)), reason=IDENTITY_CONFLICT) for i in range(50)])
    bench.tick()
    bench.drop()
    assert bench.dropped("quarantine") == []  # the checkpoint is behind that tick
    bench.tick()
    bench.tick()
    bench.drop()
    assert bench.dropped("quarantine")
    digests = rows(tmp_path, "SELECT length(digest), length(chain) FROM quarantine")
    assert digests == [(32, 32)] * 50
    bench.close()


def test_what_cannot_be_used_goes_first_and_waits_for_nobody(tmp_path: Path) -> None:
    """Whoever sends much of it shortens no evidence; a conflict among it stays until watch has looked at it."""
    bench = Bench(tmp_path)
    bench.confirmed = 0
    conflict = refused(env(0, values=[[7.0]]), reason=IDENTITY_CONFLICT)
    bench.append([*seqs(0), *(refused(env(i, pad=bytes(20_000))) for i in range(10)), conflict])
    for _ in range(10):
        bench.append([refused(env(i, pad=bytes(20_000))) for i in range(60)])
        bench.clock.mono += retention.CHECKPOINT_SPACING_NS
        bench.drop()
        assert bench.journal.has_room()
        assert bench.journal.room.used_share < 0.8
    assert (bench.dropped(), 11 in bench.dropped("quarantine"), 12 in bench.dropped("quarantine")) == ([], False, True)
    bench.close()
    assert check_journal(tmp_path, lambda _done, _of: None).problems == []
    again = Bench(tmp_path)
    again.retention.is_short = True
    for _ in range(3):
        again.tick()
        again.clock.mono += retention.CHECKPOINT_SPACING_NS
        again.retention._write_checkpoint()
    while again.retention._drop_quarantine(again.journal.pos, again.journal.pos):
        pass
    assert 11 in again.dropped("quarantine")
    again.close()


def test_of_a_topic_that_none_of_ours_has_only_the_beginning_stays(tmp_path: Path) -> None:
    """Else messages without payload fill the budget for ever."""
    bench = Bench(tmp_path)
    topic = "tcm/v1/" + "a" * 60_000 + "/L/up/env"
    for _ in range(50):
        bench.append([Refused(1, topic, b"", reason="topic: no identifier")])
        bench.clock.mono += retention.CHECKPOINT_SPACING_NS
        bench.drop()
        assert bench.journal.has_room()
    assert rows(tmp_path, "SELECT topic FROM quarantine WHERE pos = 1") == [(topic[:200],)]
    bench.close()
    assert check_journal(tmp_path, lambda _done, _of: None).problems == []


def test_that_the_budget_is_used_up_is_said_once_dropping_does_not_help(tmp_path: Path) -> None:
    """As after a start with a smaller budget: consumers first have their time to confirm what may go."""
    bench = Bench(tmp_path, "2 MB")
    fill(bench, 0.75)
    bench.close()
    smaller = Bench(tmp_path, "1 MB")
    smaller.confirmed = 0
    assert [condition.rule for condition in smaller.journal.conditions()] == [DISK_LOW]
    told = []
    for _ in range(8):
        smaller.drop()
        told += [condition.rule for condition in smaller.journal.conditions()]
        smaller.clock.mono += 10 * NS_PER_S
    assert told == [DISK_LOW] * 6 + [DISK_FULL] * 2
    smaller.confirmed = smaller.journal.pos
    smaller.drop()
    assert smaller.journal.conditions() == []
    smaller.close()


def test_old_payloads_go_by_ticks_not_by_the_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set wrong by years drops nothing; what was watched for long enough goes."""
    monkeypatch.setattr(retention, "TICKS_PER_CHECKPOINT", 6)
    bench = Bench(tmp_path, keep_s=600)
    bench.append([arrival("env", env(0), received_ns=5)])  # received in 1970, so to say
    for _ in range(60):
        bench.tick()
        bench.drop()
    assert bench.dropped() == []
    for _ in range(12):
        bench.tick()
        bench.drop()
    assert bench.dropped()[:2] == [1, 2]
    assert len(bench.dropped()) < 20
    bench.close()
    again = Bench(tmp_path, keep_s=600)
    again.clock.mono = bench.clock.mono
    before = again.dropped()
    for _ in range(12):
        again.tick()
        again.drop()
    assert 6 <= len(again.dropped()) - len(before) <= 18
    again.close()


def test_a_piece_is_bounded(tmp_path: Path) -> None:
    """So no commit waits long for it."""
    bench = Bench(tmp_path, "10 MB")
    bench.append([arrival("env", env(i, pad=bytes(900_000))) for i in range(5)])
    bench.append([arrival("env", env(i, boot=2)) for i in range(MAX_PIECE_ROWS + 100)])
    counts = [0]
    while bench.retention._drop_records(bench.journal.pos, bench.journal.pos):
        counts.append(len(bench.dropped()))
    pieces = [after - before for before, after in itertools.pairwise(counts)]
    assert pieces[0] == MAX_PIECE_BYTES // 900_000
    assert max(pieces) <= MAX_PIECE_ROWS
    assert sum(pieces) == MAX_PIECE_ROWS + 105
    bench.close()


def test_a_full_disk_while_dropping_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The piece is tried again."""
    bench = Bench(tmp_path)
    fill(bench, 0.95)
    connection = bench.journal.connection
    connection.execute("CREATE TABLE large(data BLOB)")
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

    def rewrite(connection: sqlite3.Connection, *_rest: object) -> None:
        connection.execute("INSERT INTO large VALUES(zeroblob(1000000))")

    with monkeypatch.context() as patch:
        patch.setattr(retention, "_rewrite", rewrite)
        with pytest.raises(DiskFull):
            bench.drop()
    assert (bench.dropped(), rows(tmp_path, "SELECT * FROM checkpoints")) == ([], [])
    bench.drop()
    assert bench.dropped()
    bench.close()


@settings(max_examples=30)
@given(MESSAGES, st.data())
def test_whatever_is_dropped_when_the_journal_stays_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, scene: list[tuple[str, int, int, int, bool]], data: st.DataObject
) -> None:
    """Beside a journal without it: the same rows but for payloads, the same answers, nothing unconfirmed gone."""
    plain, short = (Bench(tmp_path_factory.mktemp(name)) for name in ("plain", "short"))
    for bench in (plain, short):
        bench.tick()
    for item in [*scene, *scene]:  # every message comes twice
        assert plain.append([message(*item)]) == short.append([message(*item)])
        if data.draw(st.integers(0, 3)) == 0:
            plain.tick()
            short.tick()
        if data.draw(st.booleans()):
            short.confirmed = data.draw(st.integers(short.confirmed or 0, short.journal.pos))
            short.retention.is_short = True
            short.retention._drop_records(short.journal.pos, short.confirmed)
            assert short.retention._drop_refused() or short.retention._refused_pos == short.journal.quarantine_pos
            short.retention._drop_quarantine(short.journal.pos, short.confirmed)
            for bench in (plain, short):
                bench.clock.mono += retention.CHECKPOINT_SPACING_NS
            assert max(short.dropped(), default=0) <= short.confirmed
    for table in ("records", "quarantine"):
        whole, reduced = (rows(bench.folder, f"SELECT * FROM {table} ORDER BY pos") for bench in (plain, short))
        at = 8 if table == "records" else 3
        assert [(*row[:at], *row[at + 1 :]) for row in whole] == [(*row[:at], *row[at + 1 :]) for row in reduced]
        assert all(new[at] in (None, old[at]) for old, new in zip(whole, reduced, strict=True))
    for pos, chain in rows(short.folder, "SELECT pos, chain FROM checkpoints"):
        assert rows(short.folder, f"SELECT chain FROM records WHERE pos = {pos}") == [(chain,)]
    for table in ("boots", "gaps"):
        assert rows(plain.folder, f"SELECT * FROM {table}") == rows(short.folder, f"SELECT * FROM {table}")
    plain.close()
    short.close()

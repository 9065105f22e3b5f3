"""Recovery of a damaged journal: nothing missing counts as there, what is there is what was written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers import Watch
from monitor.consumers.cursors import put_away_unreadable, read_cursors
from monitor.journal import Journal, JournalReader, Place, Usable
from monitor.journal.check import check_journal
from monitor.journal.recover import recover_journal
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.journal.settle import TOO_MANY_GAPS
from monitor.journal.writer import RECOVERED
from monitor.model.errors import JournalError, TcmError
from monitor.replaying import replay_source
from monitor.wire import decode
from tests.intakes import ManualClock
from tests.journals import CHAINED, arrival, contents, refused, rows, seqs
from tests.messages import Content, env, status
from tests.stations import HOT, readings, rules

Range = tuple[int, int]


def block(seq: int) -> Content:
    """Of 400 bytes; its logger held the last 9."""
    return env(seq, oldest=max(seq - 9, 0), pad=bytes(300))


def fill(folder: Path) -> None:
    """Three loggers with gaps, lost records, quarantine, waiting records and ticks: some 60 pages."""
    journal = Journal(folder)
    journal.append_own("config", 1, b"{}")
    for round_ in range(12):
        for logger in ("K", "L", "M"):
            at = 10 * round_
            journal.append(
                [
                    *(arrival("env", block(at + i), logger=logger) for i in (0, 1, 4)),
                    arrival("status", status(next=at + 8, held=[[1, at + 2, at + 2]]), logger=logger),
                    refused(env(at + 6, v=2), at + 6),
                ]
            )
        journal.append([arrival("env", env(round_, boot=2, clk=0), is_prompt=round_ == 6)])
        journal.append_tick(round_, round_ * 10**10, b'{"quarantined": %d}' % journal.quarantine_pos)
    journal.close()


def recover(folder: Path) -> dict[str, Any]:
    return recover_journal(folder, read_cursors(folder), ManualClock())


def lose(folder: Path, where: str) -> None:
    """Take records out of the file, as if they could not be read."""
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.execute(f"DELETE FROM records WHERE {where}")
    connection.close()


def problems(folder: Path) -> list[str]:
    return [problem["problem"] for problem in check_journal(folder, lambda _done, _total: None).problems]


def within(ranges: list[Range]) -> set[int]:
    return {pos for first, last in ranges for pos in range(first, last + 1)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    fill(folder)
    return folder


def damaged_copy(whole: Path, folder: Path, content: bytes) -> None:
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    (folder / "journal.db").write_bytes(content)


def require_honest(whole: Path, folder: Path, answer: dict[str, Any]) -> None:
    """What is there is what was written; what is not is named; no missing seq counts as journalled."""
    for table in CHAINED:
        there = rows(folder, f"SELECT * FROM {table}")
        written = rows(whole, f"SELECT * FROM {table}")
        assert {row[:-1] for row in there} <= {row[:-1] for row in written}
        positions = {row[0] for row in there}  # of a row between two holes nobody can tell whether its chain is right
        assert {row for row in there if positions & {row[0] - 1, row[0] + 1}} <= set(written)
        missing = answer["missing" if table == "records" else "missing_quarantine"]
        assert {row[0] for row in written} - {row[0] for row in there} <= within(missing) | _behind(there, written)
        assert not within(missing) & {row[0] for row in there}
    holes = [problem for problem in problems(folder) if "are missing" not in problem]
    assert holes == [], holes
    acknowledged_and_gone(whole, folder)


def _behind(there: list[Any], written: list[Any]) -> set[int]:
    """Positions behind the last that can be read: without a cursor nobody knows of them."""
    last = max((row[0] for row in there), default=0)
    return {row[0] for row in written if row[0] > last}


def acknowledged_and_gone(whole: Path, folder: Path) -> None:
    """Every seq that the daemon would take for settled is a row, in quarantine, or was declared lost before."""
    seqs_of = "SELECT logger, boot, seq FROM records WHERE seq IS NOT NULL"
    was_settled = {
        (logger, boot, seq)
        for logger, boot, next_seq in rows(whole, "SELECT logger, boot, next FROM boots")
        for seq in range(next_seq)
    } - set(rows(whole, seqs_of))
    journal = Journal(folder)
    for logger, boot, next_seq in rows(folder, "SELECT logger, boot, next FROM boots"):
        state = journal._boots.get("C", logger, boot)
        for seq in range(next_seq):
            if not state.gaps.is_new(seq):
                there = (logger, boot, seq) in set(rows(folder, seqs_of))
                assert there or (logger, boot, seq) in was_settled, (logger, boot, seq)
    journal.close()


def test_what_can_be_read_comes_back_as_it_was(tmp_path: Path, whole: Path) -> None:
    """Rows, boots, gaps and waits, here of a file of which only an index is damaged; it stays beside the new one."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'operators'").fetchone()
    connection.close()
    content = bytearray((tmp_path / "journal.db").read_bytes())
    content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    (tmp_path / "journal.db").write_bytes(content)
    answer = recover(tmp_path)
    assert contents(tmp_path)[:2] == contents(whole)[:2]
    assert contents(tmp_path)[4] == contents(whole)[4]
    missing = "SELECT * FROM gaps WHERE state <> 'filled' ORDER BY logger, boot, \"from\""
    assert rows(tmp_path, missing) == rows(whole, missing)
    assert rows(tmp_path, "SELECT * FROM boots") == rows(whole, "SELECT * FROM boots")
    assert (answer["missing"], answer["missing_quarantine"]) == ([], [])
    assert Path(answer["damaged"]).read_bytes() == content
    assert problems(tmp_path) == []


@settings(max_examples=20)
@given(st.floats(0, 1))
def test_a_file_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, whole: Path, share: float) -> None:
    """What is before the cut is recovered; the daemon goes on with its own chain behind it."""
    folder = tmp_path_factory.mktemp("cut")
    content = (whole / "journal.db").read_bytes()
    damaged_copy(whole, folder, content[: int(share * len(content))])
    try:
        answer = recover(folder)
    except JournalError as error:
        assert "restore a backup" in str(error)
        assert share < 0.5
        return
    require_honest(whole, folder, answer)
    journal = Journal(folder)
    journal.append(seqs(900, boot=77))
    journal.close()
    assert [problem for problem in problems(folder) if "are missing" not in problem] == []


@settings(max_examples=15)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=4), st.binary(min_size=1, max_size=64))
def test_pages_overwritten_anywhere(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, pages: list[int], rubbish: bytes
) -> None:
    """Any pages but the first: rows of the others are there."""
    folder = tmp_path_factory.mktemp("torn")
    content = bytearray((whole / "journal.db").read_bytes())
    count = len(content) // 4096
    for page in pages:
        at = (1 + page % (count - 1)) * 4096
        content[at : at + 4096] = (rubbish * 4096)[:4096]
    damaged_copy(whole, folder, bytes(content))
    try:
        answer = recover(folder)
    except JournalError:
        return
    require_honest(whole, folder, answer)


def test_one_bad_page_loses_its_rows_and_no_others(tmp_path: Path, whole: Path) -> None:
    """The rows on a leaf in the middle become open gaps, so their loggers are asked for them."""
    content = bytearray((whole / "journal.db").read_bytes())
    wanted = rows(whole, "SELECT payload FROM records WHERE pos = 100")[0][0]
    at = bytes(content).index(wanted) // 4096 * 4096
    content[at : at + 4096] = bytes(4096)
    damaged_copy(whole, tmp_path, bytes(content))
    answer = recover(tmp_path)
    (first, last), *others = answer["missing"]
    assert first <= 100 <= last
    assert (others, last - first < 20) == ([], True)
    on_page = f"seq IS NOT NULL AND pos BETWEEN {first} AND {last}"
    lost = rows(whole, f"SELECT logger, boot, seq, payload FROM records WHERE {on_page}")
    before = sum(b - a + 1 for a, b in rows(whole, 'SELECT "from", "to" FROM gaps WHERE state = \'open\''))
    assert answer["awaited"] == before + len(lost)
    journal = Journal(tmp_path)
    again = [
        Usable(5, f"tcm/v1/C/{logger}/up/fill/env", payload, False, False, "C", logger, "env", decode("env", payload))
        for logger, _, _, payload in lost
    ]
    assert journal.append(again).inserted == len(again)
    journal.close()


def test_positions_go_on_behind_every_cursor(tmp_path: Path, whole: Path) -> None:
    """The tail is lost, but consumers have read it: what comes next is new to them, and the hole is named."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    last = rows(whole, "SELECT max(pos) FROM records")[0][0]
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(f"DELETE FROM records WHERE pos > {last - 5}")
    with sqlite3.connect(tmp_path / "watch.db") as connection:
        connection.executescript("CREATE TABLE kept(pos); CREATE TABLE snapshot(pos);")
        connection.execute("INSERT INTO kept VALUES(?)", (last,))
    answer = recover(tmp_path)
    assert answer["missing"] == [(last - 4, last)]
    journal = Journal(tmp_path)
    assert journal.pos == last
    journal.append(seqs(0, boot=50))
    journal.close()
    assert problems(tmp_path) == [f"records: positions {last - 4} to {last} are missing"]
    reader = JournalReader(tmp_path)
    assert [record.pos for record in reader.read(Place(last)).records] == [last + 1]
    reader.close()


def test_a_recovery_that_was_interrupted_is_finished(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two renamings no daemon starts on an empty journal."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    lose(tmp_path, "pos = 100")
    rename = Path.rename

    def crash(path: Path, target: Path) -> Path:
        if path.name == RECOVERED:
            raise OSError("the power is gone")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(JournalError):
            recover(tmp_path)
    with pytest.raises(JournalError, match="finish it: tcm journal recover"):
        Journal(tmp_path)
    assert recover(tmp_path)["missing"] == [(100, 100)]
    Journal(tmp_path).close()


def test_a_consumers_file_that_is_damaged_too_is_put_away(tmp_path: Path, whole: Path) -> None:
    """With watch.db those that count in its numbers."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    for name in ("watch.db", "store.db"):
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute("CREATE TABLE cursors(name, n)")
    (tmp_path / "watch.db").write_bytes(b"no database " * 1_000)
    assert put_away_unreadable(tmp_path) == ["watch.db", "store.db"]
    assert sorted(path.name for path in tmp_path.glob("*.damaged")) == ["store.db.damaged", "watch.db.damaged"]
    assert read_cursors(tmp_path) == {}


def test_where_nothing_can_be_read_nothing_is_changed(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database " * 1_000)
    with pytest.raises(JournalError, match=r"nothing of it can be read.*restore a backup"):
        recover(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == b"no database " * 1_000


def test_a_whole_journal_stays_as_it_is(tmp_path: Path, whole: Path) -> None:
    """Nothing is copied, nothing renamed; its head is told."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    answer = recover(tmp_path)
    (head,) = rows(whole, "SELECT lower(hex(chain)) FROM records ORDER BY pos DESC LIMIT 1")[0]
    assert (answer["damaged"], answer["head"], answer["missing"]) == (None, head, [])
    assert list(tmp_path.glob("*.damaged*")) == []
    lose(tmp_path, "pos = 100")
    (tmp_path / "journal.db-wal").write_bytes(b"")
    answer = recover(tmp_path)
    assert answer["head"] is None  # the chain goes on behind the hole, its end proves nothing of what is missing
    assert [path.name for path in tmp_path.glob("*.damaged*")] == ["journal.db.damaged"]


@pytest.mark.parametrize("reason", [IDENTITY_CONFLICT, TOO_MANY_GAPS])
def test_a_record_does_not_count_as_there_for_another_that_was_refused(tmp_path: Path, reason: str) -> None:
    """Another payload under its identity lies in quarantine, which settles nothing: the logger is asked again."""
    journal = Journal(tmp_path)
    journal.append([*seqs(*range(10)), refused(env(5), reason=reason)])
    journal.close()
    lose(tmp_path, "seq IN (4, 5)")
    assert any("seq 4 counts as journalled" in problem for problem in problems(tmp_path))
    assert recover(tmp_path)["awaited"] == 2
    journal = Journal(tmp_path)
    assert journal.awaited("L", 1) == (3, [(4, 5)])
    journal.close()
    lose(tmp_path, "seq = 6")
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute('UPDATE gaps SET "from" = 4, "to" = 4')
    connection.close()
    assert any("seq 5 counts as journalled" in problem for problem in problems(tmp_path))


def test_the_new_file_belongs_to_whom_the_old_one_did(tmp_path: Path, whole: Path) -> None:
    """An administrator recovers what the daemon's own user is to open."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "journal.db"
    if os.geteuid() == 0:
        os.chown(path, 12_345, 12_346)
    path.chmod(0o640)
    before = path.stat()
    lose(tmp_path, "pos = 100")
    recover(tmp_path)
    for made in tmp_path.glob("journal.db*"):
        after = made.stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode), made


def test_without_its_configuration_a_journal_is_judged_under_the_next(tmp_path: Path) -> None:
    """The first record is lost: live from the beginning, replayed as it came and in order, the alarm is the same."""
    journal = Journal(tmp_path)
    config = rules(HOT)
    journal.append_own("config", 1, config)
    journal.append_tick(2, 2, b"{}")
    journal.append([readings(26.0)])
    journal.close()
    lose(tmp_path, "pos = 1")
    recover(tmp_path)
    with pytest.raises(TcmError, match="start the daemon on it once"):
        replay_source(tmp_path, None, lambda _done, _of: None)
    journal = Journal(tmp_path)
    assert journal.last_config() is None  # so the daemon journals its own
    journal.append_own("config", 3, config)
    reader = JournalReader(tmp_path)
    watch = Watch(tmp_path, reader, ManualClock())
    while watch.step():
        pass
    assert watch.pos == journal.pos == 4
    known = [[alert["rule"], alert["evidence"]["pos"]] for alert in watch.book.alerts()]
    assert known == [["hot", 3]]
    for part in (reader, watch, journal):
        part.close()
    for is_ordered in (False, True):
        answer = replay_source(tmp_path, None, lambda _done, _of: None, is_ordered=is_ordered)
        assert [[alert["rule"], alert["evidence"]["pos"]] for alert in answer["alerts"]] == known


def test_what_may_never_have_been_made_stays_so(tmp_path: Path) -> None:
    """What a record far ahead left out is not awaited after the recovery either."""
    journal = Journal(tmp_path)
    journal.append([*seqs(0), *seqs(100_000)])
    journal.close()
    gaps = rows(tmp_path, 'SELECT "from", "to", state FROM gaps')
    assert gaps == [(1, 99_999, "unmade")]
    lose(tmp_path, "seq = 0")
    assert recover(tmp_path)["awaited"] == 1
    assert rows(tmp_path, 'SELECT "from", "to", state FROM gaps') == [(0, 0, "open"), *gaps]

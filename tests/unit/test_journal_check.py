"""`tcm journal check` finds whatever is wrong with a journal, and nothing in one that is whole."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import Journal
from monitor.journal.check import check_journal
from monitor.model.errors import JournalError
from tests.journals import CHAINED, MESSAGES, arrival, fill, message, refused, rows, seqs
from tests.messages import env
from tests.processes import wait_until
from tests.retentions import Bench
from tests.retentions import fill as fill_up


def check(folder: Path) -> dict[str, Any]:
    """The answer as JSON."""
    return check_journal(folder, lambda _done, _total: None).document()


def change(folder: Path, statement: str, *arguments: object) -> None:
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.execute(statement, arguments)
    connection.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal to be copied and damaged."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


def test_a_whole_journal_passes(tmp_path: Path) -> None:
    """With its head, its rows and how many payloads were compared."""
    fill(tmp_path)
    answer = check(tmp_path)
    head = rows(tmp_path, "SELECT hex(chain) FROM records WHERE pos = 12")[0][0].lower()
    assert answer == {
        "ok": True, "records": 12, "quarantined": 4, "pos": 12, "head": head, "checked_payloads": 16,
        "dropped_payloads": 0, "problems": [],
    }  # fmt: skip


def test_an_empty_journal_passes(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    assert check(tmp_path)["ok"]


def test_without_a_journal_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        check(tmp_path)


@settings(max_examples=25)
@given(MESSAGES, st.booleans())
def test_whatever_a_daemon_writes_passes(
    tmp_path_factory: pytest.TempPathFactory, scene: list[tuple[str, int, int, int, bool]], is_dropped: bool
) -> None:
    """Gaps, boots, quarantine and retention of any scene agree with its rows."""
    bench = Bench(tmp_path_factory.mktemp("state"))
    bench.append([message(*item) for item in scene])
    bench.tick()
    if is_dropped:
        bench.retention._drop_records(bench.journal.pos, bench.journal.pos)
    bench.tick()
    bench.close()
    assert check(bench.folder)["problems"] == []


@settings(max_examples=100)
@given(st.data())
def test_any_byte_changed_in_any_row_is_found(
    tmp_path_factory: pytest.TempPathFactory, filled: Path, data: st.DataObject
) -> None:
    """Of every column of both tables, and the position is named."""
    folder = tmp_path_factory.mktemp("state")
    shutil.copy(filled / "journal.db", folder)
    table = data.draw(st.sampled_from(sorted(CHAINED)))
    column = data.draw(st.sampled_from([*CHAINED[table].split(", ")[1:], "digest", "chain"]))
    pos = data.draw(st.sampled_from(range(1, 13 if table == "records" else 5)))
    (value,) = rows(folder, f"SELECT {column} FROM {table} WHERE pos = {pos}")[0]
    if isinstance(value, bytes | str) and value:
        at, flip = data.draw(st.integers(0, len(value) - 1)), data.draw(st.integers(1, 127))
        raw = bytearray(value.encode("latin-1", "replace") if isinstance(value, str) else value)
        raw[at] ^= flip
        changed: object = bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")
    else:
        changed = (value or 0) + data.draw(st.sampled_from([1, 2**40])) if value != b"" else b"\x00"
    if changed == value:
        return
    try:
        change(folder, f"UPDATE {table} SET {column} = ? WHERE pos = ?", changed, pos)
    except sqlite3.IntegrityError:
        return  # an identity that is taken
    answer = check(folder)
    assert not answer["ok"]
    assert pos in [problem["position"] for problem in answer["problems"]], answer["problems"]


@pytest.mark.parametrize(
    ("statement", "position", "text"),
    [
        ("DELETE FROM records WHERE pos BETWEEN 4 AND 6", 4, "positions 4 to 6 are missing"),
        ("DELETE FROM quarantine WHERE pos = 2", 2, "positions 2 to 2 are missing"),
        ("UPDATE records SET payload = NULL WHERE kind = 'env' AND pos = 2", 2, "without a checkpoint"),
        ("UPDATE records SET payload = NULL WHERE kind = 'config'", 1, "retention never drops"),
        ("INSERT INTO checkpoints VALUES(3, 0, 0, x'00', 1, x'00')", 3, "records: the chain is not that"),
        ("INSERT INTO checkpoints VALUES(20, 0, 0, x'00', 1, x'00')", 13, "positions 13 to 20 are missing"),
        ("UPDATE boots SET next = 5 WHERE boot = 2", None, "boot 2 seq 3 counts as journalled"),
        ("UPDATE boots SET next = 2 WHERE boot = 2", 11, "boot 2 seq 2 is there, but counts as missing"),
        ("DELETE FROM boots WHERE boot = 2", None, "boot 2 has records"),
        ("INSERT INTO gaps VALUES('L', 2, 1, 1, 'lost')", 9, "boot 2 seq 1 is there, but counts as missing"),
        ("DELETE FROM gaps", None, "counts as journalled, but is not there"),
    ],
)
def test_what_does_not_agree_is_named(tmp_path: Path, statement: str, position: int | None, text: str) -> None:
    """One change by hand."""
    fill(tmp_path)
    change(tmp_path, statement)
    problems = [(problem["position"], problem["problem"]) for problem in check(tmp_path)["problems"]]
    assert [pos for pos, problem in problems if text in problem] == [position], problems


def test_the_first_of_each_kind_is_named(tmp_path: Path) -> None:
    """Not one line for each of a million rows."""
    fill(tmp_path)
    change(tmp_path, "UPDATE records SET payload = x'ff' WHERE pos > 4")
    (problem,) = check(tmp_path)["problems"]
    assert (problem["position"], problem["file"]) == (5, "journal.db")
    assert "and more of the kind" in problem["problem"]


def test_a_seq_that_quarantine_settled_is_not_missed(tmp_path: Path) -> None:
    """Nor one of which nobody can tell any more, as the payload was dropped; one that nothing explains is."""
    journal = Journal(tmp_path)
    journal.append([*seqs(0, 2), refused(env(1, v=2), 1)])
    journal.close()
    assert check(tmp_path)["ok"]
    change(tmp_path, "UPDATE quarantine SET payload = NULL")
    change(tmp_path, "INSERT INTO checkpoints SELECT max(records.pos), 0, 0, records.chain, 1, quarantine.chain "
           "FROM records, quarantine")  # fmt: skip
    assert check(tmp_path)["problems"] == []
    change(tmp_path, "DELETE FROM quarantine")
    assert any("seq 1 counts as journalled" in problem["problem"] for problem in check(tmp_path)["problems"])


def test_damaged_pages_are_found(tmp_path: Path) -> None:
    """And the walk says how far it came."""
    journal = Journal(tmp_path)
    journal.append([arrival("env", env(seq, pad=bytes(3_000))) for seq in range(100)])
    journal.close()
    path = tmp_path / "journal.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\x5a" * 4096
    path.write_bytes(content)
    problems = check(tmp_path)["problems"]
    assert any("pages" in problem["problem"] or "cannot be read" in problem["problem"] for problem in problems)


@pytest.mark.parametrize("size", [0, 50, 4096, 20_000])
def test_a_truncated_file_is_found(tmp_path: Path, size: int) -> None:
    fill(tmp_path)
    path = tmp_path / "journal.db"
    path.write_bytes(path.read_bytes()[:size])
    assert not check(tmp_path)["ok"]


def test_a_daemon_that_writes_to_what_was_at_rest_is_no_damage(tmp_path: Path) -> None:
    """Who may not lock the file may see a part of what a daemon writes: what then looks wrong proves nothing."""
    fill(tmp_path)
    change(tmp_path, "UPDATE records SET topic = 'x' WHERE pos = 10")

    def start(_done: int, _total: int) -> None:
        journal = Journal(tmp_path)
        journal.append_own("config", 5, b"{}")
        journal.close()

    with pytest.raises(JournalError, match=r"a daemon wrote to it meanwhile .check again"):
        check_journal(tmp_path, start)
    assert [problem["position"] for problem in check(tmp_path)["problems"]] == [10]


def test_a_check_beside_the_daemon(tmp_path: Path) -> None:
    """While records come and payloads go: no false alarm."""
    bench = Bench(tmp_path, "2 MB")
    fill_up(bench, 0.8)
    stopping = threading.Event()

    def write() -> None:
        seq = 0
        while not stopping.is_set():
            bench.append([arrival("env", env(seq, 2, pad=bytes(5_000))), refused(env(seq + 1, 2), seq + 1, 2)])
            bench.clock.mono += 10**10
            bench.retention.step()
            seq += 2

    thread = threading.Thread(target=write)
    thread.start()
    try:
        answers = [check(tmp_path)]
        wait_until(lambda: bench.journal.pos > answers[0]["pos"], 20, "another record")
        answers += [check(tmp_path) for _ in range(4)]
    finally:
        stopping.set()
        thread.join(20)
        bench.close()
    assert [answer["problems"] for answer in answers] == [[]] * 5
    assert answers[0]["pos"] < answers[-1]["pos"]
    shutil.rmtree(tmp_path)

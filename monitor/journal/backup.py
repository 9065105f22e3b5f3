"""A backup of a state directory, beside the running daemon.

SQLite's own backup starts anew whenever another process writes, or holds one read transaction for as long as it takes
to copy 20 GB, and the WAL grows meanwhile. But a journal's rows never change, save that payloads go. So:

1. rows up to the journal's present end are copied in short transactions;
2. the consumers' files are copied as of one moment;
3. in one last transaction follow the rows that came meanwhile and the small tables. So no cursor is ahead of the
   journal, and no payload that a cursor still needs was dropped before it was copied;
4. then the files that operators attached: what a journalled record names was there before it, and never changes;
5. everything is synchronised, checked, and only then gets the name that was asked for.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from monitor.journal.attachments import FOLDER, digests_in, is_as_named
from monitor.journal.check import Verdict, check_journal
from monitor.journal.failure import write_failure
from monitor.journal.lock import rest
from monitor.journal.schema import (
    JOURNAL_TABLES,
    JOURNAL_VERSION,
    LOCKLESS,
    connect_reading,
    copy_database,
    open_for_reading,
    read_only,
)
from monitor.model.errors import TcmError
from monitor.model.regular_file import sync

JOURNAL = "journal.db"
# The store's cursor first, then what it counts in; `_moment` makes sure that it did not move in between.
CONSUMERS = ("notify.db", "store.db", "series.db", "watch.db")
MAX_ROWS = 1_000  # in a transaction: some 10 ms
MAX_TRIES = 1_000  # the store commits every few ms at most, the files are opened in one
GROWING = ("records", "quarantine")
Progress = Callable[[int, int], None]


def back_up(state_dir: Path, folder: Path, progress: Progress) -> dict[str, Any]:
    """Copy a state directory to `folder`, which must not exist; the answer of `tcm backup --json`."""
    began_s = time.monotonic()
    source = state_dir / JOURNAL
    if not source.exists():
        raise TcmError("back up", str(source), "there is no journal", "is this the daemon's state directory?")
    open_for_reading(source, JOURNAL_VERSION).close()
    try:
        with _unfinished(folder) as work:
            _require_room(state_dir, work)
            before, name = rest(source), read_only(source)
            with closing(_new_journal(work / JOURNAL, name)) as copy:
                _copy_rows(copy, progress)
                _copy_consumers(state_dir, work)
                _copy_rest(copy)
                if name.endswith(LOCKLESS) and rest(source) != before:  # the others are read with one
                    raise TcmError("back up", str(source), "a daemon started meanwhile", "back up again")
                lost = _copy_attachments(state_dir, work, copy)
            verdict = _verify(work, progress)
            files = {str(path.relative_to(work)): path.stat().st_size for path in sorted(_files(work))}
            work.rename(folder)
        sync(folder.parent)
    except (sqlite3.Error, OSError) as error:
        raise write_failure("back up", folder, error) from None
    return {
        "folder": str(folder),
        "pos": verdict.pos,
        "head": verdict.head,
        "records": verdict.records,
        "quarantined": verdict.quarantined,
        "bytes": sum(files.values()),
        "files": files,
        "lost_attachments": lost,
        "seconds": round(time.monotonic() - began_s, 3),
    }


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A new folder beside the one asked for, gone again when something fails."""
    work = folder.with_name(f"{folder.name}.unfinished")
    for path in (folder, work):
        if path.exists():
            hint = "a backup never overwrites: choose another folder" if path == folder else "remove it, or let it end"
            raise TcmError("back up", str(path), "it is there already", hint)
    if not folder.parent.is_dir():
        raise TcmError("back up", str(folder.parent), "there is no such folder", "mount it, or create the folder")
    work.mkdir()
    try:
        yield work
    except BaseException:
        shutil.rmtree(work)
        raise


def _require_room(state_dir: Path, work: Path) -> None:
    copied = [state_dir / name for name in (JOURNAL, *CONSUMERS) if (state_dir / name).exists()]
    needed = sum(path.stat().st_size for path in [*copied, *_files(state_dir / FOLDER)])
    free = shutil.disk_usage(work).free
    if free < needed:
        cause = f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise TcmError("back up", str(work), cause, "choose a folder on another disk")


def _new_journal(path: Path, source: str) -> sqlite3.Connection:
    """An empty journal, with the one to copy, by its URI, attached as `source`."""
    connection = sqlite3.connect(path, uri=True, isolation_level=None)
    connection.execute("PRAGMA journal_mode=OFF")  # a copy that does not end is thrown away
    connection.execute("PRAGMA synchronous=OFF")  # it is synchronised once, whole
    connection.executescript(f"{JOURNAL_TABLES}PRAGMA user_version={JOURNAL_VERSION};")
    connection.execute("ATTACH ? AS source", (source,))
    return connection


def _copy_rows(copy: sqlite3.Connection, progress: Progress) -> None:
    """What the journal holds now, in short transactions."""
    heads = {table: _head(copy, f"source.{table}") for table in GROWING}
    total, done = sum(heads.values()), 0
    for table, head in heads.items():
        while (at := _head(copy, table)) < head:
            upto = copy.execute(
                f"SELECT max(pos) FROM (SELECT pos FROM source.{table} WHERE pos > ? ORDER BY pos LIMIT {MAX_ROWS})",
                (at,),
            ).fetchone()[0]
            _copy(copy, table, f"WHERE pos > {at} AND pos <= {upto}")
            progress(min(done + upto, total), total)
        done += head


def _copy_rest(copy: sqlite3.Connection) -> None:
    """What came meanwhile, and what changes, as of one moment.

    Not how far retention had come: rows may have been copied before it passed them.
    """
    tables = [name for (name,) in copy.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    copy.execute("BEGIN")
    for table in tables:
        if table in GROWING:
            _copy(copy, table, f"WHERE pos > {_head(copy, table)}")
        elif table != "dropped":
            _copy(copy, table, "")
    copy.execute("COMMIT")


def _copy(copy: sqlite3.Connection, table: str, where: str) -> None:
    columns = ", ".join(f'"{row[1]}"' for row in copy.execute(f"PRAGMA main.table_info({table})"))
    copy.execute(f"INSERT INTO main.{table}({columns}) SELECT {columns} FROM source.{table} {where}")


def _head(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max(pos), 0) FROM {table}").fetchone()[0])


def _copy_consumers(state_dir: Path, work: Path) -> None:
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(closing(connect_reading(state_dir / name)))
            for name in CONSUMERS
            if (state_dir / name).exists()
        }
        _moment(state_dir, files)
        for name, connection in files.items():
            copy_database(connection, work / name)


def _copy_attachments(state_dir: Path, work: Path, copy: sqlite3.Connection) -> list[str]:
    """What the records of the copy name; returned are those that are not there, which keep nobody from a backup."""
    payloads = copy.execute("SELECT payload FROM main.records WHERE kind = 'operator'").fetchall()
    named = {sha256 for (payload,) in payloads for sha256 in digests_in(payload)}
    there = [path for path in _files(state_dir / FOLDER) if path.name in named]
    if there:
        (work / FOLDER).mkdir(mode=0o750)
    for path in there:
        shutil.copy2(path, work / FOLDER / path.name)
    return sorted(named - {path.name for path in there})


def _files(folder: Path) -> list[Path]:
    """The files in a folder and in those in it; none where it is not there."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _moment(state_dir: Path, files: dict[str, sqlite3.Connection]) -> None:
    """Begin a read transaction on each file; the store confirmed nothing between the first and the last."""
    if "store.db" not in files:
        return
    with closing(connect_reading(state_dir / "store.db")) as store:
        for _ in range(MAX_TRIES):
            before = store.execute("PRAGMA data_version").fetchone()
            for connection in files.values():
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if store.execute("PRAGMA data_version").fetchone() == before:
                return
            for connection in files.values():
                connection.execute("COMMIT")
    raise TcmError("back up", str(state_dir), "the store never paused", "try again")


def _verify(work: Path, progress: Progress) -> Verdict:
    """Synchronise every file and look at every page; of the journal the chain too."""
    files = _files(work)
    for path in {*files, *(path.parent for path in files)}:
        sync(path)
    verdict = check_journal(work, progress)
    problems = [f"{problem['file']}: {problem['problem']}" for problem in verdict.problems]
    for path in files:
        if path.name == JOURNAL:
            continue
        if path.parent.name == FOLDER:
            problems += [] if is_as_named(path) else [f"{FOLDER}/{path.name}: its content has another SHA-256"]
            continue
        with closing(connect_reading(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        problems += [f"{path.name}: {found}"] if found != "ok" else []
    if problems:
        raise TcmError("back up", str(work), "; ".join(problems), "run tcm journal check on the state directory")
    return verdict

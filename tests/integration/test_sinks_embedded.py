"""The embedded store's file: what is confirmed is in it, and what is wrong with it is said."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.model.errors import SinkError
from monitor.sinks import EmbeddedSink, Held, RefusedLines, Unavailable, chunk, read_series
from tests.sinks import FIELDS, START_NS, as_written, read, read_env, readings


class TestEmbedded:
    """What is the embedded store's alone: its file."""

    def test_same_key_replaces(self, tmp_path: Path) -> None:
        """A record written again with other values replaces the first; at equal times the later key stands."""
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            sink.write(sink.prepare([readings(1)]))
            moved = replace(readings(2), key=1)
            sink.write(sink.prepare([moved]))
            assert read_env(sink, FIELDS[0]) == as_written([moved], FIELDS[0])
            later = replace(moved, key=9, fields={FIELDS[0]: np.ones(60, np.float32)})
            sink.write(sink.prepare([later]))
            assert set(read(sink, FIELDS[0]).values()) == {1.0}

    def test_several_parts_of_one_record(self, tmp_path: Path) -> None:
        """Points of one series and key in one body are kept together, none replaces another."""
        first, second = readings(1), replace(readings(2), key=1)
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            sink.write(sink.prepare([first, second]))
            assert read_env(sink, FIELDS[0]) == as_written([first, second], FIELDS[0])

    def test_confirmed_is_there_after_reopening(self, tmp_path: Path) -> None:
        """What was written is read by another opening, and while the file is open, and with no store on it."""
        path = tmp_path / "new folder" / "series.db"
        with closing(EmbeddedSink(path)) as sink:
            sink.write(sink.prepare([readings(1)]))
            assert len(read_series(path, "C-101", "L-01", FIELDS[0], 0, 2**62)[0]) == 60
        assert len(read_series(path, "C-101", "L-01", FIELDS[0], 0, 2**62)[0]) == 60
        with closing(EmbeddedSink(path)) as sink:
            assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])

    def test_small(self, tmp_path: Path) -> None:
        """A slowly changing record of 60 readings x 4 channels takes less than half of its 1440 raw bytes."""
        values = np.round(20 + np.cumsum(np.random.default_rng(0).normal(0, 0.01, (60, 4)), axis=0), 2)
        one = replace(readings(1), fields=dict(zip(FIELDS, values.astype(np.float32).T, strict=True)))
        assert len(chunk.pack([one])) < 720

    def test_a_chunk_that_opens_too_far(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither written nor read beyond the limit; a damaged or shortened chunk is an error, not a crash."""
        packed = chunk.pack([readings(1)])
        for bad in (zlib.compress(bytes(chunk.CHUNK_BYTES_MAX + 1)), packed[:-5], b"rubbish"):
            with pytest.raises(zlib.error):
                list(chunk.unpack(bad, FIELDS[0]))
        monkeypatch.setattr(chunk, "CHUNK_BYTES_MAX", 1000)
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink, pytest.raises(RefusedLines, match="at most 1000"):
            sink.prepare([readings(1)])

    def test_a_file_that_cannot_be_used(self, tmp_path: Path) -> None:
        """No database, tables of another version, a file in place of the folder: said with the path."""
        (tmp_path / "text.db").write_text("no database " * 100)
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            connection.execute("PRAGMA user_version = 99")
        (tmp_path / "file").touch()
        for name in ("text.db", "other.db", "file/series.db"):
            with pytest.raises(Held, match=name) as caught:
                EmbeddedSink(tmp_path / name)
            assert caught.value.retryable

    def test_a_file_damaged_or_gone(self, tmp_path: Path) -> None:
        """Reading and ping say so with the path; nothing is dropped."""
        path = tmp_path / "series.db"
        with closing(EmbeddedSink(path)) as sink:
            sink.write([(("env", "C-101", "L-01", "{}"), (1, START_NS, START_NS, 1, b"rubbish"))])
            with pytest.raises(Held, match="incorrect header"):
                read(sink, FIELDS[0])
            path.unlink()
            with pytest.raises(Held, match=r"series\.db"):
                sink.ping()
            with pytest.raises(Held, match=r"series\.db"):
                read(sink, FIELDS[0])

    def test_another_writer_is_waited_for_not_forgotten(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A locked file is `try again`, and trying again succeeds."""
        monkeypatch.setattr("monitor.sinks.embedded._BUSY_S", 0.05)
        path = tmp_path / "series.db"
        with closing(EmbeddedSink(path)) as sink, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="SQLITE_BUSY"):
                sink.write(sink.prepare([readings(1)]))
            other.execute("ROLLBACK")
            sink.write(sink.prepare([readings(1)]))
            assert len(read(sink, FIELDS[0])) == 60

    def test_a_write_that_fails_leaves_the_other_alone(self, tmp_path: Path) -> None:
        """Two writers share one connection: the roll-back of one must not take back half of the other."""
        between, failed = threading.Event(), threading.Event()

        class Slow(list[Any]):
            """A body that is read twice, for its series and for its chunks; in between the other writer comes."""

            def __iter__(self) -> Iterator[Any]:
                yield from super().__iter__()
                between.set()
                failed.wait(0.2)  # in vain: the other writer waits for this one

        with closing(EmbeddedSink(tmp_path / "series.db")) as sink, ThreadPoolExecutor(1) as pool:
            first = pool.submit(sink.write, Slow(sink.prepare([readings(1)])))
            assert between.wait(10.0)
            with pytest.raises(SinkError, match="NOT NULL"):
                sink.write([(("env", "C-101", "L-02", "{}"), (1, 0, 0, None, b""))])  # type: ignore[list-item]  # wrong
            failed.set()
            first.result(10.0)
            assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])

    def test_after_an_io_error_nothing_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failed fsync makes the open file untrustworthy: writing is held until a restart."""
        failure = sqlite3.OperationalError("disk I/O error")
        failure.sqlite_errorname = "SQLITE_IOERR_FSYNC"

        class Failing:
            def __enter__(self) -> None:
                raise failure

            def __exit__(self, *args: object) -> None: ...

        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            body = sink.prepare([readings(1)])
            healthy = sink._connection
            with monkeypatch.context() as patch, pytest.raises(Held, match="FSYNC"):
                patch.setattr(sink, "_connection", Failing())
                sink.write(body)
            assert sink._connection is healthy
            with pytest.raises(Held, match="FSYNC"):
                sink.write(body)
            assert read(sink, FIELDS[0]) == {}

"""What readers of the journal are given: batches that are bounded, figures, and no hold on its writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monitor.journal import Journal, JournalReader, Place
from monitor.journal.ordered import batches
from monitor.journal.reader import MAX_BATCH_BYTES
from monitor.journal.statuses import last_status
from monitor.wire import decode
from tests.journals import arrival, refused, rows, seqs
from tests.messages import env, pack, status


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


def test_readers_take_batches_bounded_by_records_and_bytes(tmp_path: Path, journal: Journal) -> None:
    """In order, nothing left out, at most `limit` records and one payload more than the bytes."""
    journal.append([arrival("env", env(seq, pad=bytes(900_000))) for seq in range(20)])
    journal.append(seqs(*range(20, 40)))
    reader = JournalReader(tmp_path)
    assert [record.pos for record in reader.read(Place(), 3).records] == [1, 2, 3]
    batches, place = [], Place()
    while (page := reader.read(place)).reached != place:
        batches.append(page.records)
        place = page.reached
    assert [record.pos for batch in batches for record in batch] == list(range(1, 41))
    assert all(sum(len(record.payload) for record in batch[:-1]) < MAX_BATCH_BYTES for batch in batches)
    assert len(batches) == 3
    reader.close()


def test_a_reader_does_not_hold_the_journal(tmp_path: Path, journal: Journal) -> None:
    """Between reads no transaction stays open: the writer can shorten its WAL, and news is seen at once."""
    reader = JournalReader(tmp_path)
    journal.append(seqs(0))
    assert len(reader.read(Place(), 1).records) == 1
    journal.append(seqs(1))
    assert reader.head()[0] == 2
    busy = journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == (0, 0, 0)
    reader.close()


def test_the_reader_counts_what_status_shows(tmp_path: Path, journal: Journal) -> None:
    """Records, quarantine, gaps by state, loggers with their latest boot, last statuses, configurations in force."""
    journal.append_own("config", 1, b"{1}")
    journal.append([*seqs(0, 3, oldest=2), refused(env(9)), arrival("status", status()), arrival("status", status(2))])
    journal.append([arrival("env", env(0, boot=2), 2000)])
    journal.append_own("config", 1, b"{2}")
    reader = JournalReader(tmp_path)
    assert (reader.records(), reader.quarantined()) == (3, 1)
    assert reader.gaps() == {"open": 1, "requested": 0, "filled": 0, "lost": 1}
    (row,) = reader.loggers()
    assert (row["container"], row["logger"], row["boot"], row["seen_ns"], row["gap_records"]) == ("C", "L", 2, 2000, 1)
    assert last_status(reader, "L") == decode("status", pack(status(2)))
    assert (reader.last_config(), reader.last_config(3), reader.last_config(0)) == (b"{2}", b"{1}", b"{1}")
    assert reader.head()[1] == rows(tmp_path, "SELECT hex(chain) FROM records ORDER BY pos DESC")[0][0].lower()
    reader.close()


def test_between_batches_out_of_turn_others_are_let(journal: Journal, tmp_path: Path) -> None:
    """After each, as it counts as a movement: whoever judges a month again would keep the writer waiting."""
    journal.append(seqs(0, 1, 2))
    with closing(JournalReader(tmp_path)) as reader:
        let = list[int]()
        reader.on_batch_again = lambda: let.append(reader.batches_again)
        found = [[record.seq for record in batch] for batch in batches(reader, np.arange(1, 4), limit_bytes=1)]
    assert (found, let) == ([[0], [1], [2]], [1, 2, 3])

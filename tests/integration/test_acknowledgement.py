"""What a logger is told on down/ack, and when: it frees its memory by nothing else."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import cbor2
import pytest

from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto, mosquitto

SILENT_S = 0.5  # an acknowledgement that is not held back comes within some 20 ms


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as one:
        yield one


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[DaemonProcess]:
    """One daemon for all tests of this file; each has a logger of its own."""
    with running_daemon(tmp_path_factory.mktemp("daemon"), broker.url) as one:
        yield one


@pytest.fixture
def logger(daemon: DaemonProcess, broker: Mosquitto, request: pytest.FixtureRequest) -> Iterator[Logger]:
    """A logger that is connected and whose birth was answered, with 40 records in memory."""
    with Logger(broker.port, request.node.name[:64]) as one:
        wait_until(lambda: bool(one.acks), 10, "the answer to the birth")
        for seq in range(40):
            one.env(START_NS + seq * 10**9, [[20.0]])
        yield one


def journalled(daemon: DaemonProcess, logger: Logger) -> list[int]:
    """The seqs of the logger's records in the journal, in its order."""
    statement = "SELECT seq FROM records WHERE logger = ? AND seq IS NOT NULL ORDER BY pos"
    return [seq for (seq,) in daemon.rows("journal.db", statement, logger.name)]


def quarantined(daemon: DaemonProcess, logger: Logger) -> list[tuple[str, bytes, str]]:
    """Topic, payload and reason of what the logger has in quarantine."""
    statement = "SELECT topic, payload, reason FROM quarantine WHERE topic LIKE ?"
    return daemon.rows("journal.db", statement, f"%/{logger.name}/%")


def test_nothing_is_acknowledged_before_it_is_committed(daemon: DaemonProcess, logger: Logger) -> None:
    """While another connection keeps the journal from committing, not a word comes; afterwards it does."""
    told = len(logger.acks)
    with closing(sqlite3.connect(daemon.state_dir / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        seq = -1

        def is_waiting() -> bool:
            nonlocal seq
            if seq + 1 < len(logger.records):
                seq += 1
                logger.send(seq)
            return bool(daemon.status()["ingest"]["queue"])

        wait_until(is_waiting, 10, "one to wait behind those that the writer has in hand")
        threading.Event().wait(SILENT_S)
        assert len(logger.acks) == told
        assert journalled(daemon, logger) == []
        other.execute("ROLLBACK")
    logger.wait_acknowledged(seq)
    assert journalled(daemon, logger) == list(range(seq + 1))


def test_an_acknowledgement_says_only_what_lies_in_the_journal(daemon: DaemonProcess, logger: Logger) -> None:
    """Looked up at the moment of its arrival, everything up to `upto` is there; `now` is the gateway's time."""
    for seq in range(40):
        logger.send(seq)
        for ack in logger.acks[-1:]:
            count = "SELECT count(*) FROM records WHERE boot = ? AND seq <= ?"
            assert daemon.rows("journal.db", count, ack.boot, ack.upto) == [(ack.upto + 1,)]
    logger.wait_acknowledged(39)
    assert abs(logger.acks[-1].now_ns - time.time_ns()) < 10e9
    assert logger.acks[-1].boot == logger.boot


def test_a_birth_is_answered_at_once_and_records_once_a_second(daemon: DaemonProcess, logger: Logger) -> None:
    """An acknowledgement costs as much as a message, but a logger that comes back needs to know where it stands."""
    logger.send(0)
    logger.wait_acknowledged(0)
    told, began_s = len(logger.acks), time.monotonic()
    logger.send(1)
    logger.birth()
    wait_until(lambda: len(logger.acks) > told, 0.9, "the answer to a birth within the second")
    assert logger.upto == 1
    logger.send(*range(2, 40))
    logger.wait_acknowledged(39)
    assert len(logger.acks) - told <= 2 + (time.monotonic() - began_s)


def test_a_duplicate_is_answered_too(daemon: DaemonProcess, logger: Logger) -> None:
    """The acknowledgement of the first may have been lost, so a resend gets one of its own; it is stored once."""
    logger.send(0, 1)
    logger.wait_acknowledged(1)
    told, before = len(logger.acks), daemon.status()["ingest"]["duplicates"]
    logger.send(0, 1, fill=True)
    wait_until(lambda: len(logger.acks) > told, 5, "the answer to a resend")
    wait_until(lambda: daemon.status()["ingest"]["duplicates"] >= before + 2, 5, "both to be taken")
    assert logger.upto == 1
    assert journalled(daemon, logger) == [0, 1]
    assert daemon.status()["ingest"]["duplicates"] == before + 2


def test_upto_stands_before_the_first_gap(daemon: DaemonProcess, logger: Logger) -> None:
    """-1 when nothing is contiguous yet; what comes late closes the gap."""
    logger.send(3)
    wait_until(lambda: len(logger.acks) > 1, 5, "an acknowledgement of what has a gap before it")
    assert logger.acks[-1].upto == -1
    (row,) = [row for row in daemon.status()["loggers"] if row["logger"] == logger.name]
    assert (row["upto"], row["next"], row["gap_records"]) == (-1, 4, 3)
    logger.send(0, 1, fill=True)
    logger.wait_acknowledged(1)
    logger.send(2, fill=True)
    logger.wait_acknowledged(3)
    gaps = daemon.rows("journal.db", 'SELECT "from", "to", state FROM gaps WHERE logger = ?', logger.name)
    assert gaps == [(0, 2, "filled")]


def test_a_message_in_quarantine_settles_its_seq(daemon: DaemonProcess, logger: Logger) -> None:
    """It decodes as a whole and carries boot and seq: asking for it again would bring the same bytes again."""
    wrong = cbor2.loads(logger.records[0][1]) | {"clk": 7}
    logger.publish(f"{logger.topic}/up/env", cbor2.dumps(wrong))
    logger.wait_acknowledged(0)
    ((topic, payload, reason),) = quarantined(daemon, logger)
    assert (topic, payload) == (f"{logger.topic}/up/env", cbor2.dumps(wrong))
    assert reason.startswith("clk: expected an integer from 0 to 2")
    logger.send(1)
    logger.wait_acknowledged(1)


def test_an_identity_cannot_be_overwritten(daemon: DaemonProcess, logger: Logger) -> None:
    """Another payload under a stored identity goes to quarantine; the first one stands."""
    logger.send(0)
    logger.wait_acknowledged(0)
    other = cbor2.loads(logger.records[0][1])
    other["t0"] += 1
    logger.publish(f"{logger.topic}/up/env", cbor2.dumps(other))
    wait_until(lambda: bool(quarantined(daemon, logger)), 5, "the other payload in quarantine")
    statement = "SELECT payload FROM records WHERE logger = ? AND seq IS NOT NULL"
    assert daemon.rows("journal.db", statement, logger.name) == [(logger.records[0][1],)]
    assert quarantined(daemon, logger)[0][2].startswith("monitor.identity-conflict")


def test_a_record_that_was_dropped_is_asked_for_and_comes(daemon: DaemonProcess, logger: Logger) -> None:
    """A gap is named with the next acknowledgement; its logger sends what it was asked for, and nothing else."""
    logger.send(0, 1, 4)
    wait_until(lambda: bool(logger.acks[-1].want), 5, "the request")
    assert (logger.acks[-1].upto, logger.acks[-1].want) == (1, ((2, 3),))
    for first, last in logger.acks[-1].want:
        logger.send(*range(first, last + 1), fill=True)
    logger.wait_acknowledged(4)
    assert not logger.acks[-1].want
    statement = 'SELECT "from", "to", state FROM gaps WHERE logger = ?'
    assert daemon.rows("journal.db", statement, logger.name) == [(2, 3, "filled")]
    assert journalled(daemon, logger) == [0, 1, 4, 2, 3]


def test_a_birth_is_told_what_is_missing_of_each_boot(daemon: DaemonProcess, logger: Logger) -> None:
    """Whatever was asked for a moment ago: the logger may have forgotten it."""
    logger.send(3)
    wait_until(lambda: bool(logger.acks[-1].want), 5, "the first request")
    told = len(logger.acks)
    logger.birth()
    wait_until(lambda: len(logger.acks) > told, 5, "the answer to the birth")
    assert logger.acks[told].want == ((0, 2), (4, 39))

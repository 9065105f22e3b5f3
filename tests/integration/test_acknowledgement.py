"""What a logger is told on down/ack, and when: it frees its memory by nothing else."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cbor2
import pytest

from tests.fleet import START_NS, DaemonProcess, Logger, running_daemon
from tests.servers import Mosquitto, wait_until

SILENT_S = 0.5  # an acknowledgement that is not held back comes within some 20 ms


@pytest.fixture
def daemon(tmp_path: Path, own_mosquitto_server: Mosquitto) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, own_mosquitto_server.url) as one:
        yield one


@pytest.fixture
def logger(daemon: DaemonProcess, own_mosquitto_server: Mosquitto) -> Iterator[Logger]:
    """A logger that is connected and whose birth was answered, with 40 records in memory."""
    with Logger(own_mosquitto_server.port, "L-01") as one:
        wait_until(lambda: bool(one.acks), 10, "the answer to the birth")
        for seq in range(40):
            one.env(START_NS + seq * 10**9, [[20.0]])
        yield one


def test_nothing_is_acknowledged_before_it_is_committed(daemon: DaemonProcess, logger: Logger) -> None:
    """While another connection keeps the journal from committing, not a word comes; afterwards it does."""
    told = len(logger.acks)
    with closing(sqlite3.connect(daemon.state_dir / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        seq = -1
        while daemon.status()["ingest"]["queue"] == 0:  # until one waits behind those that the writer has in hand
            seq += 1
            logger.send(seq)
        threading.Event().wait(SILENT_S)
        assert len(logger.acks) == told
        assert daemon.status()["ingest"]["records"] == 0
        other.execute("ROLLBACK")
    logger.wait_acknowledged(seq)
    assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL") == [(seq + 1,)]


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
    told = len(logger.acks)
    logger.send(0, 1, fill=True)
    wait_until(lambda: len(logger.acks) > told, 5, "the answer to a resend")
    assert logger.upto == 1
    assert daemon.rows("journal.db", "SELECT seq FROM records WHERE seq IS NOT NULL ORDER BY pos") == [(0,), (1,)]
    assert daemon.status()["ingest"]["duplicates"] == 2


def test_upto_stands_before_the_first_gap(daemon: DaemonProcess, logger: Logger) -> None:
    """-1 when nothing is contiguous yet; what comes late closes the gap."""
    logger.send(3)
    wait_until(lambda: len(logger.acks) > 1, 5, "an acknowledgement of what has a gap before it")
    assert logger.acks[-1].upto == -1
    assert daemon.status()["gaps"]["open"] == 3
    logger.send(0, 1, fill=True)
    logger.wait_acknowledged(1)
    logger.send(2, fill=True)
    logger.wait_acknowledged(3)
    assert daemon.status()["gaps"] == {"open": 0, "requested": 0, "filled": 3, "lost": 0}


def test_a_message_in_quarantine_settles_its_seq(daemon: DaemonProcess, logger: Logger) -> None:
    """It decodes as a whole and carries boot and seq: asking for it again would bring the same bytes again."""
    wrong = cbor2.loads(logger.records[0][1]) | {"clk": 7}
    logger.publish(f"{logger.topic}/up/env", cbor2.dumps(wrong))
    logger.wait_acknowledged(0)
    ((topic, payload, reason),) = daemon.rows("journal.db", "SELECT topic, payload, reason FROM quarantine")
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
    wait_until(lambda: daemon.status()["quarantined"] == 1, 5, "the other payload in quarantine")
    assert daemon.rows("journal.db", "SELECT payload FROM records WHERE seq = 0") == [(logger.records[0][1],)]
    ((reason,),) = daemon.rows("journal.db", "SELECT reason FROM quarantine")
    assert reason.startswith("monitor.identity-conflict")

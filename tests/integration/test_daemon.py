"""The daemon as a process: one for each state directory, how it ends, and what makes it end by itself."""

from __future__ import annotations

import resource
import signal
import socket
from pathlib import Path

import pytest

from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import HOST, free_port, wait_until
from tests.servers import Mosquitto

END_S = 10.0  # what is promised


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """It says which process is there and ends; the first one does not notice."""
    with running_daemon(tmp_path, own_mosquitto_server.url) as first:
        assert first.process is not None
        assert f"process {first.process.pid} runs on it" in first.refuse()
        with Logger(own_mosquitto_server.port, "L-01") as logger:
            logger.env(START_NS, [[20.0]])
            logger.send()
            logger.wait_acknowledged(0)
        assert first.answers("/readyz")


def test_a_taken_port_is_named(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """The message has address and key; nothing keeps the state directory from the next start."""
    daemon = DaemonProcess(tmp_path, own_mosquitto_server.url)
    with socket.create_server((HOST, daemon.port)):
        said = daemon.refuse()
    assert f"{HOST}:{daemon.port}" in said
    assert "web.listen" in said
    with daemon:
        daemon.start()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("servers", ["there", "gone"])
def test_it_ends_in_order_within_seconds(
    tmp_path: Path, own_mosquitto_server: Mosquitto, how: signal.Signals, servers: str
) -> None:
    """Exit status 0 at SIGTERM and Ctrl-C, also while it waits for a broker and a store that are not there."""
    store, url = 'kind = "embedded"', own_mosquitto_server.url
    if servers == "gone":
        store = f'kind = "influxdb"\nurl = "http://{HOST}:{free_port()}"\ndialect = "v1"\ndatabase = "x"'
        url = f"mqtt://{HOST}:{free_port()}"
    with DaemonProcess(tmp_path, url, store) as daemon:
        daemon.start("/readyz" if servers == "there" else "/healthz")
        assert daemon.end(how, END_S) == 0
    assert "Traceback" not in daemon.log.read_text()


def test_it_does_not_start_behind_lost_records(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """With a journal shorter than what its consumers have read, new records would pass unseen: it says what to do."""
    with (
        running_daemon(tmp_path, own_mosquitto_server.url) as daemon,
        Logger(own_mosquitto_server.port, "L-01") as logger,
    ):
        logger.env(START_NS, [[20.0]])
        logger.send()
        logger.wait_acknowledged(0)
        daemon.wait_settled(1)
        assert daemon.stop() == 0
        for file in daemon.state_dir.glob("journal.db*"):
            file.unlink()
        said = daemon.refuse()
    assert "watch.db has come to position" in said
    assert "restore the whole journal" in said


def test_a_full_disk_ends_it_and_loses_nothing(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """A limit on the size of its files stands for the disk: what cannot be committed is not acknowledged."""
    with running_daemon(tmp_path, own_mosquitto_server.url) as daemon, Logger(own_mosquitto_server.port, "L-01") as one:
        one.env(START_NS, [[20.0]])
        one.send()
        one.wait_acknowledged(0)
        assert daemon.process is not None
        largest = max(file.stat().st_size for file in daemon.state_dir.iterdir())
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (largest + 8192, largest + 8192))
        for seq in range(1, 200):
            one.env(START_NS + seq * 10**9, [[20.0]] * 60)
            one.send(seq)
        assert daemon.died() != 0
        assert "append: " in daemon.log.read_text()
        settled = daemon.rows("journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL")[0][0]
        assert one.upto < settled < 200
        daemon.start()
        daemon.wait_settled(200)
        one.birth()
        one.wait_acknowledged(199)
        assert daemon.rows("journal.db", "SELECT payload FROM records WHERE seq IS NOT NULL ORDER BY seq") == [
            (payload,) for _, payload in one.records
        ]


def test_a_part_that_fails_ends_the_daemon(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Another program took a table of the journal away: the writer cannot go on, and nobody is told that it can."""
    with running_daemon(tmp_path, own_mosquitto_server.url) as daemon, Logger(own_mosquitto_server.port, "L-01") as one:
        wait_until(lambda: bool(one.acks), 10, "the answer to the birth")
        daemon.change("journal.db", "DROP TABLE gaps")
        told = len(one.acks)
        one.env(START_NS, [[20.0]])
        one.env(START_NS + 10**9, [[20.0]])
        one.send(1)  # leaves a gap
        assert daemon.died() != 0
        assert len(one.acks) == told
        assert "no such table" in daemon.log.read_text()


@pytest.mark.parametrize("file", ["journal.db", "series.db"])
def test_a_damaged_file_is_named_at_the_start(tmp_path: Path, file: str) -> None:
    """One message with the file and what to do, exit status 2; the file is left as it is."""
    daemon = DaemonProcess(tmp_path, f"mqtt://{HOST}:{free_port()}")
    daemon.state_dir.mkdir()
    rubbish = b"SQLite format 3\x00" + b"rubbish" * 1000
    (daemon.state_dir / file).write_bytes(rubbish)
    assert str(daemon.state_dir / file) in daemon.refuse()
    assert (daemon.state_dir / file).read_bytes() == rubbish

"""Supervision: what the service manager is told, what becomes of a part that hangs, and how the daemon ends."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from monitor.warming import SEAL
from tests.daemon import READY_S, DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.processes import HOST, free_port, wait_until
from tests.raw_http import OK, drip, raw_server
from tests.servers import Influxd, Mosquitto

END_S = 10.0  # what is promised
COMPILE_S = 60.0
# The same program with shorter patience; a lock that somebody else has makes its writer hang for as long as one likes.
IMPATIENT = """
import monitor.journal.schema, monitor.supervise, monitor.threads
monitor.threads.STALL_S = monitor.supervise.STALL_S = 2.0
monitor.supervise.END_S = 8.0
monitor.supervise.LEAVE_S = 4.0
monitor.journal.schema.BUSY_TIMEOUT_S = 60.0
from monitor.cli import main
main()
"""
LEFT_RUNNING = """
import threading, time, monitor.supervise as supervise
from monitor.cli import main
listen = supervise.end_on_signal
def end_on_signal(ended, hangup):
    listen(ended, hangup)
    threading.Thread(target=time.sleep, args=(60,)).start()
supervise.end_on_signal = end_on_signal
main()
"""
KILLED_EARLY = """
import os, signal, sys
from monitor.cli import main
def look(event, args):
    if event == "import" and args[0] == "typer":
        os.kill(os.getpid(), signal.SIGTERM)
sys.addaudithook(look)
main()
"""
NOBODY = f"mqtt://{HOST}:1"


class Manager:
    """What systemd hears: the messages so far, oldest first."""

    def __init__(self, address: str) -> None:
        self.name = f"@{address[1:]}" if address.startswith("\0") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self._heard: list[str] = []

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def heard(self) -> list[str]:
        try:
            while True:
                self._heard.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return self._heard

    def environment(self, watchdog_s: float) -> tuple[str, ...]:
        """What stands before the command."""
        return "env", f"NOTIFY_SOCKET={self.name}", f"WATCHDOG_USEC={watchdog_s * 1e6:.0f}"


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"\0tcm-test-{free_port()}"
    with Manager(address) as one:
        yield one


def fill(logger: Logger, count: int) -> None:
    """Make and send so many records more, of one reading each."""
    for _ in range(count):
        seq = len(logger.records)
        logger.env(START_NS + seq * 10**9, [[20 + seq / 4]])
        logger.send(seq)


def test_the_service_manager_hears_of_start_life_and_end(tmp_path: Path, manager: Manager) -> None:
    """READY once, though there is no broker, of which STATUS speaks; WATCHDOG in time; STOPPING last."""
    with DaemonProcess(tmp_path, NOBODY, prefix=manager.environment(watchdog_s=1.0)) as daemon:
        daemon.start("/healthz")
        wait_until(lambda: "READY=1" in manager.heard, 10, "READY")
        wait_until(lambda: any("no answer from" in text for text in manager.heard), 10, "a STATUS with the broker")
        before, start_s = manager.heard.count("WATCHDOG=1"), time.monotonic()
        wait_until(lambda: manager.heard.count("WATCHDOG=1") >= before + 6, 10, "the watchdog to be fed")
        assert time.monotonic() - start_s < 6 * 1.0
        assert daemon.end(signal.SIGTERM, END_S) == 0
    assert manager.heard.count("READY=1") == 1
    assert "STOPPING=1" in manager.heard
    assert daemon.process is None


def test_without_a_service_manager_the_address_is_checked(tmp_path: Path) -> None:
    """An address of a kind that nobody listens on is named at the start."""
    daemon = DaemonProcess(tmp_path, NOBODY, prefix=("env", "NOTIFY_SOCKET=vsock:2:1"))
    process = daemon.launch()
    assert process.wait(READY_S) == 2
    assert "NOTIFY_SOCKET=vsock:2:1: expected a path" in daemon.log.read_text()


def test_a_part_that_hangs_is_named_and_ends_the_daemon(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """The journal's file is locked: nothing is acknowledged, /readyz is red, the watchdog starves, the process ends."""
    with Manager(str(tmp_path / "notify")) as manager, Logger(own_mosquitto_server.port, "L-01") as logger:
        prefix = manager.environment(watchdog_s=0.4)
        daemon = DaemonProcess(tmp_path, own_mosquitto_server.url, prefix=prefix, program=("-c", IMPATIENT))
        with daemon:
            daemon.start()
            logger.birth()
            wait_until(lambda: bool(logger.acks), 10, "the answer to the birth")
            with closing(sqlite3.connect(daemon.state_dir / "journal.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                fill(logger, 1)
                daemon.wait_problem("journal", "no progress for ")
                assert daemon.answers("/healthz")
                assert "journal: no progress" in daemon.tcm("status").stdout
                fed = manager.heard.count("WATCHDOG=1")
                assert daemon.died(20) not in (0, -signal.SIGABRT)
                assert manager.heard.count("WATCHDOG=1") - fed <= 1
            said = daemon.log.read_text()
            # Behind it those who wait for their turn.
            assert re.search("supervise: journal[a-z, ]*: no progress for ", said)
            assert logger.upto == -1
            daemon.start()
            logger.birth()
            logger.wait_acknowledged(0)
            assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL") == [(1,)]


def test_servers_that_hang_are_named_and_do_not_hold_the_end(
    tmp_path: Path, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """Stopped processes accept connections and never answer: both show within seconds, SIGTERM ends in time."""
    store = influx_v1(own_influx_server, "hang")
    with (
        running_daemon(tmp_path, own_mosquitto_server.url, store) as daemon,
        Logger(own_mosquitto_server.port, "L-01") as logger,
    ):
        fill(logger, 5)
        logger.wait_acknowledged(4)
        daemon.wait_settled(5)
        own_influx_server.freeze()
        fill(logger, 5)
        logger.wait_acknowledged(9)
        own_mosquitto_server.freeze()
        daemon.wait_problem("store", "", 25)
        wait_until(lambda: {"live", "fill"} <= set(daemon.get("/readyz")[1]["parts"]), 40, "the broker to be missed")
        assert daemon.status()["problems"].keys() >= {"live", "fill", "store"}
        assert 'tcm_part_stalled{part="store"} 1.0' in daemon.get("/metrics")[1]
        wait_until(lambda: bool(daemon.get("/api/alerts?state=firing")[1]), 25, "the alarm")
        (alert,) = daemon.get("/api/alerts?state=firing")[1]
        assert (alert["rule"], alert["container"], alert["logger"]) == ("monitor.part-stalled", "-", "-")
        assert daemon.end(signal.SIGTERM, END_S) == 0
        own_influx_server.thaw()
        own_mosquitto_server.thaw()
        daemon.start()
        rows = [[START_NS + seq * 10**9, 20 + seq / 4] for seq in range(10)]
        statement = "SELECT temperature_hardware_c FROM env"
        wait_until(lambda: influx_rows(own_influx_server, "hang", statement) == rows, 20, "all readings, once")


def test_a_server_that_drips_does_not_hold_the_end(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Two writes whose answers never come to an end: they count as not made, and the next start makes them."""
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)
    with raw_server() as server, Logger(own_mosquitto_server.port, "L-01") as logger:
        server.script.extend([OK, *[drip(b"HTTP/1.1 204 No Content\r\nX-Drip: ")] * 2])
        store = f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v2"\norg = "o"\nbucket = "b"\n'
        with DaemonProcess(tmp_path, own_mosquitto_server.url, f'{store}token_file = "{token}"') as daemon:
            daemon.start()
            fill(logger, 3)
            logger.wait_acknowledged(2)
            wait_until(lambda: not server.script, 10, "a write")
            assert daemon.end(signal.SIGTERM, END_S) == 0
            assert not any(b"env," in body for body in server.confirmed)
            daemon.start()
            daemon.wait_settled(3)
            assert sum(body.count(b"temperature_hardware_c") for body in server.confirmed) == 3


def test_what_was_taken_is_brought_to_its_end(
    tmp_path: Path, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """SIGTERM amid a burst: what is in the journal is judged, stored and told, and the next start judges nothing."""
    store = influx_v1(own_influx_server, "end")
    with (
        running_daemon(tmp_path, own_mosquitto_server.url, store) as daemon,
        Logger(own_mosquitto_server.port, "L-01") as logger,
    ):
        for seq in range(300):
            logger.env(START_NS + seq * 60 * 10**9, [[26.0 if seq % 2 else 20.0]] * 60)
        logger.send()
        wait_until(lambda: daemon.status()["ingest"]["records"] > 20, 10, "the first records")
        assert daemon.end(signal.SIGTERM, END_S) == 0
        ((head, count),) = daemon.rows("journal.db", "SELECT max(pos), count(seq) FROM records")
        assert 20 < count <= 300
        wait_until(lambda: logger.upto == count - 1, 5, "the acknowledgement of all that is in the journal")
        assert daemon.rows("watch.db", "SELECT pos FROM snapshot") == [(head,)]
        assert daemon.rows("store.db", "SELECT n FROM cursors WHERE name = 'journal'") == [(head,)]
        ((last,),) = daemon.rows("watch.db", "SELECT max(n) FROM transitions")
        assert daemon.rows("notify.db", "SELECT n FROM cursors") == [(last,)]
        assert last > 0
        ((stored,),) = [row[1:] for row in influx_rows(own_influx_server, "end", "SELECT count(*) FROM env")]
        assert stored == count * 60
        daemon.start()
        logger.birth()
        logger.wait_acknowledged(299)


def test_what_a_library_leaves_running_does_not_hold_the_end(tmp_path: Path) -> None:
    """All is durable once the parts have stopped: a thread for which Python itself would wait changes nothing."""
    with DaemonProcess(tmp_path, NOBODY, program=("-c", LEFT_RUNNING)) as daemon:
        daemon.start("/healthz")
        start_s = time.monotonic()
        assert daemon.end(signal.SIGTERM, END_S) == 0
        assert time.monotonic() - start_s < END_S / 2


def has_no_child(pid: int) -> bool:
    """Of those that its main thread started; zombies count."""
    return not Path(f"/proc/{pid}/task/{pid}/children").read_text()


def test_the_kernel_is_compiled_beside_the_daemon_and_loaded_by_the_next(tmp_path: Path) -> None:
    """The first start neither compiles nor waits; what was compiled for it the second has loaded before it is ready."""
    with DaemonProcess(tmp_path, NOBODY, prefix=("env", "-u", "NUMBA_DISABLE_JIT")) as daemon:
        for is_loaded in (False, True):
            daemon.start("/healthz")
            assert daemon.process is not None
            pid = daemon.process.pid
            maps = Path(f"/proc/{pid}/maps").read_text()
            assert ("llvmlite" in maps) == is_loaded
            assert daemon.status()["kernel"] == ("compiled" if is_loaded else "numpy")
            assert daemon.metric("tcm_kernel_compiled") == is_loaded
            wait_until((daemon.state_dir / SEAL).exists, COMPILE_S, "the kernel to be compiled")
            wait_until(partial(has_no_child, pid), END_S, "the process that compiled it to be gone, not a zombie")
            assert daemon.stop() == 0
    assert "WARNING monitor.warming" not in daemon.log.read_text()


def test_sigterm_during_the_start(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """It ends in order as soon as it can; the next start finds nothing amiss."""
    daemon = DaemonProcess(tmp_path, own_mosquitto_server.url)
    with daemon:
        daemon.launch()
        wait_until((daemon.state_dir / "journal.db").exists, 20, "the journal's file")
        assert daemon.end(signal.SIGTERM, END_S) == 0
        daemon.start()
        assert daemon.stop() == 0
    assert "Traceback" not in daemon.log.read_text()


def test_sigterm_while_python_still_imports(tmp_path: Path) -> None:
    """As soon as the command runs at all, a signal waits until it is listened to."""
    daemon = DaemonProcess(tmp_path, NOBODY, program=("-c", KILLED_EARLY))
    assert daemon.launch().wait(READY_S) == 0, daemon.log.read_text()

"""Loggers without a set clock through a real broker and daemon: placed by the gateway's clock, marked, unchanged."""

from __future__ import annotations

import struct
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from monitor.sinks import EmbeddedSink
from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto

S = 10**9
FIELD = "temperature_hardware_c"


def shift_ns(boot: int, seq: int) -> int:
    """What keeps two boots apart: crc32 of two u64, big-endian, mod 1000."""
    return crc32(struct.pack(">QQ", boot, seq)) % 1000


def stored(daemon: DaemonProcess, logger: str, field: str = FIELD, measurement: str = "env") -> list[tuple[int, float]]:
    """All points of a field in the embedded store."""
    with closing(EmbeddedSink(daemon.state_dir / "series.db")) as sink:
        times_ns, values = sink.series("C-1", logger, field, 0, 2**62, measurement)
    return list(zip(times_ns.tolist(), values.tolist(), strict=True))


def row_of(daemon: DaemonProcess, logger: str) -> tuple[int | None, int]:
    """What status shows of a logger: its clock, and how many records wait."""
    rows = {row["logger"]: (row["clock"], row["waiting"]) for row in daemon.status()["loggers"]}
    return rows.get(logger, (None, 0))


def received_ns(daemon: DaemonProcess, logger: str, kind: str, number: int = 0) -> int:
    """When the daemon received a message of a logger."""
    statement = "SELECT received_ns FROM records WHERE logger = ? AND kind = ? ORDER BY pos"
    return int(daemon.rows("journal.db", statement, logger, kind)[number][0])


def test_records_without_a_clock_are_placed_by_their_boot(
    tmp_path: Path, own_mosquitto_server: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live by the birth; of a boot that comes from memory only once something of it comes live; the bytes as sent."""
    monkeypatch.setenv("COLUMNS", "200")  # no table is folded
    port = own_mosquitto_server.port
    with running_daemon(tmp_path, own_mosquitto_server.url) as daemon:
        with Logger(port, "L-01", clk=0) as live, Logger(port, "L-02", clk=1) as silent:
            live.env(START_NS + 50 * S, [[20.0], [30.0]])
            live.send()
            live.wait_acknowledged(0)
            # A boot of which nothing came live yet: its memory is all there is.
            silent.boot, silent.records = 77, []
            silent.env(START_NS + 100 * S, [[21.0]])
            silent.env(START_NS + 200 * S, [[22.0]])
            silent.send(fill=True)
            silent.wait_acknowledged(1)
            wait_until(lambda: row_of(daemon, "L-02") == (1, 2), 20, "two records to wait")
            daemon.wait_settled(3)
            assert daemon.metric("tcm_waiting_records") == 2
            assert "2 wait" in daemon.tcm("status").stdout
            silent.env(START_NS + 5_000 * S, [[23.0]])
            silent.send(2)
            silent.wait_acknowledged(2)
            wait_until(lambda: row_of(daemon, "L-02") == (1, 0), 20, "nothing to wait")
            daemon.wait_settled(4)
            assert row_of(daemon, "L-01") == (0, 0)
        assert daemon.stop() == 0
        birth_ns = received_ns(daemon, "L-01", "status") + shift_ns(live.boot, 0)
        assert stored(daemon, "L-01") == [(birth_ns + 50 * S, 20.0), (birth_ns + 51 * S, 30.0)]
        assert (birth_ns + 50 * S, 0.0) in stored(daemon, "L-01", "clock", "logger")
        boot_ns = received_ns(daemon, "L-02", "env", 2) - 5_000 * S
        placed_ns = [boot_ns + at_s * S + shift_ns(77, seq) for seq, at_s in enumerate((100, 200, 5_000))]
        assert stored(daemon, "L-02") == list(zip(placed_ns, [21.0, 22.0, 23.0], strict=True))
        assert set(zip(placed_ns, [1.0] * 3, strict=True)) <= set(stored(daemon, "L-02", "clock", "logger"))
        assert daemon.rows("journal.db", "SELECT payload FROM records WHERE seq IS NOT NULL ORDER BY pos") == [
            (payload,) for _, payload in live.records + silent.records
        ]

"""The loggers in `tcm status`: what a functional check looks at, on a terminal of 80 columns."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Stamp, Status, encode_status
from tests.commands import write_files
from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto

BOX = """
id = "C-101"
[[logger]]
id = "L-01"
serial = "SN-0042"
[[logger]]
id = "L-02"
[[logger]]
id = "L-03"
serial = "SN-0044"
[[logger]]
id = "L-04"
serial = "SN-1"
"""


def serials(daemon: DaemonProcess) -> dict[str, tuple[str | None, str | None]]:
    """Serial and other serial of each logger, as a program reads them."""
    rows = json.loads(daemon.tcm("status", "--json").stdout)["loggers"]
    return {row["logger"]: (row["serial"], row["other_serial"]) for row in rows}


def test_a_logger_that_says_another_serial_than_its_file_is_named(
    tmp_path: Path, own_mosquitto_server: Mosquitto
) -> None:
    """Its certificates are another's. It stays so when the logger goes without a word of its serial, and is offline."""
    port = own_mosquitto_server.port
    with DaemonProcess(tmp_path, own_mosquitto_server.url) as daemon:
        write_files(daemon.config.parent, {"containers/C-101.toml": BOX})
        daemon.start()
        with (
            Logger(port, "L-01", container="C-101") as other,
            Logger(port, "L-02", container="C-101") as unnamed,
            Logger(port, "L-04", container="C-101") as right,
        ):
            for logger in (other, unnamed, right):
                logger.birth()
            said = {
                "L-01": ("SN-0042", "SN-1"),
                "L-02": ("SN-1", None),
                "L-03": ("SN-0044", None),
                "L-04": ("SN-1", None),
            }
            wait_until(lambda: serials(daemon) == said, 10, "the serials of the births")
            will = encode_status(Stamp(other.boot, START_NS, 0, 2), Status("offline"))
            other.publish(f"{other.topic}/up/status", will, retain=True)
            wait_until(lambda: "offline" in daemon.tcm("status").stdout, 10, "the will")
        assert serials(daemon) == said
        shown = " ".join(daemon.tcm("status").stdout.split())
        assert "C-101/L-01 says that its serial is SN-1, the container's file SN-0042: correct the file" in shown
        assert shown.count("says that its serial") == 1
        assert daemon.stop() == 0
        assert serials(daemon) == said


def test_a_logger_has_a_line_with_battery_and_clock(
    tmp_path: Path, own_mosquitto_server: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words of the wire format; what was not told is a dash."""
    monkeypatch.setenv("COLUMNS", "80")
    port = own_mosquitto_server.port
    with (
        running_daemon(tmp_path, own_mosquitto_server.url) as daemon,
        Logger(port, "L-01", container="C-101") as told,
        Logger(port, "L-02", container="C-101", clk=1) as untold,
    ):
        birth = Status("online", serial="SN-1", next_seq=0, held=[], bat_pct=86.6)
        told.publish(f"{told.topic}/up/status", encode_status(Stamp(told.boot, START_NS, 0, 2), birth), retain=True)
        seqs = itertools.count()

        def is_shown() -> bool:
            """What came just after the daemon connected may have been queued, and waits for one that cannot."""
            seq = next(seqs)
            untold.env(START_NS + seq * NS_PER_S, [[20.0]])
            untold.send()
            untold.wait_acknowledged(seq)
            shown = daemon.tcm("status").stdout
            return "87 %" in shown and "wait" not in shown

        wait_until(is_shown, 20, "the battery to be shown, and nothing to wait for a clock")
        shown = daemon.tcm("status").stdout
        assert re.search(r"^ C-101/L-01 \* +online +87 % +\S+Z +0 +synchronised *$", shown, re.MULTILINE), shown
        assert re.search(r"^ C-101/L-02 \* +online +- +\S+Z +0 +running free *$", shown, re.MULTILINE), shown
        assert max(map(len, shown.splitlines())) <= 80

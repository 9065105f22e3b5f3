"""The table of loggers of `tcm status`: what a functional check looks at, on a terminal of 80 columns."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Stamp, Status, encode_status
from tests.daemon import running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto


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

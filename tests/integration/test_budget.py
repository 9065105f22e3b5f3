"""The journal's budget in a running daemon: payloads go once they are confirmed, and the loggers are taken on."""

from __future__ import annotations

from pathlib import Path

from monitor.model.clock import NS_PER_S
from tests.commands import tcm
from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto

ROWS, RECORDS = 4_000, 70  # 16 kB a block, 1.1 MB in all
DROP_S = 30.0
MAX_BYTES = 1_050_000


def used_bytes(daemon: DaemonProcess) -> int:
    """Of the journal's file."""
    pages, free = (daemon.rows("journal.db", f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count"))
    return int(pages - free) * 4096


def test_more_than_the_budget_is_taken_and_the_journal_stays_whole(
    tmp_path: Path, own_mosquitto_server: Mosquitto
) -> None:
    """Every record is acknowledged, the budget holds, old payloads are gone, a backup of it passes its check."""
    budget = '[journal]\nbudget = "1 MB"\nreserve = "0 B"'
    with (
        running_daemon(tmp_path, own_mosquitto_server.url, more=budget) as daemon,
        Logger(own_mosquitto_server.port, "L-01") as logger,
    ):
        for i in range(RECORDS):
            logger.env(START_NS + i * ROWS * NS_PER_S, [[20.0]] * ROWS)
        logger.send()
        logger.wait_acknowledged(RECORDS - 1)
        dropped = "SELECT count(*) FROM records WHERE payload IS NULL"
        wait_until(lambda: daemon.rows("journal.db", dropped)[0][0] > 0, DROP_S, "a payload dropped")
        wait_until(lambda: used_bytes(daemon) < MAX_BYTES, DROP_S, "as many dropped as the budget wants")
        assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL") == [(RECORDS,)]
        assert daemon.rows("journal.db", "SELECT count(*) FROM checkpoints")[0][0] >= 1
        checked = daemon.tcm("journal", "check")
        assert checked.returncode == 0, checked.stdout
        copied = daemon.tcm("backup", str(tmp_path / "copy"))
        assert copied.returncode == 0, copied.stderr
        assert used_bytes(daemon) < MAX_BYTES
    assert tcm("journal", "check", str(tmp_path / "copy")).returncode == 0

"""The return journey through broker and daemon: nothing is missing but what was lost on a logger, and that is told."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from tests.commands import run
from tests.daemon import running_daemon
from tests.servers import Mosquitto

Identity = tuple[str, int, int]  # logger, boot, seq
LIMIT_S = 200.0
CORRUPTED = "L-12"  # a byte of some of its messages, by the scenario: one of `boot` makes a boot that never was
SPEED = "30000"  # ten days in 29 s
DRAIN = "60s"  # at most; a machine with nothing else to do needs a few


def test_turin_return_is_in_the_journal_or_declared_lost(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Also the tail of a logger that died without a network, and a boot that a brown-out took before anybody saw it.

    The truth knows every record ever made. What the monitor settled is in the journal, what was destroyed on the logger
    is in a gap that is declared lost, and nothing else is.
    """
    with running_daemon(tmp_path, own_mosquitto_server.url) as daemon:
        broker = ("--broker", own_mosquitto_server.url)
        truth = ("--truth", str(tmp_path / "truth"))
        command = [
            sys.executable,
            "-m",
            "firmware_sim",
            "run",
            "turin-return",
            "--speed",
            SPEED,
            "--drain",
            DRAIN,
            "--json",
        ]
        done = run([*command, *broker, *truth], LIMIT_S)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        daemon.wait_settled(summary["acknowledged"])
        journalled = {
            tuple(row)
            for row in daemon.rows("journal.db", "SELECT logger, boot, seq FROM records WHERE seq IS NOT NULL")
        }
        gaps = daemon.rows("journal.db", 'SELECT logger, boot, "from", "to", state FROM gaps')
        assert daemon.get("/readyz")[0] == 200
    made = [json.loads(line) for line in (tmp_path / "truth" / "records.jsonl").read_text().splitlines()]
    fates: dict[Identity, str] = {(one["logger"], one["boot"], one["seq"]): one["fate"] for one in made}
    boots = {(logger, boot) for logger, boot, _ in fates}
    assert {logger for logger, _, _ in journalled - set(fates)} <= {CORRUPTED}
    gaps = [gap for gap in gaps if gap[:2] in boots]
    lost = {
        (logger, boot, seq)
        for logger, boot, first, last, state in gaps
        if state == "lost"
        for seq in range(first, last + 1)
    }
    assert len(made) == len(fates) == summary["created"]
    assert Counter(fates.values()) == {"acknowledged": summary["acknowledged"], "lost": summary["lost"]}
    acknowledged = {identity for identity, fate in fates.items() if fate == "acknowledged"}
    assert acknowledged - journalled == set()
    # what was overwritten while it was on its way may have arrived all the same
    assert {identity for identity, fate in fates.items() if fate == "lost"} - journalled == lost
    assert not [gap for gap in gaps if gap[4] == "open"]
    _check_that_the_journey_was_hard(fates, lost)


def _check_that_the_journey_was_hard(fates: dict[Identity, str], lost: set[Identity]) -> None:
    """A torn tail, a boot that nobody ever saw, and an overrun flash are among what was lost."""
    seen = {(logger, boot) for (logger, boot, _), fate in fates.items() if fate == "acknowledged"}
    assert {logger for logger, boot, _ in fates if (logger, boot) not in seen} == {"L-05"}
    assert {logger for logger, _, _ in lost} == {"L-03", "L-05", "L-07"}

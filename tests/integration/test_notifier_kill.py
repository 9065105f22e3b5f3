"""A daemon that is killed while it tells a real webhook: no alert is lost, and none is told with another id."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.daemon import DaemonProcess
from tests.fleet import Logger
from tests.processes import wait_until
from tests.receivers import Webhook, webhook
from tests.servers import Mosquitto

KILLS = 3
RECORDS = 200  # each of which opens or ends an alert
AHEAD = 20  # records that are sent before the first of them is told
MORE = 8  # notifications at most between two kills; one may tell of many changes
LIMIT_S = 60.0
LIMITS = """
name = "test"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
severity = "alarm"
"""
ALERTS = '[alerts]\nhold_off = "0 s"\n'
S_NS = 1_000_000_000


def notifier(name: str, url: str, window: str) -> str:
    return f'[[notifier]]\nname = "{name}"\nkind = "webhook"\nurl = "{url}"\nwindow = "{window}"\n'


def told(receiver: Webhook) -> dict[str, dict[str, Any]]:
    """Notifications by their key, in order; whatever came again was the same."""
    found: dict[str, dict[str, Any]] = {}
    for request in list(receiver.requests):
        body = json.loads(request.body)
        assert found.setdefault(request.headers["Idempotency-Key"], body) == body
        assert body["id"] == request.headers["Idempotency-Key"]
    return found


def changes(receiver: Webhook) -> list[tuple[str, str]]:
    """(alert, state) in the order in which it was told, each notification once."""
    return [(alert["id"], alert["state"]) for body in told(receiver).values() for alert in body["alerts"]]


def is_told(daemon: DaemonProcess) -> bool:
    """Whether every record is judged, every change planned, and all that was planned taken."""
    status = daemon.status()
    return not status["consumers"]["watch"]["backlog"] and not any(each["backlog"] for each in status["notifiers"])


def records(daemon: DaemonProcess) -> int:
    """How many the journal has; an acknowledgement may have died with a kill, and this logger sends nothing again."""
    count: int = daemon.rows("journal.db", "SELECT count(*) FROM records WHERE kind = 'env'")[0][0]
    return count


def wait_for(count: Callable[[], int], wanted: int, what: str) -> None:
    wait_until(lambda: count() >= wanted, LIMIT_S, what)


def send(logger: Logger, receiver: Webhook) -> None:
    """Send all records, of which some are on their way whenever the daemon is killed."""
    for seq in range(RECORDS):
        wait_for(lambda: len(changes(receiver)), seq - AHEAD, "the changes before it to be told")
        logger.send(seq)


def test_kills_lose_nothing_and_change_no_id(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Killed at random points of a stream of alerts, with a receiver that now and then fails as well."""
    rng, begin_ns = random.Random(1), time.time_ns()
    with webhook() as direct, webhook() as grouped:
        more = ALERTS + notifier("direct", direct.url, "0 s") + notifier("grouped", grouped.url, "1 s")
        daemon = DaemonProcess(tmp_path, own_mosquitto_server.url, limits=LIMITS, more=more)
        with daemon, Logger(own_mosquitto_server.port, "L-01", start_ns=begin_ns) as logger:
            daemon.start()
            for seq in range(RECORDS):
                value = 26.0 if seq % 2 else 20.0
                logger.env(begin_ns + seq * S_NS, [[value]], "temperature.hardware")
            sender = threading.Thread(target=send, args=(logger, direct))
            sender.start()
            for _ in range(KILLS):
                wait_for(lambda: len(direct.requests), len(direct.requests) + rng.randint(1, MORE), "more to be told")
                direct.statuses.append(503)
                daemon.end(signal.SIGKILL)
                daemon.start("/healthz")
            sender.join()
            wait_for(partial(records, daemon), RECORDS, "every record in the journal")
            wait_until(lambda: is_told(daemon), LIMIT_S, "every change told")
            bodies = [
                json.loads(body) for (body,) in daemon.rows("watch.db", "SELECT body FROM transitions ORDER BY n")
            ]
            waiting = daemon.rows("notify.db", "SELECT alert FROM followed WHERE notifier = 'grouped' AND mark <> told")
    happened = [(body["id"], body["state"]) for body in bodies]
    assert len(happened) >= RECORDS - 2
    assert changes(direct) == happened
    assert len(direct.requests) - len(told(direct)) <= 2 * KILLS
    final, so_far = dict(happened), dict(changes(grouped))
    assert so_far.keys() | {alert for (alert,) in waiting} == final.keys()
    assert {key for key in final if so_far.get(key) != final[key]} <= {alert for (alert,) in waiting}

"""Loggers that send while something else is measured: so many records a second, or as many as the daemon takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import paho.mqtt.client as paho

from benchmarks.common import Daemon, mqtt_client

PIECE_S = 0.02  # between two bursts, so short that the other thread of this process hardly waits for them
MOST_PER_S = 2_000.0  # more than any daemon takes
MOST_AHEAD = 2_000  # records before what is journalled: the broker never holds more
LOOK_S = 0.5  # a status costs the daemon 1.5 ms of processor time


class Sender:
    """Publishes records, in order, while it is `going_on`; `is_done` when there are no more."""

    def __init__(self, port: int, daemon: Daemon, waiting: Iterator[tuple[str, bytes]]) -> None:
        self._port, self._daemon, self._waiting = port, daemon, waiting
        self._stopping = threading.Event()
        self.sent, self.is_done = 0, False
        self._failure: Exception | None = None

    @contextmanager
    def going_on(self, per_s: float = MOST_PER_S) -> Iterator[None]:
        """Records come, at most `per_s`; raises at the end what kept them from coming."""
        self._stopping.clear()
        thread = threading.Thread(target=self._guard, args=(per_s,), name="sender", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _guard(self, per_s: float) -> None:
        try:
            with mqtt_client(self._port) as client:
                self._run(client, per_s)
        except Exception as error:  # noqa: BLE001 - `going_on` raises it
            self._failure = error

    def _run(self, client: paho.Client, per_s: float) -> None:
        before, last_s, look_s = self.sent - self._journalled(), time.monotonic(), 0.0
        due, room, receipt = 0.0, 0, None
        while not self._stopping.is_set():
            now_s = time.monotonic()
            if now_s > look_s:
                room, look_s = MOST_AHEAD - (self.sent - self._journalled() - before), now_s + LOOK_S
            due, last_s = min(due + (now_s - last_s) * per_s, per_s * LOOK_S), now_s
            wanted = max(min(int(due), room), 0)
            piece = list(islice(self._waiting, wanted))
            for topic, payload in piece:
                receipt = client.publish(topic, payload, qos=1)
            self.is_done = len(piece) < wanted
            self.sent, due, room = self.sent + len(piece), due - len(piece), room - len(piece)
            client.loop(PIECE_S)
        while receipt is not None and not receipt.is_published():  # no later connection would send it
            client.loop(PIECE_S)

    def _journalled(self) -> int:
        status = self._daemon.status()
        return 0 if status is None else int(status["ingest"]["records"])

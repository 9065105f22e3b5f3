"""A daemon whose InfluxDB is away while the loggers go on, and comes back: what latency and outage measure."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.common import REPOSITORY, Daemon, mqtt_client
from benchmarks.influx import create_database, store_table
from benchmarks.load import messages, write_containers
from benchmarks.probe import Probe, write_probe
from tests.servers import Influxd, Mosquitto, wait_until

PIECE_RECORDS = 2_000  # published at once, then the daemon's journal is waited for: the broker never holds more
STEP_LIMIT_S = 300.0  # for a piece to be journalled
CAUGHT_UP_LIMIT_S = 12 * 3600.0
PROBE_RECORDS = 50  # some seconds of the probe, with ticks between: the store is never quite through while it samples
LOOK_S = 0.5  # a status costs the daemon 1.5 ms of processor time


class Outage:
    """The daemon, judging by the example limits, with a probe beside the loggers; see `away`."""

    def __init__(self, folder: Path, broker: Mosquitto, server: Influxd, loggers: int) -> None:
        create_database(server)
        limits = folder / "limits"
        shutil.copytree(REPOSITORY / "config" / "limits", limits)
        self.broker, self.server, self.loggers = broker, server, loggers
        self.daemon = Daemon(folder, broker.url, limits, store_table(server))
        write_containers(folder / "containers", loggers)
        write_probe(limits, folder / "containers")

    @contextmanager
    def away(self) -> Iterator[None]:
        """The daemon runs, and the server is stopped once it is ready."""
        try:
            self.daemon.start()
            self.daemon.wait_ready()
            self.server.stop()
            yield
        finally:
            self.daemon.stop()

    @contextmanager
    def probe(self) -> Iterator[Probe]:
        """A probe, whose connection lasts only while it is used."""
        with mqtt_client(self.broker.port) as client:
            yield Probe(client)

    def journal(self, records: int) -> None:
        """Have loggers send as many records, as fast as the daemon takes them; returns once they are judged."""
        waiting, done = messages(records, self.loggers), self._records()
        with mqtt_client(self.broker.port) as client:
            client.loop_start()
            while piece := list(islice(waiting, PIECE_RECORDS)):
                for topic, payload in piece:
                    client.publish(topic, payload, qos=1)
                done += len(piece)
                wait_until(functools.partial(self._has, done), STEP_LIMIT_S, f"the daemon to journal {done} records")
            client.loop_stop()
        wait_until(lambda: self._backlog("watch") == 0, CAUGHT_UP_LIMIT_S, f"the daemon to judge {records} records")

    def sample_while_away(self, probe: Probe, samples: int) -> list[float]:
        """Milliseconds to alerts while the server is away."""
        probe.pause()
        return [probe.sample_ms() for _ in range(samples)]

    def sample_while_catching_up(self, probe: Probe) -> tuple[list[float], float]:
        """Milliseconds to alerts from the server's start until the store is through, and the seconds that it took."""
        self.server.start()
        start_s = look_s = time.monotonic()
        samples_ms: list[float] = []
        while time.monotonic() < start_s + CAUGHT_UP_LIMIT_S:
            sample_ms = probe.sample_ms()
            if time.monotonic() > look_s + LOOK_S:
                look_s = time.monotonic()
                if self._backlog("store") == 0:
                    return samples_ms, look_s - start_s
            samples_ms.append(sample_ms)
        raise TimeoutError(f"the store did not catch up within {CAUGHT_UP_LIMIT_S:g} s")

    def _has(self, records: int) -> bool:
        return self._records() >= records

    def _records(self) -> int:
        status = self.daemon.status()
        return 0 if status is None else int(status["ingest"]["records"])

    def _backlog(self, consumer: str) -> int:
        """Records that a consumer has not passed; the probe's own latest ones are left out."""
        status = self.daemon.status()
        if status is None:
            return -1
        backlog = int(status["consumers"][consumer]["backlog"])
        return 0 if backlog < PROBE_RECORDS else backlog


def quantiles(name: str, samples_ms: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile under the benchmark's names."""
    return {
        f"{name}_p50_ms": float(np.median(samples_ms)),
        f"{name}_p99_ms": float(np.percentile(samples_ms, 99)),
    }

"""A daemon with InfluxDB, loggers and a probe: what latency and outage measure."""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import REPOSITORY, Daemon, mqtt_client
from benchmarks.influx import create_database, store_table
from benchmarks.load import messages, write_containers
from benchmarks.probe import BROKER_LINE, Probe, notifier_lines, write_probe
from benchmarks.receiver import Receiver, receiver
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto, influxd, mosquitto

PIECE_RECORDS = 2_000  # published at once, then the daemon's journal is waited for: the broker never holds more
STEP_LIMIT_S = 300.0  # for a piece to be journalled
CAUGHT_UP_LIMIT_S = 12 * 3600.0
PROBE_RECORDS = 50  # some seconds of the probe, with ticks between: the store is never quite through while it samples
LOOK_S = 0.5  # a status costs the daemon 1.5 ms of processor time

Status = dict[str, Any]  # the document of /api/status


class Site:
    """The daemon, judging by the example limits and writing to `server`, with a probe beside the loggers."""

    def __init__(self, folder: Path, broker: Mosquitto, server: Influxd, receiver: Receiver, loggers: int) -> None:
        create_database(server)
        limits = folder / "limits"
        shutil.copytree(REPOSITORY / "config" / "limits", limits)
        self.broker, self.server, self.loggers, self._receiver = broker, server, loggers, receiver
        self.daemon = Daemon(folder, broker.url, limits, store_table(server), more=notifier_lines(receiver))
        write_containers(folder / "containers", loggers)
        write_probe(limits, folder / "containers")

    @contextmanager
    def running(self) -> Iterator[None]:
        """The daemon runs and is ready."""
        try:
            self.daemon.start()
            self.daemon.wait_ready()
            yield
        finally:
            self.daemon.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """The daemon runs, and the server is stopped once it is ready."""
        with self.running():
            self.server.stop()
            yield

    @contextmanager
    def probe(self) -> Iterator[Probe]:
        """A probe, whose connection lasts only while it is used."""
        with mqtt_client(self.broker.port) as client:
            yield Probe(client, self._receiver)

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
        wait_until(self._is_judged, CAUGHT_UP_LIMIT_S, f"the daemon to judge {records} records")

    def sample(self, probe: Probe, samples: int) -> list[float]:
        """Milliseconds to alerts."""
        probe.pause()
        return [probe.sample_ms() for _ in range(samples)]

    def sample_until(self, probe: Probe, is_over: Callable[[Status], bool], limit_s: float) -> list[float]:
        """Milliseconds to alerts until the status document says so."""
        start_s = look_s = time.monotonic()
        samples_ms: list[float] = []
        while time.monotonic() < start_s + limit_s:
            sample_ms = probe.sample_ms()
            if time.monotonic() > look_s + LOOK_S:
                look_s, status = time.monotonic(), self.daemon.status()
                if status is not None and is_over(status):
                    return samples_ms
            samples_ms.append(sample_ms)
        raise TimeoutError(f"not over within {limit_s:g} s")

    def sample_while_catching_up(self, probe: Probe) -> tuple[list[float], float]:
        """Milliseconds to alerts from the server's start until the store is through, and the seconds that it took."""
        self.server.start()
        start_s = time.monotonic()
        samples_ms = self.sample_until(probe, lambda status: backlog(status, "store") == 0, CAUGHT_UP_LIMIT_S)
        return samples_ms, time.monotonic() - start_s

    def _has(self, records: int) -> bool:
        return self._records() >= records

    def _is_judged(self) -> bool:
        status = self.daemon.status()
        return status is not None and backlog(status, "watch") == 0

    def _records(self) -> int:
        status = self.daemon.status()
        return 0 if status is None else int(status["ingest"]["records"])


def backlog(status: Status, consumer: str) -> int:
    """Records that a consumer has not passed; the probe's own latest ones are left out."""
    records = int(status["consumers"][consumer]["backlog"])
    return 0 if records < PROBE_RECORDS else records


@contextmanager
def site(loggers: int) -> Iterator[Site]:
    """All of it in a folder of its own, the daemon not started yet."""
    with (
        mosquitto(BROKER_LINE) as broker,
        influxd() as server,
        receiver() as one,
        tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name,
    ):
        yield Site(Path(name), broker, server, one, loggers)


def quantiles(name: str, samples_ms: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile under the benchmark's names."""
    return {
        f"{name}_p50_ms": float(np.median(samples_ms)),
        f"{name}_p99_ms": float(np.percentile(samples_ms, 99)),
    }

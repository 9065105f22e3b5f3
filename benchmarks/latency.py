"""Milliseconds from publishing a reading beyond a limit to receiving its alert.

`idle`: the daemon has nothing else to do. Each sample is four steps of one probe with one thread, at random distances:

1. a plain message through the broker, from publishing to receipt: what any alert costs at least;
2. a page written and synchronised on the daemon's disk: what its one durable commit costs at least;
3. a record of one reading above the limit, from publishing to the receipt of the alert that fires;
4. a record that clears it, until its topic is empty again.

`shocks`: steps 3 and 4 while ten events a second of other loggers arrive, 3 x 4 096 samples each. `shock_alert`: from
publishing such an event to its first alert. `first_event_ms`: the same of the first one after a start, of two starts:
one that finds no compiled kernel, one that does. `rss_mb` is the most memory that this daemon held. Without the extra
`fast`, or with NUMBA_DISABLE_JIT=1, there is but the first, and NumPy does the work.

`outage`: InfluxDB is away, and a backlog of other loggers' records waits in the journal. `catchup`: it is back, and the
store writes the backlog as fast as it can; samples until it is through.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from importlib.util import find_spec
from io import RawIOBase
from pathlib import Path

from benchmarks.backlog import Outage, quantiles
from benchmarks.common import REPOSITORY, Daemon, mqtt_client, positive, report, rounded, table
from benchmarks.knocks import Knocks, write_knocked
from benchmarks.load import LOGGERS
from benchmarks.probe import BROKER_LINE, Probe, write_probe
from monitor.warming import DISABLED, SEAL
from tests.servers import Mosquitto, influxd, mosquitto, wait_until

WARM_UP = 10  # samples that do not count: files and code are touched for the first time
PAGE_BYTES = 4096
COMPILE_LIMIT_S = 120.0


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=positive, default=200, help="of each phase but the last")
    parser.add_argument("--backlog", type=positive, default=40_000, help="records of 60 readings to catch up with")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    idle, shocks = _idle(options.samples), _shocks(options.samples)
    behind = _behind(options.samples, options.backlog)
    counts = {"samples": options.samples, "catchup_samples": behind.pop("catchup_samples")}
    figures = rounded(idle | shocks | behind)
    rows = [
        (name, {key.removeprefix(f"{name}_"): figures[key] for key in figures if key.startswith(name)})
        for name in ("idle", "broker", "disk", "shocks", "shock_alert", "outage", "catchup")
    ]
    text = f"{table(rows)}\nfirst event {figures['first_event_ms']:g} ms, memory {figures['rss_mb']:g} MB"
    report(figures | counts, text, options.json)


def _idle(samples: int) -> dict[str, float]:
    with mosquitto(BROKER_LINE) as broker, tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name:
        plain_ms, disk_ms, alerts_ms = _measure(Path(name), broker, samples)
    return quantiles("idle", alerts_ms) | quantiles("broker", plain_ms) | quantiles("disk", disk_ms)


def _shocks(samples: int) -> dict[str, float]:
    """With the compiled kernel where that is installed: the daemon's second start has it."""
    with mosquitto(BROKER_LINE) as broker, tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name:
        folder = Path(name)
        limits = folder / "limits"
        shutil.copytree(REPOSITORY / "config" / "limits", limits)
        daemon = Daemon(folder, broker.url, limits, is_compiled=True)
        write_probe(limits, folder / "containers")
        write_knocked(folder / "containers")
        knocks = Knocks(broker.port)
        try:
            first_ms = [_first_event_ms(daemon, knocks)]
            if find_spec("numba") is not None and os.environ.get(DISABLED, "0") == "0":
                wait_until((daemon.state_dir / SEAL).exists, COMPILE_LIMIT_S, "the kernel to be compiled")
                daemon.stop()
                first_ms.append(_first_event_ms(daemon, knocks))
            knocks.alerts_ms.clear()
            with mqtt_client(broker.port) as client, knocks.going_on():
                probe = Probe(client)
                samples_ms = [probe.sample_ms() for _ in range(WARM_UP + samples)][WARM_UP:]
            rss_mb = daemon.peak_rss_mb()
        finally:
            daemon.stop()
    figures = quantiles("shocks", samples_ms) | quantiles("shock_alert", knocks.alerts_ms)
    return figures | {"first_event_ms": max(first_ms), "rss_mb": rss_mb}


def _first_event_ms(daemon: Daemon, knocks: Knocks) -> float:
    """To the alert of the first event after a start."""
    knocks.alerts_ms.clear()
    daemon.start()
    daemon.wait_ready()
    with knocks.going_on():
        return knocks.alerts_ms[0]


def _behind(samples: int, backlog: int) -> dict[str, float]:
    with (
        mosquitto(BROKER_LINE) as broker,
        influxd() as server,
        tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name,
    ):
        outage = Outage(Path(name), broker, server, LOGGERS)
        with outage.away():
            outage.journal(backlog)
            with outage.probe() as probe:
                away_ms = outage.sample_while_away(probe, WARM_UP + samples)[WARM_UP:]
                catchup_ms, _ = outage.sample_while_catching_up(probe)
    return quantiles("outage", away_ms) | quantiles("catchup", catchup_ms) | {"catchup_samples": len(catchup_ms)}


def _measure(folder: Path, broker: Mosquitto, samples: int) -> tuple[tuple[float, ...], ...]:
    """Milliseconds of each sample: plain messages, synchronised pages, alerts."""
    limits = folder / "limits"
    limits.mkdir()
    daemon = Daemon(folder, broker.url, limits, default_limits="probe")
    write_probe(limits, folder / "containers")
    try:
        daemon.start()
        daemon.wait_ready()
        os.sync()  # an idle machine: what others left to be written would make the journal's fsync wait
        with mqtt_client(broker.port) as client, (folder / "page").open("wb", buffering=0) as page:
            probe = Probe(client)
            found = [_sample(probe, page) for _ in range(WARM_UP + samples)][WARM_UP:]
    finally:
        daemon.stop()
    return tuple(zip(*found, strict=True))


def _sample(probe: Probe, page: RawIOBase) -> tuple[float, float, float]:
    plain_ms = probe.plain_ms()
    probe.pause()
    disk_ms = _synchronised_ms(page)
    probe.pause()
    return plain_ms, disk_ms, probe.sample_ms()


def _synchronised_ms(page: RawIOBase) -> float:
    start_s = time.perf_counter()
    page.write(bytes(PAGE_BYTES))
    os.fdatasync(page.fileno())
    return (time.perf_counter() - start_s) * 1e3


if __name__ == "__main__":
    main()

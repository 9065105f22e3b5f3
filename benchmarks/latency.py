"""Milliseconds from publishing a reading beyond a limit to receiving its alert, on MQTT and by webhook: the larger one.

The webhook's receiver is in this process, and its notifier tells each change by itself: with the default window the
first alert of a container goes out just so, but those that follow within a minute are told together. Each sample is
an alert of its own (`hold_off = "0 s"`), from a probe with one thread, at random distances.

`idle`: the daemon has nothing else to do. Each sample is four steps:

1. a plain message through the broker, from publishing to receipt: what any alert costs at least;
2. a page written and synchronised on the daemon's disk: what its one durable commit costs at least;
3. a record of one reading above the limit, from publishing to the receipt of the alert that fires;
4. a record that clears it, until its topic is empty again and the receiver is told.

All other phases are samples of steps 3 and 4 while something else goes on:

`half_load`: 20 loggers send half as many records as the same run has measured that this daemon journals, judges and
stores in InfluxDB at the most (`max_records_per_s`; 60 readings of four channels each).
`fill`: 300 loggers send a day from memory, after a break: 24 records of 60 readings each (`--fill`), as fast as the
daemon takes them, until it has judged all of it again in order. `fill_rss_mb` is the most memory that it held.
`storm`: 10 000 exceedances of 200 loggers in ten other containers begin within a second, and end within one, three
times (`--storms`). `storm_notifications` is what a notifier with the default window sends meanwhile, the probe's own
included, `storm_told_s` the longest until all 10 000 were on MQTT.
`shocks`: ten events a second of other loggers arrive, 3 x 4 096 samples each. `shock_alert`: from publishing such an
event to its first alert on MQTT. `first_event_ms`: the same of the first one after a start, of two starts: one that
finds no compiled kernel, one that does. `rss_mb` is the most memory that this daemon held. Without the extra `fast`, or
with NUMBA_DISABLE_JIT=1, there is but the first, and NumPy does the work.
`behind`: `outage`, InfluxDB is away, and a backlog of other loggers' records waits in the journal; and `catchup`, it is
back, and the store writes the backlog as fast as it can; samples until it is through.
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

from benchmarks.common import REPOSITORY, Daemon, mqtt_client, positive, report, rounded, table
from benchmarks.knocks import Knocks, write_knocked
from benchmarks.load import LOGGERS
from benchmarks.pressed import WARM_UP, fill, half_load
from benchmarks.probe import BROKER_LINE, Probe, notifier_lines, write_probe
from benchmarks.receiver import receiver
from benchmarks.site import quantiles, site
from benchmarks.storm import storm
from monitor.warming import DISABLED, SEAL
from tests.processes import wait_until
from tests.servers import mosquitto

PAGE_BYTES = 4096
COMPILE_LIMIT_S = 120.0
PHASES = ("idle", "half_load", "fill", "storm", "shocks", "behind")
QUANTILES = ("p50_ms", "p99_ms")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=positive, default=200, help="of each phase that does not end by itself")
    parser.add_argument("--backlog", type=positive, default=40_000, help="records of 60 readings to catch up with")
    parser.add_argument("--fill", type=positive, default=24, help="records of 60 readings of each logger from memory")
    parser.add_argument("--storms", type=positive, default=3, help="of 10 000 exceedances")
    parser.add_argument("--only", choices=PHASES, help="one phase; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for phase in PHASES if options.only is None else (options.only,):
        figures |= _measured(phase, options)
    figures = rounded(figures)
    names = [key.removesuffix("_p50_ms") for key in figures if key.endswith("_p50_ms")]
    rows = [(name, {key: figures[f"{name}_{key}"] for key in QUANTILES}) for name in names]
    others = {key: figures[key] for key in figures if not key.endswith(QUANTILES)}
    text = "\n".join([table(rows), *(f"{name} {figure:g}" for name, figure in others.items())])
    report(figures | {"samples": options.samples}, text, options.json)


def _measured(phase: str, options: argparse.Namespace) -> dict[str, float]:
    """The figures of one phase."""
    match phase:
        case "idle":
            return _idle(options.samples)
        case "half_load":
            return half_load(options.samples)
        case "fill":
            return fill(options.fill)
        case "storm":
            return storm(options.storms)
        case "shocks":
            return _shocks(options.samples)
        case _:
            return _behind(options.samples, options.backlog)


def _idle(samples: int) -> dict[str, float]:
    with (
        mosquitto(BROKER_LINE) as broker,
        receiver() as one,
        tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name,
    ):
        folder = Path(name)
        limits = folder / "limits"
        limits.mkdir()
        daemon = Daemon(folder, broker.url, limits, default_limits="probe", more=notifier_lines(one))
        write_probe(limits, folder / "containers")
        try:
            daemon.start()
            daemon.wait_ready()
            os.sync()  # an idle machine: what others left to be written would make the journal's fsync wait
            with mqtt_client(broker.port) as client, (folder / "page").open("wb", buffering=0) as page:
                probe = Probe(client, one)
                found = [_sample(probe, page) for _ in range(WARM_UP + samples)][WARM_UP:]
        finally:
            daemon.stop()
    plain_ms, disk_ms, mqtt_ms, webhook_ms = zip(*found, strict=True)
    larger_ms = [max(both) for both in zip(mqtt_ms, webhook_ms, strict=True)]
    return (
        quantiles("idle", larger_ms)
        | quantiles("idle_mqtt", mqtt_ms)
        | quantiles("idle_webhook", webhook_ms)
        | quantiles("broker", plain_ms)
        | quantiles("disk", disk_ms)
    )


def _sample(probe: Probe, page: RawIOBase) -> tuple[float, float, float, float]:
    plain_ms = probe.plain_ms()
    probe.pause()
    disk_ms = _synchronised_ms(page)
    probe.pause()
    mqtt_ms, webhook_ms = probe.alert_ms()
    probe.pause()
    probe.clear()
    probe.pause()
    return plain_ms, disk_ms, mqtt_ms, webhook_ms


def _synchronised_ms(page: RawIOBase) -> float:
    start_s = time.perf_counter()
    page.write(bytes(PAGE_BYTES))
    os.fdatasync(page.fileno())
    return (time.perf_counter() - start_s) * 1e3


def _shocks(samples: int) -> dict[str, float]:
    """With the compiled kernel where that is installed: the daemon's second start has it."""
    with (
        mosquitto(BROKER_LINE) as broker,
        receiver() as one,
        tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name,
    ):
        folder = Path(name)
        limits = folder / "limits"
        shutil.copytree(REPOSITORY / "config" / "limits", limits)
        daemon = Daemon(folder, broker.url, limits, more=notifier_lines(one), is_compiled=True)
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
                probe = Probe(client, one)
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
    with site(LOGGERS) as place, place.away():
        place.journal(backlog)
        with place.probe() as probe:
            away_ms = place.sample(probe, WARM_UP + samples)[WARM_UP:]
            catchup_ms, _ = place.sample_while_catching_up(probe)
    return quantiles("outage", away_ms) | quantiles("catchup", catchup_ms) | {"catchup_samples": len(catchup_ms)}


if __name__ == "__main__":
    main()

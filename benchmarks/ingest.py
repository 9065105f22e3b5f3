"""Points a second from the broker's backlog into InfluxDB, beside what that server takes by itself.

A point is one reading of four channels. A round measures twice, each time against a new, empty InfluxDB:

1. the server alone: ready-made plain bodies of 5 000 lines over one connection that is kept alive;
2. the daemon: the same readings as records, published into its persistent session while it is down; the time is from
   the receipt of the first record to the confirmation of the last point, with journal, acknowledgements and rules on.
   Processor time is counted until the rules have judged it all too.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import REPOSITORY, Daemon, mqtt_client, positive, report, rounded, table
from benchmarks.influx import alone_s, check_count, create_database, store_table
from benchmarks.load import Load, make_load, write_containers
from tests.servers import Influxd, Mosquitto, influxd, mosquitto

DRAIN_LIMIT_S = 300.0
POLL_MIN_S, POLL_MAX_S = 0.02, 0.5  # a status costs the daemon 1.5 ms of processor time
CPU_SAMPLE_S = 0.01  # the kernel counts in hundredths of a second
NS_PER_S = 1e9


class CpuLog:
    """Notes a process's processor time every 10 ms, so that its value at a moment can be told afterwards."""

    def __init__(self, read_s: Callable[[], float]) -> None:
        self._read_s = read_s
        self._times_ns: list[int] = []
        self._values_s: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> CpuLog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def at_s(self, time_ns: int) -> float:
        """Processor seconds used by `time_ns`."""
        return self._values_s[max(bisect_right(self._times_ns, time_ns) - 1, 0)]

    def _run(self) -> None:
        while not self._stopping.wait(CPU_SAMPLE_S):
            self._values_s.append(self._read_s())
            self._times_ns.append(time.time_ns())


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=positive, default=15_000, help="records of 60 readings in a round")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    load = make_load(options.records)
    rounds = [_round(load) for _ in range(options.rounds)]
    medians = rounded({name: median(figures[name] for figures in rounds) for name in rounds[0]})
    rows = [(f"round {number}", rounded(figures)) for number, figures in enumerate(rounds, 1)]
    text = f"{options.records} records, {load.points} points a round\n{table([*rows, ('median', medians)])}"
    report(medians | {"points": load.points, "rounds": options.rounds}, text, options.json)


def _round(load: Load) -> dict[str, float]:
    with influxd() as server:
        server_points_per_s = _server_alone(server, load)
    with mosquitto() as broker, influxd() as server, tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name:
        figures = _daemon(Path(name), broker, server, load)
    ratio = figures["points_per_s"] / server_points_per_s
    return {
        "points_per_s": figures["points_per_s"],
        "server_points_per_s": server_points_per_s,
        "ratio_to_server": ratio,
    } | figures


def _server_alone(server: Influxd, load: Load) -> float:
    taken_s = alone_s(server, load.bodies)
    check_count(server, load.points)
    return load.points / taken_s


def _daemon(folder: Path, broker: Mosquitto, server: Influxd, load: Load) -> dict[str, float]:
    create_database(server)
    daemon = Daemon(folder, broker.url, REPOSITORY / "config" / "limits", store_table(server))
    write_containers(folder / "containers")
    try:
        daemon.start()
        daemon.wait_ready()  # from now on the broker keeps the sessions
        daemon.stop()
        _publish(broker, load.messages)
        daemon.start()
        figures = _drain(daemon, load)
    finally:
        daemon.stop()
    check_count(server, load.points)
    return figures


def _publish(broker: Mosquitto, messages: Sequence[tuple[str, bytes]]) -> None:
    with mqtt_client(broker.port) as client:
        client.loop_start()
        receipts = [client.publish(topic, payload, qos=1) for topic, payload in messages]
        for receipt in receipts:
            receipt.wait_for_publish(DRAIN_LIMIT_S)
            if not receipt.is_published():
                raise RuntimeError(f"the broker did not take {len(messages)} records within {DRAIN_LIMIT_S:g} s")


def _drain(daemon: Daemon, load: Load) -> dict[str, float]:
    with CpuLog(daemon.cpu_s) as cpu:
        _wait_for(daemon, load, ["store"])
        end_ns = time.time_ns()
        status = _wait_for(daemon, load, ["store", "watch"])
        own_cpu_s = daemon.cpu_s()
    if status["quarantined"] or status["alerts"]["firing"]:
        raise RuntimeError(f"readings inside limits were expected, the daemon says {status['alerts']}")
    start_ns = _first_received_ns(daemon.folder / "state" / "journal.db")
    return {
        "points_per_s": load.points / ((end_ns - start_ns) / NS_PER_S),
        "own_cpu_us_per_point": (own_cpu_s - cpu.at_s(start_ns)) / load.points * 1e6,
        "rss_mb": daemon.peak_rss_mb(),
    }


def _wait_for(daemon: Daemon, load: Load, consumers: Sequence[str]) -> dict[str, Any]:
    """Wait until every record is journalled and `consumers` have passed them all; the status that says so."""
    start_s = time.monotonic()
    while (elapsed_s := time.monotonic() - start_s) < DRAIN_LIMIT_S:
        status = daemon.status()
        done = 0
        if status is not None:
            done = min(status["ingest"]["records"], *(status["consumers"][name]["pos"] for name in consumers))
            is_through = all(status["consumers"][name]["backlog"] == 0 for name in consumers)
            if is_through and status["ingest"]["records"] == len(load.messages):
                return status
        time.sleep(_pause_s(elapsed_s, done / len(load.messages)))
    raise TimeoutError(f"the daemon did not drain {len(load.messages)} records within {DRAIN_LIMIT_S:g} s")


def _pause_s(elapsed_s: float, done: float) -> float:
    """Half of what is left at this pace, so that looks are few and the last one is close to the end."""
    left_s = elapsed_s * (1 - done) / done if done else POLL_MIN_S
    return min(max(left_s / 2, POLL_MIN_S), POLL_MAX_S)


def _first_received_ns(journal: Path) -> int:
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT min(received_ns) FROM records WHERE kind = 'env'").fetchone()[0])
    finally:
        connection.close()


if __name__ == "__main__":
    main()

"""InfluxDB is away for days and comes back: memory of the daemon, its alerts, and how fast it catches up.

The equivalent of `--days` of `--loggers` at 1 Hz is sent as fast as the daemon takes it, in records of 60 readings of
four channels; then InfluxDB is started again. `catchup_ratio_to_server` is points a second until the store is through,
beside what that server takes by itself over one connection (as in benchmarks.ingest). `--days 7` is 181 M readings in
3 M records: an hour or two, and some 15 GB of disk.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import positive, report, rounded, table
from benchmarks.influx import alone_s, check_count
from benchmarks.load import READINGS, make_load
from benchmarks.probe import CONTAINER
from benchmarks.site import quantiles, site
from tests.servers import influxd

RECORDS_PER_DAY = 24 * 60  # of a logger
ALONE_RECORDS = 15_000  # 900 000 points: as benchmarks.ingest gives a server by itself
SAMPLES = 100  # of alerts, while InfluxDB is away
FILES = ("journal.db", "watch.db")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=float, default=0.1)
    parser.add_argument("--loggers", type=positive, default=300)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    records = max(round(options.days * RECORDS_PER_DAY), 1) * options.loggers
    figures = rounded(_measure(records, options.loggers))
    text = f"{records} records of {options.loggers} loggers\n{table([('', figures)])}"
    report(figures | {"records": records, "loggers": options.loggers}, text, options.json)


def _measure(records: int, loggers: int) -> dict[str, float]:
    with influxd() as server:
        load = make_load(min(records, ALONE_RECORDS))
        server_points_per_s = load.points / alone_s(server, load.bodies)
        del load
    with site(loggers) as outage:
        with outage.away():
            outage.journal(records)
            sizes = {f"{Path(file).stem}_mb": _size_mb(outage.daemon.state_dir / file) for file in FILES}
            with outage.probe() as probe:
                away_ms = outage.sample(probe, SAMPLES)
                catchup_ms, taken_s = outage.sample_while_catching_up(probe)
            rss_mb = outage.daemon.peak_rss_mb()
        check_count(outage.server, records * READINGS, f"WHERE container <> '{CONTAINER}'")
    points_per_s = records * READINGS / taken_s
    return {
        "rss_mb": rss_mb,
        "catchup_points_per_s": points_per_s,
        "server_points_per_s": server_points_per_s,
        "catchup_ratio_to_server": points_per_s / server_points_per_s,
        **quantiles("outage", away_ms),
        **quantiles("catchup", catchup_ms),
        **sizes,
    }


def _size_mb(file: Path) -> float:
    return sum(one.stat().st_size for one in (file, Path(f"{file}-wal")) if one.exists()) / 1e6


if __name__ == "__main__":
    main()

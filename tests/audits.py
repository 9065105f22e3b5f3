"""A journal with a store that has all of it, and what an audit of that store tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from monitor.config import Rules
from monitor.consumers.audit import Audit
from monitor.consumers.expected import END_NS, Period
from monitor.model.operator import OperatorRecord
from monitor.sinks import Sink
from monitor.sinks.influx import InfluxSink
from monitor.sinks.stored import TAGS
from tests.influx import influx_rows
from tests.journals import arrival
from tests.messages import T0, env, shock, status
from tests.servers import Influxd
from tests.stores import RULES, Bench
from tests.stores import run as run_store

ROWS = 60
ALL = Period(0, END_NS, None)
EXPOSURE = {
    "id": "hours-above",
    "kind": "exposure",
    "channel": "temperature.*",
    "above": "20 degC",
    "limit": "100 h",
    "measure": "time",
    "severity": "warning",
}


def rules() -> bytes:
    content = json.loads(RULES.to_json())
    profile = next(iter(content["profiles"].values()))
    profile["rule"].append(EXPOSURE)
    return Rules.model_validate(content).to_json()


def fill(bench: Bench, records: int = 40) -> None:
    """Two loggers with readings, events and statuses, and an operator's records; some readings are hot."""
    bench.journal.append_own("config", 1, rules())
    for number in ("4711", "4712"):
        seal = OperatorRecord("seal", "C", T0, T0, "A. Rossi", details={"number": number})
        bench.journal.append_own("operator", T0, seal.to_json(), "C")
    for logger in ("L-1", "L-2"):
        bench.append(arrival("status", status(), 1000, logger=logger))
        for seq in range(records):
            values = [[20.0 + np.sin(seq) * (seq % 7), 40.0 + row / 8] for row in range(ROWS)]
            bench.append(arrival("env", env(seq, dt=10_000_000, values=values), T0, logger=logger))
        bench.append(arrival("shock", shock(records), T0, logger=logger))


def audited(
    bench: Bench, sink: Sink, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0
) -> dict[str, Any]:
    return Audit(bench.folder, sink, period, now_ns, lambda *_: None).run(is_dry_run=is_dry_run)


class Place:
    """A journal, a store on it, and an InfluxDB database that has all of it."""

    def __init__(self, folder: Path, server: Influxd) -> None:
        self.bench, self.server, self.database = Bench(folder), server, f"audit-{uuid4().hex}"
        self.sink = InfluxSink(server.url, "v1", self.database)
        fill(self.bench)
        self.store = self.bench.store(self.sink)
        run_store(self.store)
        assert self.store.is_caught_up

    def audit(self, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0) -> dict[str, Any]:
        return audited(self.bench, self.sink, period, is_dry_run=is_dry_run, now_ns=now_ns)

    def ask(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, self.database, statement, method="POST")

    def content(self) -> dict[str, list[list[Any]]]:
        return {name: sorted(self.ask(f'SELECT * FROM "{name}"'), key=str) for name in TAGS}


def wrong(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The figures that are not zero, without those of what is right."""
    figures = {
        name: {key: count for key, count in each.items() if count and key not in ("expected", "found")}
        for name, each in told["measurements"].items()
    }
    return {name: each for name, each in figures.items() if each}

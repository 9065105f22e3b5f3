"""Readings for stores of every kind, as they are made and as they are read again; and a sink on a gateway."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.model.batch import Points
from monitor.sinks import Sink
from monitor.sinks.influx import Dialect, InfluxSink
from tests.influx_gateway import Gateway

START_NS = 1_760_000_000_000_000_000
STEP_NS = 1_000_000_000
FIELDS = ("temperature_air_c", "humidity_air_pct", "pressure_inside_pa", "temperature_hardware_c")
TOKEN = "test-token"


def readings(key: int, rows: int = 60, logger: str = "L-01") -> Points:
    """A record as loggers send it: `rows` readings of 4 channels, the key being also its place in time."""
    values = np.random.default_rng(key).normal(20.0, 5.0, (rows, len(FIELDS))).astype(np.float32)
    times_ns = START_NS + (key * rows + np.arange(rows, dtype=np.int64)) * STEP_NS
    tags = (("container", "C-101"), ("logger", logger))
    return Points(key, "env", tags, times_ns, {name: values[:, index] for index, name in enumerate(FIELDS)})


def read(sink: Sink, field: str, measurement: str = "env", logger: str = "L-01") -> dict[int, float]:
    times_ns, values = sink.series("C-101", logger, field, START_NS, START_NS + 10**15, measurement)
    assert times_ns.dtype == np.int64
    assert values.dtype == np.float64
    assert (np.diff(times_ns) > 0).all()
    return dict(zip(times_ns.tolist(), values.tolist(), strict=True))


def read_env(sink: Sink, field: str, logger: str = "L-01") -> dict[int, float]:
    """What was written as float32: InfluxDB gives the float64 nearest to its nine digits, which rounds back to it."""
    return {time_ns: float(np.float32(value)) for time_ns, value in read(sink, field, logger=logger).items()}


def as_written(points: list[Points], field: str) -> dict[int, float]:
    return {
        time_ns: float(value)
        for one in points
        for time_ns, value in zip(one.times_ns.tolist(), one.fields[field], strict=True)
        if np.isfinite(value)
    }


def influx_sink(gateway: Gateway, dialect: Dialect, **options: Any) -> InfluxSink:
    return InfluxSink(gateway.url, dialect, gateway.bucket, org=gateway.org, **{"token": TOKEN, **options})

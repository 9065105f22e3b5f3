"""The InfluxDB 1.x server of the benchmarks: what it takes by itself, and what it holds."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from benchmarks.load import FIELDS
from tests.processes import HOST
from tests.servers import Influxd

DATABASE = "tcm"


def store_table(server: Influxd) -> str:
    """The lines of `[store]` for it."""
    return f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "{DATABASE}"'


def create_database(server: Influxd) -> None:
    """Make the database that all use."""
    query(server, f"CREATE DATABASE {DATABASE}", "POST")


def alone_s(server: Influxd, bodies: Sequence[bytes]) -> float:
    """Seconds that the server takes for ready-made bodies, one after the other over a connection that is kept alive."""
    create_database(server)
    connection = http.client.HTTPConnection(HOST, server.port)
    target = "/write?" + urlencode({"db": DATABASE, "precision": "ns"})
    try:
        start_s = time.perf_counter()
        for body in bodies:
            connection.request("POST", target, body)
            response = connection.getresponse()
            response.read()
            if response.status != http.client.NO_CONTENT:
                raise RuntimeError(f"InfluxDB answers {response.status} to a body of the benchmark")
        return time.perf_counter() - start_s
    finally:
        connection.close()


def check_count(server: Influxd, points: int, where: str = "") -> None:
    """What was confirmed must be there, or the figure is worth nothing."""
    answer = query(server, f"SELECT count({FIELDS[0]}) FROM env {where}", "GET")
    count = answer["results"][0]["series"][0]["values"][0][1]
    if count != points:
        raise RuntimeError(f"InfluxDB holds {count} points, {points} were written")


def query(server: Influxd, text: str, method: str) -> Any:
    """The answer to an InfluxQL statement."""
    connection = http.client.HTTPConnection(HOST, server.port)
    try:
        connection.request(method, "/query?" + urlencode({"db": DATABASE, "q": text}))
        return json.load(connection.getresponse())
    finally:
        connection.close()

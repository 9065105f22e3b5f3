"""Which server it is that answers: name, version, and what the dialects can do with it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from monitor.model.errors import SinkError
from monitor.sinks.influx import NO_CONTENT
from monitor.sinks.influx_client import OTHER_SERVER, InfluxClient

Product = Literal["InfluxDB", "VictoriaMetrics", ""]
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_VERSION_HEADER = "X-Influxdb-Version"
SUPPORTED = "InfluxDB 1.6 to 3, VictoriaMetrics for writing"
_OLDEST, _NEXT = (1, 6), (4, 0)  # tested with 1.6.7; before it nobody has tried


class Server(NamedTuple):
    """What a server says of itself; `version` is (major, minor), None where it says none."""

    product: Product
    version: tuple[int, int] | None
    text: str

    @property
    def major(self) -> int | None:
        """The first number of InfluxDB's version; None of others, and where it is not told."""
        return self.version[0] if self.version and self.product == "InfluxDB" else None

    @property
    def is_supported(self) -> bool:
        """Whether its version is one that is known to work; one that tells none may be."""
        return self.version is None or _OLDEST <= self.version < _NEXT

    def dialect_fault(self, dialect: str) -> str:
        """Why this dialect is not the server's, "" when it is or nobody knows."""
        if dialect == "v1" and self.product == "VictoriaMetrics":
            return f"{self.text} has no databases: expected dialect v2 with org and bucket, which may be any words"
        if self.major is None:
            return ""
        if dialect == "v2" and self.major < 2:
            return f"{self.text} has databases, not buckets: expected dialect v1 with database, username, password_file"
        if dialect == "v1" and self.major >= 2:
            return f"{self.text} is written with tokens: expected dialect v2 with org, bucket, token_file"
        return ""


def identify(client: InfluxClient) -> Server:
    """Which server answers; SinkError when none does, it lets nobody in, or it is none of these."""
    answer = client.request("ping", "/ping", "GET", [])
    said = answer.headers.get(_VERSION_HEADER, "")
    if said:
        found = _VERSION.match(said)
        return Server("InfluxDB", (int(found[1]), int(found[2])) if found else None, f"InfluxDB {said}")
    if _is_victoria_metrics(client):
        return Server("VictoriaMetrics", None, "VictoriaMetrics")
    if answer.status != NO_CONTENT:  # which is said of /ping by all that say no version
        raise client.held("ping", f"status {answer.status} without a version: this is no InfluxDB", OTHER_SERVER)
    return Server("", None, "a server that does not tell its version")


def _is_victoria_metrics(client: InfluxClient) -> bool:
    """Whether its page for visitors says so: of /ping it answers no more than that it is there."""
    try:
        return "VictoriaMetrics" in str(client.request("ping", "/", "GET", []).data)
    except SinkError:
        return False

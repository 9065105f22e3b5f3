"""InfluxDB 1 as tests use it: a database of their own for a daemon, and what is in it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers import Influxd


def influx_v1(server: Influxd, database: str) -> str:
    """The table [store] for a database of its own on an InfluxDB 1 server."""
    return f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "{database}"'


def influx_rows(server: Influxd, database: str, statement: str, method: str = "GET", **login: str) -> list[list[Any]]:
    """The rows of an InfluxQL query over plain HTTP, times in ns; none of a database that is not there yet.

    `login` is `u`, the user, and `p`, the password, where the server asks for them.
    """
    query = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": statement, **login})
    request = urllib.request.Request(f"{server.url}/query?{query}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        (result,) = json.load(answer)["results"]
    assert result.get("error", "database not found").startswith("database not found"), result
    return [row for series in result.get("series", []) for row in series["values"]]


def secret(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{text}.secret"
    file.write_text(text)
    file.chmod(0o600)
    return file


def ask(server: Influxd, statement: str, database: str = "", **login: str) -> list[list[Any]]:
    """Rows of the first series that InfluxDB 1 answers."""
    names = urllib.parse.urlencode({"db": database, **login})  # it looks for a login nowhere else
    body = urllib.parse.urlencode({"q": statement}).encode()
    with urllib.request.urlopen(f"{server.url}/query?{names}", body) as answer:
        result = json.load(answer)["results"][0]
    assert "error" not in result, result
    rows: list[list[Any]] = result.get("series", [{}])[0].get("values", [])
    return rows

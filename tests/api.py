"""What the tests of the HTTP interface share: a daemon without a broker, and readings that come by import."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.commands import write_files
from tests.daemon import DaemonProcess
from tests.processes import HOST, free_port

LIMITS = """
name = "test"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
clear = "24 degC"
severity = "alarm"
[[rule]]
id = "warm"
kind = "threshold"
channel = "temperature.air"
above = "20 degC"
severity = "warning"
"""
START = "2026-11-23T06:00:00Z"


def lone_daemon(folder: Path, **options: Any) -> DaemonProcess:
    """A daemon, not started yet, that knows C-1 with L-1 and whose broker is not there."""
    write_files(folder / "config", {"containers/C-1.toml": 'id = "C-1"\n[[logger]]\nid = "L-1"\n'})
    return DaemonProcess(folder, f"mqtt://{HOST}:{free_port()}", limits=LIMITS, **options)


def read_in(daemon: DaemonProcess, container: str, logger: str, place: str, values_c: list[float]) -> None:
    """Import readings of a temperature, ten minutes apart."""
    lines = [f"{number * 600},temperature_{place},°C,{value}" for number, value in enumerate(values_c)]
    body = "\n".join(["t_s,quantity,unit,value", *lines, ""]).encode()
    query = urlencode({"name": "environment.csv", "container": container, "logger": logger, "start": START})
    code, said = daemon.post(f"/api/import?{query}", body)
    assert code == HTTPStatus.OK, said


def alerts(daemon: DaemonProcess, **query: str) -> list[dict[str, Any]]:
    """The list of alerts."""
    code, rows = daemon.get(f"/api/alerts?{urlencode(query)}")
    assert code == HTTPStatus.OK, rows
    listed: list[dict[str, Any]] = rows
    return listed


def enter(daemon: DaemonProcess, **content: Any) -> tuple[int, Any]:
    """Enter an operator's record."""
    return daemon.post("/api/operator", json.dumps({"by": "Rossi", **content}).encode())

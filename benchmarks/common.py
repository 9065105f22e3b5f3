"""What the benchmarks share: the daemon as a child process, what it costs, and how figures are printed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor.warming import DISABLED
from tests.processes import HOST, free_port, wait_until

REPOSITORY = Path(__file__).parents[1]
READY_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
HTTP_LIMIT_S = 10.0
LOOP_S = 0.05
LOG_TAIL = 2000  # characters of the daemon's log shown when it fails
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # of /proc/<pid>/stat, counted behind the program's name


class Daemon:
    """`python -m monitor run` over a folder of its own; it may be started again on the same state."""

    def __init__(
        self,
        folder: Path,
        mqtt_url: str,
        limits: Path,
        store: str = "",
        default_limits: str = "flight-hardware",
        *,
        more: str = "",
        is_compiled: bool = False,
    ) -> None:
        """`limits` is the folder of profiles, `store` the lines of `[store]` (none: embedded), `more` further tables.

        `is_compiled`: with the extra `fast` the first start has the kernel of the spectra compiled, all others load it.
        Where no event comes that would only take processor time and memory from what is measured.
        """
        self._environment = os.environ | ({} if is_compiled else {DISABLED: "1"})
        self.folder, self.state_dir, self._port = folder, folder / "state", free_port()
        self._log = folder / "daemon.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "monitor.toml").write_text(
            f'state_dir = "state"\nlimits = {json.dumps(str(limits))}\n'
            f'[mqtt]\nurl = "{mqtt_url}"\n[store]\n{store}\n[web]\nlisten = "{HOST}:{self._port}"\n'
            f'[ingest]\ndefault_limits = "{default_limits}"\n{more}'
        )
        for name in ("containers", "consignments"):
            (folder / name).mkdir(exist_ok=True)

    @property
    def pid(self) -> int:
        """The process; RuntimeError with the end of its log when it is not running."""
        if self._process is None or self._process.poll() is not None:
            log = self._log.read_text(errors="replace")[-LOG_TAIL:] if self._log.exists() else ""
            raise RuntimeError(f"the daemon does not run; its log ends: {log}")
        return self._process.pid

    def start(self) -> None:
        """Start the process without waiting for anything."""
        command = [sys.executable, "-m", "monitor", "run", "--config", str(self.folder / "monitor.toml")]
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, cwd=REPOSITORY, env=self._environment)

    def wait_ready(self) -> None:
        """Wait until every part moves and both subscriptions are granted."""
        wait_until(lambda: self._get("/readyz") is not None, READY_LIMIT_S, "the daemon to be ready")

    def stop(self) -> None:
        """End the process in order; does nothing when it has ended."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)

    def status(self) -> dict[str, Any] | None:
        """The status document, None while the daemon does not answer."""
        document: dict[str, Any] | None = self._get("/api/status")
        return document

    def cpu_s(self) -> float:
        """Processor time of all its threads so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S

    def peak_rss_mb(self) -> float:
        """The most memory it ever held (1 MB is 1e6 bytes)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6

    def _get(self, path: str) -> Any:
        self.pid  # noqa: B018 - raises when the process has ended, which no answer would tell
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._port}{path}", timeout=HTTP_LIMIT_S) as response:
                return json.load(response)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None


@contextmanager
def mqtt_client(port: int) -> Iterator[paho.Client]:
    """An MQTT 5 client without a thread of its own, connected: whoever uses it calls `loop`."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_socket_open = _send_at_once
    client.connect(HOST, port)
    wait_until(
        lambda: client.loop(LOOP_S) != paho.MQTT_ERR_SUCCESS or client.is_connected(), READY_LIMIT_S, "the broker"
    )
    try:
        yield client
    finally:
        client.disconnect()


def _send_at_once(_client: paho.Client, _data: object, connection: Any) -> None:
    """Switch off Nagle's algorithm, by which the kernel holds small packets back for up to 40 ms."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def positive(text: str) -> int:
    """A count given on the command line, for argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text)


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures as they are shown: whole from 1000, else four significant digits."""
    return {name: round(value) if abs(value) >= 1000 else float(f"{value:.4g}") for name, value in figures.items()}


def table(rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Rows of figures under the names of the first one's."""
    names = list(rows[0][1])
    lines = ["".join([f"{'':<12}", *(f"{name:>{len(name) + 3}}" for name in names)])]
    for title, figures in rows:
        lines.append("".join([f"{title:<12}", *(f"{figures[name]:>{len(name) + 3}}" for name in names)]))
    return "\n".join(lines)


def report(figures: Mapping[str, Any], text: str, is_json: bool) -> None:
    """Print the result: `figures` as JSON, or `text` for people."""
    print(json.dumps(figures) if is_json else text)  # noqa: T201 - a benchmark prints its figures

"""What the integration tests share: the daemon as a child process, a logger of their own, plain ways to look inside."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
import paho.mqtt.client as paho
from numpy.typing import NDArray
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware_sim.codec import Ack, Env, Shock, Stamp, Status, decode_ack, encode_env, encode_shock, encode_status
from tests.servers import HOST, Influxd, free_port, wait_until

REPOSITORY = Path(__file__).parents[1]
READY_S = 20.0
SETTLE_S = 20.0
STOP_S = 20.0
START_NS = 1_795_420_800_000_000_000  # 2026-11-23T08:00:00Z
PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}

LIMITS = """
name = "test"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
clear = "24 degC"
for = "20 s"
severity = "alarm"
[[rule]]
id = "knock"
kind = "shock"
axis = "resultant"
peak = "2 g"
severity = "alarm"
"""


def influx_v1(server: Influxd, database: str) -> str:
    """The table [store] for a database of its own on an InfluxDB 1 server."""
    return f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "{database}"'


class DaemonProcess:
    """`python -m monitor run` with a configuration of its own under `folder`; runs from `start`, as context it ends."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        store: str = 'kind = "embedded"',
        *,
        protocol: str = "5",
        limits: str = LIMITS,
    ) -> None:
        self.port, self.state_dir = free_port(), folder / "var"
        self.config, self.log = folder / "config" / "monitor.toml", folder / "log.txt"
        (self.config.parent / "limits").mkdir(parents=True, exist_ok=True)
        (self.config.parent / "limits" / "test.toml").write_text(limits)
        self.config.write_text(
            f'instance = "test"\nstate_dir = "../var"\n[mqtt]\nurl = "{broker_url}"\nprotocol = "{protocol}"\n'
            f'[store]\n{store}\n[web]\nlisten = "{HOST}:{self.port}"\n[ingest]\ndefault_limits = "test"\n'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, path: str = "/readyz") -> None:
        """Start it and wait until `path` answers 200."""
        command = [sys.executable, "-m", "monitor", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = process = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY)
        wait_until(lambda: self.answers(path) or process.poll() is not None, READY_S, f"{path} of the daemon")
        assert process.poll() is None, self.log.read_text()

    def end(self, how: signal.Signals) -> int:
        """Send a signal, wait, and return the exit status; does nothing when it was ended before."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
            raise

    def stop(self) -> int:
        """End it as an operator does."""
        return self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.end(signal.SIGKILL)

    def died(self) -> int:
        """Wait until it ends by itself; its exit status."""
        process, self.process = self.process, None
        assert process is not None
        return process.wait(STOP_S)

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body (read as JSON where it is JSON) of a page; (0, None) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=5) as answer:
                return answer.status, _json_or_text(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _json_or_text(error.read())
        except OSError:
            return 0, None

    def answers(self, path: str) -> bool:
        return self.get(path)[0] == 200

    def status(self) -> Any:
        """The document of /api/status."""
        return self.get("/api/status")[1]

    def metric(self, name: str) -> float:
        """A metric without labels."""
        lines = self.get("/metrics")[1].splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def wait_settled(self, records: int) -> None:
        """Wait until `records` are journalled and every consumer has passed them."""

        def is_done() -> bool:
            status = self.status()
            if not status or status["ingest"]["records"] < records or status["ingest"]["queue"]:
                return False
            return not any(consumer["backlog"] for consumer in status["consumers"].values())

        wait_until(is_done, SETTLE_S, f"{records} records to pass the daemon")

    def tcm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `tcm` with this configuration where the command takes one."""
        options = [] if arguments[0] == "replay" else ["--config", str(self.config)]
        command = [sys.executable, "-m", "monitor", *arguments, *options]
        return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    def rows(self, file: str, statement: str, *values: object) -> list[Any]:
        """Ask one of its files, without the program's own code."""
        return read_rows(self.state_dir / file, statement, *values)


@contextmanager
def running_daemon(folder: Path, broker_url: str, *store: str, **options: str) -> Iterator[DaemonProcess]:
    """A daemon that is ready; ended, however the test ends."""
    with DaemonProcess(folder, broker_url, *store, **options) as daemon:
        daemon.start()
        yield daemon


class Logger:
    """A logger that keeps what it made, and sends it when it is told to."""

    def __init__(self, broker_port: int, name: str, *, container: str = "C-1", protocol: str = "5") -> None:
        self.name, self.container = name, container
        self.topic = f"tcm/v1/{container}/{name}"
        self.boot = crc32(name.encode())
        self.records: list[tuple[str, bytes]] = []  # kind and payload by seq
        self.acks: list[Ack] = []
        self._port, self._protocol = broker_port, protocol
        self._client: paho.Client | None = None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    @property
    def upto(self) -> int:
        """The highest seq up to which everything is settled, as far as this boot was told."""
        return max((ack.upto for ack in self.acks if ack.boot == self.boot), default=-1)

    def connect(self) -> None:
        """Connect, listen to down/ack and send the birth."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{self.name}", protocol=PROTOCOLS[self._protocol]
        )
        client.on_message = lambda _client, _data, message: self.acks.append(decode_ack(bytes(message.payload)))
        client.connect(HOST, self._port)
        client.loop_start()
        self._client = client
        self._confirmed_subscription()
        self.birth()

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def birth(self) -> None:
        """Announce what was made and what is still held."""
        held = [(self.boot, self.upto + 1, len(self.records) - 1)] if self.upto + 1 < len(self.records) else []
        status = Status("online", serial="SN-1", next_seq=len(self.records), held=held, interval_us=1_000_000)
        self.publish(f"{self.topic}/up/status", encode_status(Stamp(self.boot, START_NS, 0), status), retain=True)

    def env(self, t0_ns: int, rows: Sequence[Sequence[float]], *channels: str) -> int:
        """Make a block of readings a second apart; its seq."""
        content = Env(channels or ("temperature.hardware",), 1_000_000, np.array(rows, dtype=np.float32))
        self.records.append(("env", encode_env(self._stamp(t0_ns), len(self.records), 0, 0, content)))
        return len(self.records) - 1

    def shock(self, t0_ns: int, counts: NDArray[np.int16], pre: int) -> int:
        """Make an event of 1 kHz and 0.01 g a count; its seq."""
        content = Shock(1000.0, pre, (0.01, 0.01, 0.01), 16.0, counts, "a", 2.0)
        self.records.append(("shock", encode_shock(self._stamp(t0_ns), len(self.records), 0, 0, content)))
        return len(self.records) - 1

    def send(self, *seqs: int, fill: bool = False) -> None:
        """Publish records, all of them unless told which."""
        for seq in seqs or range(len(self.records)):
            kind, payload = self.records[seq]
            self.publish(f"{self.topic}/up/{'fill/' if fill else ''}{kind}", payload)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message to the network thread, QoS 1."""
        assert self._client is not None
        self._client.publish(topic, payload, qos=1, retain=retain)

    def is_settled(self) -> bool:
        return self.upto == len(self.records) - 1

    def wait_acknowledged(self, upto: int) -> None:
        wait_until(
            lambda: self.upto >= upto, SETTLE_S, f"{self.name}: acknowledgement up to {upto}, has {self.acks[-1:]}"
        )

    def _stamp(self, t0_ns: int) -> Stamp:
        return Stamp(self.boot, t0_ns, t0_ns - START_NS)

    def _confirmed_subscription(self) -> None:
        granted: list[object] = []
        assert self._client is not None
        self._client.on_subscribe = lambda *_: granted.append(True)
        wait_until(self._client.is_connected, READY_S, f"{self.name} to connect")
        self._client.subscribe(f"{self.topic}/down/ack", qos=0)
        wait_until(lambda: bool(granted), READY_S, f"{self.name} to be subscribed")


def read_rows(file: Path, statement: str, *values: object) -> list[Any]:
    """The rows of a query of an SQLite file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(statement, values).fetchall()


def influx_rows(server: Influxd, database: str, statement: str) -> list[list[Any]]:
    """The rows of an InfluxQL query over plain HTTP, times in ns."""
    query = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": statement})
    with urllib.request.urlopen(f"{server.url}/query?{query}", timeout=30) as answer:
        (result,) = json.load(answer)["results"]
    assert "error" not in result, result
    return [row for series in result.get("series", []) for row in series["values"]]


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()

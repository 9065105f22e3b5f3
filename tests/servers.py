"""Real servers for tests: on free ports of 127.0.0.1, data in temporary folders, ended by whoever started them."""

from __future__ import annotations

import getpass
import http.client
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

HOST = "127.0.0.1"
START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
LOG_TAIL = 2000  # characters of a server's log shown when it does not start
SEEN_MAX = 1000  # requests that a gateway remembers


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Return as soon as `condition` holds; TimeoutError that names `what` when it does not within `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_s} s for: {what}")
        time.sleep(0.01)


def mortal(command: list[str]) -> list[str]:
    """The command, so that the kernel kills it with the thread that starts it, however that ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command


class Server:
    """A program that can be stopped and started again on the same port with the same data."""

    def __init__(self, command: list[str], folder: Path, port: int, is_up: Callable[[], bool]) -> None:
        self.port, self.folder = port, folder
        self._command, self._is_up = command, is_up
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program and wait until it answers."""
        log = self.folder / "log.txt"
        with log.open("ab") as out:
            self._process = subprocess.Popen(mortal(self._command), stdout=out, stderr=out, cwd=self.folder)
        try:
            wait_until(self._is_up_or_dead, START_LIMIT_S, f"{self._command[0]} to answer on port {self.port}")
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._command[0]} ended at once")
        except (TimeoutError, RuntimeError) as error:
            self.kill()
            raise RuntimeError(f"{error}; its log ends: {log.read_text(errors='replace')[-LOG_TAIL:]}") from error

    def stop(self) -> None:
        """End the program in order (SIGTERM) and wait for it; does nothing when it has ended."""
        self.thaw()  # what stands still cannot end in order
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the program as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP): it neither answers nor ends."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)

    def _is_up_or_dead(self) -> bool:
        return self._is_up() or (self._process is not None and self._process.poll() is not None)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)


ServerT = TypeVar("ServerT", bound=Server)


@contextmanager
def running(server: ServerT) -> Iterator[ServerT]:
    """The server, started; ended, however the context ends."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Place(NamedTuple):
    """Where a server of its own runs: its program, a folder that goes with it, a free port."""

    program: str
    folder: Path
    port: int


@contextmanager
def place(name: str, package: str) -> Iterator[Place]:
    """A place for the program of this name."""
    program = find_program(name, package)
    with tempfile.TemporaryDirectory(prefix=f"tcm-{name}-") as folder:
        yield Place(program, Path(folder), free_port())


class Mosquitto(Server):
    def reload(self) -> None:
        """Have it read its configuration again."""
        self._signal(signal.SIGHUP)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"


class Influxd(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@contextmanager
def mosquitto(*extra_lines: str) -> Iterator[Mosquitto]:
    """A Mosquitto broker, started; `extra_lines` are added to its configuration."""
    with place("mosquitto", "mosquitto") as (program, folder, port):
        config = folder / "mosquitto.conf"
        # `user`: started as root the broker would become a user that cannot write to this folder.
        lines = [
            *(f"listener {port} {HOST}", "allow_anonymous true", f"user {getpass.getuser()}"),
            *("persistence true", f"persistence_location {folder}/", "max_queued_messages 0", *extra_lines),
        ]
        config.write_text("\n".join(lines) + "\n")
        with running(Mosquitto([program, "-c", str(config)], folder, port, lambda: accepts(port))) as server:
            yield server


@contextmanager
def influxd(*, asks_login: bool = False, tls: tuple[Path, Path] | None = None) -> Iterator[Influxd]:
    """An InfluxDB 1.x server without databases, started.

    With `asks_login` it serves nobody but its users, of which the first to be made is an administrator; with `tls`
    (certificate, key) it speaks HTTPS.
    """
    with place("influxd", "influxdb") as (program, folder, port):
        config = folder / "influxdb.conf"
        text = _INFLUXD_CONFIG.format(
            folder=folder,
            host=HOST,
            port=port,
            rpc_port=free_port(),
            asks_login=str(asks_login).lower(),
            https=_INFLUXD_HTTPS.format(*tls) if tls else "",
        )
        config.write_text(text)
        is_up = (lambda: accepts(port)) if tls else (lambda: pings(port))
        with running(Influxd([program, "-config", str(config)], folder, port, is_up)) as server:
            yield server


_INFLUXD_CONFIG = """
reporting-disabled = true
bind-address = "{host}:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  cache-max-memory-size = "256m"
  query-log-enabled = false
[http]
  bind-address = "{host}:{port}"
  {https}
  auth-enabled = {asks_login}
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
[subscriber]
  enabled = false
[logging]
  level = "warn"
"""


_INFLUXD_HTTPS = """https-enabled = true
  https-certificate = "{}"
  https-private-key = "{}"
"""


_END_S = 4_102_444_800  # 2100: by default it exports nothing that is later than now


class VictoriaMetrics(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def values(self, metric: str, **tags: str) -> dict[int, float]:
        """What it holds of a metric, such as env_temperature_air_c, by time in ms; one value of each time."""
        _get(self.port, "/internal/force_flush")  # else what was written shows after a second
        match = ",".join([f"__name__={json.dumps(metric)}", *(f"{key}={json.dumps(tag)}" for key, tag in tags.items())])
        status, answer = _get(self.port, "/api/v1/export?" + urlencode({"match[]": f"{{{match}}}", "end": _END_S}))
        assert status == 200, answer
        found = [json.loads(line) for line in answer.splitlines()]
        return {at: value for one in found for at, value in zip(one["timestamps"], one["values"], strict=True)}


@contextmanager
def victoria_metrics() -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics server, started, that keeps everything."""
    with place("victoria-metrics", "victoria-metrics") as (program, folder, port):
        command = [
            *(program, f"-httpListenAddr={HOST}:{port}", f"-storageDataPath={folder}/data"),
            *("-retentionPeriod=100y", "-memory.allowedPercent=5", "-loggerLevel=ERROR"),
        ]
        with running(VictoriaMetrics(command, folder, port, lambda: _get(port, "/health")[0] == 200)) as server:
            yield server


class Alertmanager(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def alerts(self) -> list[Any]:
        """Its open alerts, as API v2 lists them."""
        status, answer = _get(self.port, "/api/v2/alerts")
        assert status == 200, answer
        listed: list[Any] = json.loads(answer)
        return listed


@contextmanager
def alertmanager(webhook_url: str) -> Iterator[Alertmanager]:
    """A Prometheus Alertmanager, started; each change of an alert it POSTs by itself to `webhook_url`."""
    with place("prometheus-alertmanager", "prometheus-alertmanager") as (program, folder, port):
        (folder / "alertmanager.yml").write_text(_ALERTMANAGER_CONFIG.format(url=webhook_url))
        command = [
            *(program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"),
            *(f"--web.listen-address={HOST}:{port}", "--cluster.listen-address="),  # alone, no cluster
        ]
        with running(Alertmanager(command, folder, port, lambda: _get(port, "/-/ready")[0] == 200)) as server:
            yield server


_ALERTMANAGER_CONFIG = """
route:
  receiver: test
  group_by: ["..."]
  group_wait: 0s
  group_interval: 100ms
receivers:
  - name: test
    webhook_configs:
      - url: "{url}"
        send_resolved: true
"""


class Gateway:
    """InfluxDB 2's `/api/v2/write` and `/query` in front of an InfluxDB 1 server.

    `answer` (status, headers), when set, is given instead of forwarding; `hold`, when set, is called before each
    answer. `seen` holds (path, headers) of the latest requests, `client_ports` one number for each connection so far.
    """

    def __init__(self, backend_port: int, org: str, bucket: str, token: str) -> None:
        self.backend_port, self.org, self.bucket, self.token = backend_port, org, bucket, token
        self.answer: tuple[int, dict[str, str]] | None = None
        self.hold: Callable[[], object] | None = None
        self.seen: deque[tuple[str, dict[str, str]]] = deque(maxlen=SEEN_MAX)
        self.client_ports: set[int] = set()
        self.url = ""

    def reply(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.seen.append((target, headers))
        if self.hold is not None:
            self.hold()
        if self.answer is not None:
            return *self.answer, b'{"error": "as the test wishes"}'
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path != "/ping" and headers.get("Authorization") != f"Token {self.token}":
            return 401, {}, b'{"code": "unauthorized", "message": "unauthorized access"}'
        if path == "/api/v2/write":
            if query.get("org") != [self.org] or query.get("bucket") != [self.bucket]:
                return 404, {}, b'{"code": "not found", "message": "bucket not found"}'
            target = "/write?" + urlencode({"db": self.bucket, "precision": query["precision"][0]})
        elif path not in ("/query", "/ping"):
            return 404, {}, b'{"code": "not found", "message": "path not found"}'
        return self._forward(method, target, headers.get("Content-Encoding"), body)

    def _forward(
        self, method: str, target: str, encoding: str | None, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(HOST, self.backend_port, timeout=START_LIMIT_S)
        try:
            connection.request(method, target, body, {"Content-Encoding": encoding} if encoding else {})
            response = connection.getresponse()
            return response.status, {}, response.read()
        finally:
            connection.close()


@contextmanager
def influx_v2_gateway(
    backend: Influxd, org: str = "tcm", bucket: str = "tcm", token: str = "test-token"
) -> Iterator[Gateway]:
    """A gateway with which a v2 client writes to InfluxDB 1; `bucket` is the name of the database behind."""
    gateway = Gateway(backend.port, org, bucket, token)
    with served(gateway):
        yield gateway


@contextmanager
def served(gateway: Gateway) -> Iterator[None]:
    """The gateway, on a port of its own, which `url` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as InfluxDB does

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionResetError, BrokenPipeError):
                self.close_connection = True  # the client gave up, which some tests want

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

        def do_POST(self) -> None:
            gateway.client_ports.add(self.client_address[1])
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = gateway.reply(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(answer)

        do_GET = do_PATCH = do_POST  # noqa: N815 - the names that http.server calls

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    gateway.url = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STOP_LIMIT_S)


def find_program(name: str, package: str) -> str:
    """Where the program is; Debian keeps brokers in /usr/sbin, which is not on every user's path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: apt-get install {package}")
    return found


def accepts(port: int) -> bool:
    """Whether somebody listens on this port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def pings(port: int) -> bool:
    """Whether InfluxDB on this port says that it is there."""
    return _get(port, "/ping")[0] == 204


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of the answer, 0 when there is none."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()

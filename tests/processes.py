"""What tests start, on free ports of 127.0.0.1, data in temporary folders; ended by whoever started it."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, TypeVar

HOST = "127.0.0.1"
START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
LOG_TAIL = 2000  # characters of a program's log shown when it does not start


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


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of the answer, 0 when there is none."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10.0)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of an HTTP server of this process, that `handler` answers for."""
    server = ThreadingHTTPServer((HOST, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STOP_LIMIT_S)

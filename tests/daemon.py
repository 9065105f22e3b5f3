"""The daemon as a child process with a configuration of its own, and plain ways to look at what it leaves behind."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.commands import ENVIRONMENT, REPOSITORY, run, tcm, write_files
from tests.processes import HOST, free_port, mortal, wait_until

READY_S = 60.0  # on a machine that has much else to do
SETTLE_S = STOP_S = 20.0
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
        more: str = "",
        prefix: tuple[str, ...] = (),
        program: tuple[str, ...] = ("-m", "monitor"),
    ) -> None:
        """`more` is added to the configuration; `prefix` stands before the command, e.g. to enter a namespace.

        `program` is what Python runs; another one may shorten waits before it does the same.
        """
        self.port, self.state_dir = free_port(), folder / "var"
        self.config, self.log = folder / "config" / "monitor.toml", folder / "log.txt"
        settings = (
            f'instance = "test"\nstate_dir = "../var"\n[mqtt]\nurl = "{broker_url}"\nprotocol = "{protocol}"\n'
            f'client_id = "tcm-test-{self.port}"\n'  # else it gets what a shared broker kept for another test's
            f'[store]\n{store}\n[web]\nlisten = "{HOST}:{self.port}"\n[ingest]\ndefault_limits = "test"\n{more}\n'
        )
        write_files(self.config.parent, {"limits/test.toml": limits, "monitor.toml": settings})
        self.process: subprocess.Popen[bytes] | None = None
        self._prefix, self._program = prefix, program

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it without waiting for anything."""
        command = [*self._prefix, sys.executable, *self._program, "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(mortal(command), stdout=log, stderr=log, cwd=REPOSITORY, env=ENVIRONMENT)
        return self.process

    def start(self, path: str = "/readyz") -> None:
        """Start it and wait until `path` answers 200."""
        process = self.launch()
        wait_until(lambda: self.answers(path) or process.poll() is not None, READY_S, f"{path} of the daemon")
        assert process.poll() is None, self.log.read_text()

    def end(self, how: signal.Signals, limit_s: float = STOP_S) -> int:
        """Send a signal, wait, and return the exit status; does nothing when it was ended before."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        return self.died(limit_s)

    def died(self, limit_s: float = STOP_S) -> int:
        """Wait until it ends by itself; its exit status."""
        process, self.process = self.process, None
        assert process is not None
        try:
            return process.wait(limit_s)
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

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body (read as JSON where it is JSON) of a page; (0, None) when nobody answers."""
        return self._ask(urllib.request.Request(f"http://{HOST}:{self.port}{path}"), 5)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """The same of a POST as an operator, who has the token."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"} | (headers or {})
        return self._ask(urllib.request.Request(f"http://{HOST}:{self.port}{path}", body, headers), 30)

    @property
    def token(self) -> str:
        """What allows to act."""
        return (self.state_dir / "operator.token").read_text().strip()

    def _ask(self, request: urllib.request.Request, limit_s: float) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=limit_s) as answer:
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

    def wait_problem(self, part: str, words: str, limit_s: float = 10.0) -> None:
        """Wait until /readyz is 503 and says these words of the part; what it says at first may be less."""

        def is_said() -> bool:
            code, answer = self.get("/readyz")
            return code == 503 and part in answer["parts"] and words in answer["parts"][part]

        wait_until(is_said, limit_s, f"{words!r} as the problem of {part}")

    def wait_settled(self, records: int) -> None:
        """Wait until `records` are journalled and all consumers but the copy, which takes longer, have passed them."""

        def is_done() -> bool:
            status = self.status()
            if not status or status["ingest"]["records"] < records or status["ingest"]["queue"]:
                return False
            return not any(status["consumers"][name]["backlog"] for name in ("watch", "store", "notify"))

        wait_until(is_done, SETTLE_S, f"{records} records to pass the daemon")

    def wait_stored(self, records: int) -> None:
        """The same, and until the store has what watch made of them too, such as events and alerts."""
        self.wait_settled(records)
        statement = "SELECT (SELECT max(upto) FROM results), (SELECT max(n) FROM transitions)"

        def is_done() -> bool:
            ((judged, transitions),) = self.rows("watch.db", statement)
            stored = dict(self.rows("store.db", "SELECT name, n FROM cursors"))
            return bool(stored.get("judged", 0) >= (judged or 0) and stored.get("transitions", 0) >= (transitions or 0))

        wait_until(is_done, SETTLE_S, f"what {records} records led to in the store")

    def tcm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `tcm` with this configuration."""
        return tcm(*arguments, "--config", str(self.config))

    def refuse(self) -> str:
        """Start it in vain: what it says when it ends by itself, with status 2 and without a traceback."""
        command = [sys.executable, "-m", "monitor", "run", "--config", str(self.config)]
        done = run(command, STOP_S)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def rows(self, file: str, statement: str, *values: object) -> list[Any]:
        """Ask one of its files, without the program's own code."""
        return read_rows(self.state_dir / file, statement, *values)

    def change(self, file: str, statement: str) -> None:
        """Change one of its files behind its back."""
        with closing(sqlite3.connect(self.state_dir / file, timeout=10, isolation_level=None)) as connection:
            connection.execute(statement)


@contextmanager
def running_daemon(folder: Path, broker_url: str, *store: str, **options: Any) -> Iterator[DaemonProcess]:
    """A daemon that is ready; ended, however the test ends."""
    with DaemonProcess(folder, broker_url, *store, **options) as daemon:
        daemon.start()
        yield daemon


def read_rows(file: Path, statement: str, *values: object) -> list[Any]:
    """The rows of a query of an SQLite file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(statement, values).fetchall()


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()

"""The process under test: the parts of a gateway on the simulated disk, built anew after each death."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from monitor.config import Config, Rules
from monitor.config.alerting import WebhookNotifier
from monitor.config.settings import JournalSettings, MqttSettings, StoreSettings, WebSettings
from monitor.journal import Commit, Journal, Refused, Usable
from monitor.model.errors import DiskFull, TcmError
from monitor.parts import Parts
from tests.simulation.broker import Broker
from tests.simulation.client import Client
from tests.simulation.clock import SimClock
from tests.simulation.disk import Disk
from tests.simulation.receiver import Receiver
from tests.simulation.server import Jobs, Server

_HARDWARE = {"kind": "threshold", "channel": "temperature.hardware"}
_WARNING = {"severity": "warning"}
RULES = {
    "ingest": {"default_limits": "hardware"},
    "profiles": {
        "hardware": {
            "name": "hardware",
            "rule": [
                {"id": "hot", "above": "25 degC", "severity": "alarm"} | _HARDWARE,
                {"id": "slow", "above": "24 degC", "clear": "23 degC", "for": "8 s"} | _HARDWARE | _WARNING,
                {"id": "warm", "above": "25 degC", "measure": "time", "limit": "0.02 h"}
                | (_HARDWARE | _WARNING | {"kind": "exposure"}),
                {"id": "jolt", "kind": "shock", "axis": "resultant", "peak": "3 g"} | _WARNING,
                {"id": "silent", "kind": "health", "check": "silent", "for": "5 min"} | _WARNING,
                {"id": "beyond", "check": "range", "most": "27 degC"} | (_HARDWARE | _WARNING | {"kind": "health"}),
            ],
        }
    },
}
MANY = 3  # failures on end that must show
PARTS = ("intake", "watch", "store", "board", "notifier", "long")
NOTIFIER = WebhookNotifier.model_validate(
    {"name": "ops", "kind": "webhook", "url": "https://ops.example.org", "window": "0 s"}
)  # each change by itself: how they are grouped is another matter


class Stopped(Exception):  # noqa: N818  # named for what it is
    """The process ended: the disk died under it, or it gave up as it should."""


class Gateway:
    """`parts` is None while no process runs."""

    def __init__(
        self,
        root: Path,
        disk: Disk,
        broker: Broker,
        servers: tuple[Server, Server],
        receiver: Receiver,
        clock: SimClock,
        rng: random.Random,
    ) -> None:
        self._rng, self._receiver = rng, receiver
        self._disk, self._broker, self._clock = disk, broker, clock
        self._server, self._copy_server = servers
        state_dir = root / "state"
        rules = Rules.model_validate(RULES)
        mqtt = MqttSettings(url="mqtt://127.0.0.1", client_id="gateway")
        places = (mqtt, StoreSettings(), WebSettings(), JournalSettings())
        self.config = Config(rules, state_dir, *places, notifiers=(NOTIFIER,))
        self.parts: Parts | None = None
        self.jobs, self.copy_jobs = Jobs(), Jobs()
        self.full_steps = 0
        self.journalled: set[bytes] = set()

    def start(self) -> None:
        """Build the parts on what is there; Stopped when the disk does not let them."""
        self.jobs, self.copy_jobs = Jobs(), Jobs()
        client_type: Callable[..., object] = self._broker.client
        try:
            self.parts = Parts(
                *(self.config, self._clock, self._server.sink(), self.jobs),
                client_type,  # type: ignore[arg-type]  # as much of paho.Client as is used
                opening=lambda _settings: self._receiver,
                copying=(self._server.sink(), self._copy_server.sink(), self.copy_jobs),
            )
        except (TcmError, sqlite3.Error) as error:
            self._excuse(error)
        if self.parts is not None:
            self._note_commits(self.parts.journal)
            for session in self.parts.sessions:
                session.run()

    def step(self, name: str) -> bool:
        """Step a part once; Stopped when the process ended in it as it should."""
        assert self.parts is not None
        failures = self.jobs.failures
        try:
            part = self.parts.notifiers.each[0] if name == "notifier" else getattr(self.parts, name)
            did = bool(part.step())
        except DiskFull:
            self.full_steps += 1
            if not self._disk.is_full:
                raise
            return False
        except (TcmError, sqlite3.Error) as error:
            self._excuse(error)
            return False
        if name == "store" and failures >= MANY and not self.parts.store.problem:
            raise AssertionError(f"I8 {failures} writes failed on end, and the store has no problem")
        return did

    def stop(self) -> None:
        """End in order."""
        assert self.parts is not None
        parts, self.parts = self.parts, None
        try:
            parts.close()
        except (TcmError, sqlite3.Error) as error:
            self._excuse(error)
        self.die(None, 0.0)

    def die(self, rng: random.Random | None, share: float) -> None:
        """End at once; with `rng` the power is cut too (see `Disk.power_cut`)."""
        self._disk.die()
        for client in self._broker.clients.values():
            if client.connection is not None and self._rng.random() < 0.5:
                self._broker.read(client, len(client.connection.sent))  # it was on its way
            client.disconnect()
        self._broker.clients.clear()  # their callbacks hold the parts
        for jobs in (self.jobs, self.copy_jobs):
            while self.parts is not None and self._rng.random() < 0.5 and jobs.run_one(self._rng):
                pass  # the request was out already
        parts, self.parts = self.parts, None
        if parts is not None:
            with contextlib.suppress(TcmError, sqlite3.Error):
                parts.close()
        del parts
        gc.collect()  # connections that are still open close with what held them
        self._let_go_of_lock()
        if rng is not None:
            self._disk.power_cut(rng, share)
        self._disk.revive()

    @property
    def clients(self) -> list[Client]:
        """The two MQTT clients of the process that runs."""
        return list(self._broker.clients.values()) if self.parts else []

    @property
    def problems(self) -> dict[str, str]:
        """What the process says does not move."""
        assert self.parts is not None
        assert self.parts.long is not None
        named = [*((session.name, session) for session in self.parts.sessions)]
        found = {name: session.problem for name, session in named}
        found |= {"store": self.parts.store.problem, "board": self.parts.board.problem}
        found["copy"] = self.parts.long.problem
        found |= dict(self.parts.notifiers.problems())
        return {name: problem for name, problem in found.items() if problem}

    def _note_commits(self, journal: Journal) -> None:
        """Keep the payload of whatever was in a commit that returned."""
        append = journal.append

        def noted(arrivals: Sequence[Usable | Refused]) -> Commit:
            commit = append(arrivals)
            self.journalled.update(arrival.payload for arrival in arrivals)
            return commit

        journal.append = noted  # type: ignore[method-assign]  # looked at on its way

    def _let_go_of_lock(self) -> None:
        """As the kernel does for a process that is no more, however far its parts were built."""
        lock = str(self.config.state_dir / "lock")
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  # numbers, no paths
            with contextlib.suppress(OSError):  # the folder itself was open while it was listed
                if os.readlink(f"/proc/self/fd/{number}") == lock:  # noqa: PTH115  # as above
                    os.close(int(number))

    def _excuse(self, error: Exception) -> None:
        """Raise Stopped where the disk explains the error, else the error itself."""
        if self._disk.is_dead or self._disk.has_failed or self._disk.is_full:
            raise Stopped from error
        raise error

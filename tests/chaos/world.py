"""The world of a round: broker, InfluxDB and daemon as processes, a network between them, loggers under load."""

from __future__ import annotations

import json
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.disk import SmallDisk
from tests.chaos.loggers import RECORDS_PER_S, Fleet
from tests.chaos.proxy import Proxy
from tests.daemon import LIMITS, DaemonProcess
from tests.processes import HOST
from tests.servers import Influxd, Mosquitto, influxd, mosquitto

DATABASE = "chaos"
QUICK_LIMITS = LIMITS.replace("20 s", "1 s")  # a round is too short for a dwell of 20 s
EACH = '[alerts]\nhold_off = "0 s"\n'  # each exceedance is an alert of its own
SMALL_JOURNAL = '[journal]\nreserve = "16 MB"'
RESTART_S = 2.0  # as in deploy/tcm.service
POLL_S = 0.05
LOOK_S = 0.2  # between looks at /readyz
ANSWER_S = 1.0
FRESH_S = 2.5  # a record is younger when it is acknowledged at normal load: one acknowledgement a second, and its way
TERM_S = 10.0  # from SIGTERM to the end


@dataclass
class World:
    """Everything of one round; `tend` does what systemd would."""

    broker: Mosquitto
    influx: Influxd
    to_broker: Proxy  # from the daemon
    to_influx: Proxy
    to_loggers: Proxy  # from the loggers to the broker
    daemon: DaemonProcess
    fleet: Fleet
    disk: SmallDisk | None
    is_frozen: bool = False
    died_s: float = 0.0  # when the daemon ended last
    greens_s: list[float] = field(default_factory=list)  # when /readyz was 200
    ends: list[int] = field(default_factory=list)  # exit statuses of the daemon that nobody asked for
    problems: list[str] = field(default_factory=list)
    _red_from_s: dict[str, float] = field(default_factory=dict)
    _restart_s: float | None = None
    _looked_s: float = 0.0
    _terminated_s: float | None = None
    _is_killed: bool = False

    @property
    def small_disk(self) -> SmallDisk:
        """The disk of a round that has one to fill."""
        assert self.disk is not None
        return self.disk

    def launch(self) -> None:
        """Start the daemon."""
        self.daemon.launch()
        self._restart_s, self._is_killed, self._terminated_s = None, False, None

    def kill_daemon(self) -> None:
        """SIGKILL; systemd starts it again."""
        self._is_killed = True
        if self.daemon.process is not None:
            self.daemon.process.send_signal(signal.SIGKILL)

    def terminate_daemon(self) -> None:
        """SIGTERM; it is started again once it has ended."""
        if self.daemon.process is not None:
            self._terminated_s = time.monotonic()
            self.daemon.process.send_signal(signal.SIGTERM)

    def freeze_daemon(self) -> None:
        """SIGSTOP."""
        if self.daemon.process is not None:
            self.is_frozen = True
            self.daemon.process.send_signal(signal.SIGSTOP)

    def thaw_daemon(self) -> None:
        """SIGCONT."""
        self.is_frozen = False
        if self.daemon.process is not None:
            self.daemon.process.send_signal(signal.SIGCONT)

    def tend(self) -> None:
        """Start the daemon again when it has ended, and note whether it says that it is ready."""
        now_s, process = time.monotonic(), self.daemon.process
        code = None if process is None else process.poll()
        if code is not None and self._restart_s is None:
            self.died_s, self._restart_s = now_s, now_s + RESTART_S
            if not self._is_killed and self._terminated_s is None:
                self.ends.append(code)
        if self._restart_s is not None and now_s >= self._restart_s:
            self.launch()
        if self._terminated_s is not None and now_s - self._terminated_s > TERM_S:
            self.problems.append(f"SIGTERM did not end the daemon within {TERM_S:g} s")
            self.kill_daemon()
            self._terminated_s = None
        if not self.is_frozen and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            if self.get("/readyz")[0] == 200:
                self.greens_s.append(time.monotonic())

    def begin(self, fault: str, red_after_s: float | None) -> None:
        """A fault began that /readyz must show after `red_after_s`, if it lasts so long."""
        if red_after_s is not None:
            self._red_from_s[fault] = time.monotonic() + red_after_s

    def end(self, fault: str) -> None:
        """A fault is about to end: /readyz must not have been green since it had to show it."""
        from_s = self._red_from_s.pop(fault, None)
        if from_s is not None and any(at_s > from_s for at_s in self.greens_s):
            self.problems.append(f"/readyz was 200 during: {fault}")

    def state(self) -> str:
        """What the daemon says of itself, for a person."""
        status = self.get("/api/status")[1] or {}
        told = {key: status.get(key) for key in ("problems", "ingest", "consumers", "gaps", "provisional")}
        held = f"oldest held {self.fleet.oldest_held_s():.1f} s"
        return f"{held}, {told}, exits {self.ends}, log: {self.daemon.log.read_text(errors='replace')[-1500:]}"

    def state_dir(self) -> Path:
        """The daemon's files, once it has ended."""
        state_dir = self.daemon.state_dir
        return state_dir if self.disk is None else self.disk.copy(state_dir.with_name("copy"))

    def finish(self) -> list[str]:
        """End the daemon in order; what was wrong with its exit statuses."""
        began_s = time.monotonic()
        code = self.daemon.stop() if self.daemon.process is not None else None
        took_s = time.monotonic() - began_s
        problems = [f"the daemon ended by itself with status {ended}" for ended in self.ends]
        if code != 0 or took_s > TERM_S:
            problems.append(f"SIGTERM: exit status {code} after {took_s:.1f} s")
        return problems

    def wait(self, is_done: Callable[[], bool], limit_s: float) -> bool:
        """Tend until `is_done`, at most `limit_s`; whether it was."""
        end_s = time.monotonic() + limit_s
        while not is_done():
            if time.monotonic() >= end_s:
                return False
            self.tend()
            time.sleep(POLL_S)
        return True

    def is_recovered(self, ended_s: float) -> bool:
        """Whether what was made before `ended_s` is settled, and since then nothing waits longer than on a good day."""
        if not self.fleet.is_settled_past(ended_s) or self.fleet.oldest_held_s() > FRESH_S:
            return False
        return self.get("/readyz")[0] == 200 and self._is_close(RECORDS_PER_S)

    def is_settled(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.fleet.oldest_held_s() == 0.0 and self._is_close(0) and self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a page; (0, None) when nobody answers at once."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.daemon.port}{path}", timeout=ANSWER_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None

    def _is_close(self, records: float) -> bool:
        status = self.get("/api/status")[1]
        if status is None or status["ingest"]["queue"] > records:
            return False
        awaited = status["gaps"].get("open", 0) + status["gaps"].get("requested", 0)
        backlogs = [status["consumers"][name]["backlog"] for name in ("watch", "store", "notify")]
        is_provisional = awaited or status["provisional"]
        return max(backlogs) <= records and (records > 0 or not is_provisional)


@contextmanager
def world(seed: int, *broker_lines: str, is_disk_small: bool, power_fails_after_s: float | None) -> Iterator[World]:
    """A world whose daemon is ready and whose loggers begin to send; `broker_lines` as `mosquitto` takes them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcm-chaos-")))
        broker = stack.enter_context(mosquitto(*broker_lines))
        influx = stack.enter_context(influxd())
        to_broker, to_loggers = (stack.enter_context(Proxy(broker.port)) for _ in range(2))
        to_influx = stack.enter_context(Proxy(influx.port))
        disk = stack.enter_context(SmallDisk(folder / "var")) if is_disk_small else None
        store = f'kind = "influxdb"\nurl = "http://{HOST}:{to_influx.port}"\ndialect = "v1"\ndatabase = "{DATABASE}"'
        daemon = DaemonProcess(
            folder,
            f"mqtt://{HOST}:{to_broker.port}",
            store,
            limits=QUICK_LIMITS,
            more=EACH + (SMALL_JOURNAL if disk else ""),
            prefix=disk.prefix if disk else (),
        )
        stack.enter_context(daemon).start()  # before the loggers: a broker keeps nothing for a session that never was
        fleet = stack.enter_context(Fleet(to_loggers.port, seed, power_fails_after_s))
        yield World(broker, influx, to_broker, to_influx, to_loggers, daemon, fleet, disk)

"""What the options of `tcm-sim` say: the texts as they were typed, into what a run is made of.

All here raise ValueError, with the option's name in its message, for what cannot be meant, and OSError for a file that
cannot be read.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from firmware_sim import scenario as scenarios
from firmware_sim.clock import MAX_DURATION_S, NS_PER_S, VirtualClock, parse_duration_s, parse_time_ns
from firmware_sim.publish.broker import Broker, parse_broker
from firmware_sim.recorder import Truth
from firmware_sim.runner import Limits
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.model import MAX_SPEED, MIN_SPEED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Course:
    """A scenario, the clock that it happens under, and when it ends."""

    scenario: Scenario
    clock: VirtualClock
    limits: Limits

    @property
    def length_s(self) -> float | None:
        """Its virtual seconds; None: no end."""
        for_s = self.limits.for_s
        return self.scenario.duration if for_s is None else for_s * self.clock.speed


def course(
    scenario: str,
    speed: float | None,
    seed: int | None,
    start: str | None,
    real_start_s: float | None,
    for_: str | None,
    drain: str,
) -> Course:
    """Return the scenario of this name or file as these options change it; None leaves what the scenario says."""
    loaded = scenarios.load(scenario)
    changes = {"seed": seed, "speed": speed}
    loaded = loaded.model_copy(update={key: value for key, value in changes.items() if value is not None})
    if not MIN_SPEED <= loaded.speed <= MAX_SPEED:
        raise ValueError(f"--speed {loaded.speed}: expected a number from {MIN_SPEED:g} to {MAX_SPEED:g}")
    given_ns = None if start is None else read_start_ns(start)
    start_ns = given_ns or loaded.start_ns() or time.time_ns()
    for_s = None if for_ is None else _read("--for", parse_duration_s, for_)
    drain_s = read_drain_s(drain)
    clock = VirtualClock(start_ns, loaded.speed, time.time() if real_start_s is None else real_start_s)
    _check_span(clock, for_s or 0.0, drain_s)
    end_ns = start_ns + round((loaded.duration or MAX_DURATION_S) * NS_PER_S) if for_s is None else None
    return Course(loaded, clock, Limits(for_s, end_ns, drain_s))


def read_start_ns(start: str) -> int:
    """Return ns UTC."""
    return _read("--start", parse_time_ns, start)


def read_drain_s(drain: str) -> float:
    """Return real seconds."""
    return _read("--drain", parse_duration_s, drain)


def broker(
    url: str,
    protocol: str,
    username: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    certificates: Path | None,
) -> Broker:
    """Return how to reach the broker; the password is the first line of its file, which only its owner may read."""
    password = None if password_file is None else _secret(password_file)
    return parse_broker(url, protocol, username, password, ca_file, certificates)


def truth(path: Path | None) -> Truth:
    """Return the truth that goes to `path`; None: nowhere."""
    try:
        return Truth(path)
    except OSError as error:
        why = f"cannot be written ({error.strerror}), expected a folder, or a file in one that exists"
        raise ValueError(f"--truth {path}: {why}") from error


def _read(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_span(clock: VirtualClock, for_s: float, drain_s: float) -> None:
    """Raise ValueError for a run that is, or already was, too long in virtual time for the simulated world."""
    days = MAX_DURATION_S / 86400
    if not abs(time.time() - clock.real_start_s) * clock.speed <= MAX_DURATION_S:  # nor what is no number
        began = f"--real-start {clock.real_start_s:g}"
        raise ValueError(f"{began}: expected Unix seconds, at most {days:.0f} virtual d from now")
    if (for_s + drain_s) * clock.speed > MAX_DURATION_S:
        at = f"at {clock.speed:g} virtual s in a s"
        raise ValueError(f"--for, --drain: expected at most {days:.0f} virtual d in all, {at}")


def _secret(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"--password-file {path}: others can read it; run: chmod 600 {path}")
    return path.read_text(encoding="utf-8").partition("\n")[0]

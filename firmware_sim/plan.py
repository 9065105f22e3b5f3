"""What is going to happen to one logger, in the true time of the simulated world.

    recorder ──► LoggerPlan ──► runner

The recorder makes plans from a scenario; the runner lets them happen to a device, and knows nothing of physics.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from firmware_sim.codec import Env, Shock
from firmware_sim.device import Identity


@dataclass(frozen=True, slots=True)
class Made:
    """A record's content before it is a record: its first and last moment, true ns UTC.

    event: for a shock, the number under which the truth knows what it recorded.
    """

    at_ns: int
    t0_ns: int
    content: Env | Shock
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something done to the device at at_ns.

    kind: "power-off" (value: records torn from the sector being written), "power-on", "arm", "disarm",
    "synchronise" (value: error of the reference in s), "clock-step" (value: s), "flash" (value: capacity in bytes).
    """

    at_ns: int
    kind: Literal["power-off", "power-on", "arm", "disarm", "synchronise", "clock-step", "flash"]
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Fact:
    """Something true that the device has no part in; the truth is told of it when its time has come, not before.

    content: what there is to tell. event: of a shock that a record is going to show, that record's `Made.event`.
    """

    at_ns: int
    kind: Literal["shock", "fault"]
    content: Mapping[str, Any]
    event: int | None = None


Happening = Made | Action | Fact


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of true time in ns; share: of the messages it concerns, from 0 to 1."""

    begin_ns: int
    end_ns: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """What the way to the broker does to a logger's messages, and when the logger uses it.

    down: no network; refused: the broker refuses the connection. duplicated, reordered, corrupted: messages that are
    sent twice, sent after their successor, or have a byte changed on the way, by chance of the span's share.
    report_every_ns: the radio is switched on at multiples of this for report_for_ns (0: it is always on).
    """

    down: tuple[Span, ...] = ()
    refused: tuple[Span, ...] = ()
    duplicated: tuple[Span, ...] = ()
    reordered: tuple[Span, ...] = ()
    corrupted: tuple[Span, ...] = ()
    report_every_ns: int = 0
    report_for_ns: int = 0


@dataclass(frozen=True, slots=True)
class LoggerPlan:
    """One logger: who it is, when it is first switched on, and what happens to it, in the order of at_ns.

    drift_ppm and has_rtc are its oscillator's.
    """

    identity: Identity
    boot_ns: int
    happenings: Iterator[Happening]
    link: LinkPlan = LinkPlan()
    drift_ppm: float = 0.0
    has_rtc: bool = True

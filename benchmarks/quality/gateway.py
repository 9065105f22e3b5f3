"""The monitor under test: intake and journal at virtual time, replay for the alerts. No other file knows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.link import Published
from monitor.config import IngestSettings, Rules, load_profile
from monitor.config.alerting import AlertSettings
from monitor.ingest import Inbox, Intake
from monitor.ingest.inbox import Delivery
from monitor.journal import Journal
from monitor.model.errors import WireError
from monitor.model.leg import Consignment, Container
from monitor.model.limit import Profile
from monitor.model.record import Env, Shock
from monitor.replaying import replay_source
from monitor.wire import decode

TICK_NS = 60_000_000_000  # the longest time between two ticks that counts as passed
MAX_WAITING = 500  # deliveries between two commits, as live
CUSTODIAN = "carrier"
UNITS = {
    "temperature": "K",
    "humidity": "%",
    "pressure": "Pa",
    "differential": "Pa",
    "acceleration": "g",
    "light": "lx",
}

Key = tuple[str, int, int]  # logger, boot, seq


@dataclass
class VirtualClock:
    """The clock of the gateway: stands where it is put."""

    at_ns: int

    def now_ns(self) -> int:
        """Calendar time, ns UTC."""
        return self.at_ns

    def mono_ns(self) -> int:
        """Steady time, ns."""
        return self.at_ns


class _Link:
    """The gateway's own link to the broker, which does not fail here: outages are those of the loggers."""

    is_connected = True
    generation = 1


class Gateway:
    """Intake and journal on a folder; `step` takes what has come by a time and makes the tick that is due."""

    def __init__(self, folder: Path, rules: Rules, now_ns: int, publish: Callable[[str, bytes], None]) -> None:
        self._clock = VirtualClock(now_ns)
        self._journal = Journal(folder)
        self._journal.append_own("config", now_ns, rules.to_json())
        self._inbox = Inbox()
        self._intake = Intake(self._journal, self._inbox, self._clock, publish, (_Link(),))

    def step(self, now_ns: int, published: Sequence[Published]) -> None:
        """Journal what was published, in order of time, and let time pass to now_ns, tick by tick."""
        for begin in range(0, len(published), MAX_WAITING):
            for at_ns, message in published[begin : begin + MAX_WAITING]:
                is_fill = "/up/fill/" in message.topic
                delivery = Delivery(at_ns, message.topic, message.payload, False, not is_fill, _nothing)
                self._inbox.put(delivery, is_fill=is_fill)
            while len(self._inbox):
                self._intake.step()
        while self._clock.at_ns < now_ns:
            self._clock.at_ns = min(self._clock.at_ns + TICK_NS, now_ns)
            self._intake.step()

    def close(self) -> None:
        """Give the journal back."""
        self._journal.close()


def _nothing() -> None:
    """Nobody has to be told."""


def _profile_of(paths: Iterable[Path]) -> Profile:
    """One profile of all rules in several limits files; ConfigProblems when one cannot be used."""
    first, *others = [load_profile(path) for path in paths]
    return Profile.model_construct(
        name=first.name, title=first.title, rule=(*first.rule, *(rule for profile in others for rule in profile.rule))
    )


def rules_for(told: Mapping[str, Any], limits: Sequence[Path]) -> Rules:
    """The configuration that an operator would have written for a scenario: `told` is the truth's scenario.json."""
    profile = _profile_of(limits)
    containers, consignments = {}, {}
    for name in sorted({logger["container"] for logger in told["loggers"]}):
        loggers = [logger for logger in told["loggers"] if logger["container"] == name and "instance" not in logger]
        content = {
            "id": name,
            "consignment": name,
            "limits": profile.name,
            "logger": [_logger(logger) for logger in loggers],
        }
        containers[name] = Container.model_validate(content)
        legs = [leg for leg in told["legs"] if leg["container"] == name]
        consignments[name] = Consignment.model_validate(
            {"id": name, "parties": [{"id": CUSTODIAN, "title": CUSTODIAN}], "leg": [_leg(leg) for leg in legs]}
        )
    return Rules.model_construct(
        ingest=IngestSettings(default_limits=profile.name),
        alerts=AlertSettings.model_validate({"hold_off": "0 s"}),  # what is scored is each exceedance
        profiles={profile.name: profile},
        containers=containers,
        consignments=consignments,
    )


def _logger(told: Mapping[str, Any]) -> dict[str, Any]:
    rotations = [part["rotation"] for part in told["accelerometers"].values()]
    registered = {"rotation": rotations[0]} if rotations else {}
    calibration = {
        channel: {"accuracy": f"{sensor['accuracy']:g} {UNITS[channel.partition('.')[0]]}"}
        for channel, sensor in told["sensors"].items()
    }
    return {"id": told["logger"], "serial": told["serial"], "calibration": calibration} | registered


def _leg(told: Mapping[str, Any]) -> dict[str, Any]:
    times = {"planned_start": told["begin"], "planned_end": told["end"]}
    return {"id": told["leg"], "phase": told["phase"], "custodian": CUSTODIAN} | times


def alerts_of(folder: Path) -> list[dict[str, Any]]:
    """All alerts that the journal in `folder` leads to, as the monitor publishes them."""
    alerts: list[dict[str, Any]] = replay_source(folder, None, lambda _done, _total: None)["alerts"]
    return alerts


def journalled(folder: Path) -> list[tuple[Key, str, int, bytes]]:
    """Every env and shock record in the journal: key, topic, receipt (ns) and payload, in its order."""
    with closing(sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True)) as connection:
        statement = "SELECT logger, boot, seq, topic, received_ns, payload FROM records WHERE seq IS NOT NULL"
        rows = connection.execute(f"{statement} ORDER BY pos").fetchall()
    return [
        ((logger, boot, seq), topic, received_ns, payload) for logger, boot, seq, topic, received_ns, payload in rows
    ]


def content_of(topic: str, payload: bytes) -> bytes | None:
    """What a record tells, as bytes to be compared: time and values; None where it cannot be read."""
    try:
        message = decode(topic.rpartition("/")[2], payload)
    except WireError:
        return None
    layout: tuple[object, ...]
    if isinstance(message, Env):
        values, layout = np.ascontiguousarray(message.values).tobytes(), (message.interval_ns, message.channels)
    elif isinstance(message, Shock):
        values, layout = np.ascontiguousarray(message.counts).tobytes(), (message.fs_hz, message.pre)
    else:
        return None
    stamp = message.stamp
    return json.dumps([stamp.t0_ns, stamp.mono_ns, stamp.clk, layout]).encode() + values

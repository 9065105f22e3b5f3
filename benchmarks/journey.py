"""A long journey's journal, written by the journal's own writer without a broker in between: what a replay judges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import REPOSITORY
from benchmarks.load import READING_NS, READINGS, messages
from firmware_sim.codec import Stamp, Status, encode_status
from monitor.config import load_config
from monitor.journal import Journal
from monitor.journal.arrival import Usable
from monitor.journal.retention import TICK_S
from monitor.model.clock import NS_PER_S
from monitor.wire import decode, parse_topic

RECORD_NS = READINGS * READING_NS
TICK_NS = TICK_S * NS_PER_S
DAY_RECORDS = 24 * 3600 // READINGS  # of one logger
DELAY_NS = NS_PER_S // 2  # from a record's last reading to its receipt


class Journey(NamedTuple):
    """So many days at 1 Hz of so many loggers, `in_container` of them in each container but the last."""

    days: int
    loggers: int
    in_container: int

    @property
    def records(self) -> int:
        """Of all loggers, a minute of readings each."""
        return self.days * DAY_RECORDS * self.loggers


def write_journey(folder: Path, journey: Journey) -> Path:
    """Write the journal as a daemon has it that missed nothing; returns its state directory.

    Each logger sends once a minute, one after the other, and every 10 s there is a tick between them.
    """
    state_dir = folder / "state"
    state_dir.mkdir(parents=True)
    arrivals = _arrivals(journey)
    first = list(islice(arrivals, journey.loggers))
    began_ns = tick_ns = first[0].received_ns
    journal = Journal(state_dir)
    journal.connection.execute("PRAGMA synchronous=OFF")  # nobody is told that anything is safe
    journal.append_own("config", began_ns, _rules(folder, first))
    journal.append([_birth(arrival) for arrival in first])
    for arrival in chain(first, arrivals):
        while arrival.received_ns > tick_ns:
            journal.append_tick(tick_ns, tick_ns - began_ns, _tick(tick_ns - began_ns))
            tick_ns += TICK_NS
        journal.append([arrival])
    journal.close()
    return state_dir


def _arrivals(journey: Journey) -> Iterator[Usable]:
    for turn, (topic, payload) in enumerate(messages(journey.records, journey.loggers)):
        number, place = turn % journey.loggers, parse_topic(topic)
        container = f"C-{number // journey.in_container + 1:03d}"
        message = decode("env", payload)
        at_ns = message.stamp.t0_ns + RECORD_NS + DELAY_NS + number * RECORD_NS // journey.loggers
        topic = topic.replace(place.container, container)
        yield Usable(at_ns, topic, payload, False, True, container, place.logger, "env", message)


def _birth(first: Usable) -> Usable:
    """What the logger said just before its first record."""
    assert first.message is not None  # as it decodes
    stamp = first.message.stamp
    said = Status("online", serial=f"SN-{first.logger}", next_seq=0, held=[], interval_us=READING_NS // 1_000)
    payload = encode_status(Stamp(stamp.boot, stamp.t0_ns, stamp.mono_ns), said)
    topic, message = first.topic.replace("/env", "/status"), decode("status", payload)
    return replace(first, topic=topic, payload=payload, kind="status", message=message)


def _rules(folder: Path, first: list[Usable]) -> bytes:
    """Every logger registered, all under the example profile."""
    (folder / "containers").mkdir()
    for container in {arrival.container for arrival in first}:
        text = f'id = "{container}"\nlimits = "flight-hardware"\n'
        loggers = [arrival.logger for arrival in first if arrival.container == container]
        text += "".join(f'[[logger]]\nid = "{logger}"\n' for logger in loggers)
        (folder / "containers" / f"{container}.toml").write_text(text)
    file = folder / "monitor.toml"
    limits = json.dumps(str(REPOSITORY / "config" / "limits"))
    file.write_text(f'state_dir = "state"\nlimits = {limits}\n[mqtt]\nurl = "mqtt://127.0.0.1"\n')
    return load_config(file).rules.to_json()


def _tick(mono_ns: int) -> bytes:
    """As the intake writes it."""
    said = {"mono_ns": mono_ns, "connected": True, "queue": 0, "quarantined": 0, "open": []}
    return json.dumps(said).encode()

"""What is left behind, held against what the loggers made: by plain loops, without the program's own code."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_sim.codec import Env
from firmware_sim.device import Fate
from tests.chaos.loggers import CHANNELS, FS_HZ, INTERVAL_NS, KNOCK_SAMPLES, ROWS, SCALE_G, Note
from tests.chaos.world import DATABASE
from tests.commands import tcm
from tests.daemon import read_rows
from tests.influx import influx_rows
from tests.servers import Influxd

ABOVE, CLEAR, DWELL_NS, KNOCK_G = 25.0, 24.0, 1_000_000_000, 2.0  # as in the limits of the world
GAP_NS = 2.5 * INTERVAL_NS
Key = tuple[str, str, str, int | None, int | None]  # rule, logger, channel, occurred, cleared
Series = list[tuple[int, float]]
Identity = tuple[str, int, int]  # logger, boot, seq


@dataclass
class Evidence:
    """Counts of what must be zero, and a sentence for each."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    alerts: int = 0
    alerts_missed: int = 0
    alerts_doubled: int = 0
    problems: list[str] = field(default_factory=list)

    def say(self, what: str, found: Iterable[object]) -> int:
        """Note a problem with its first examples; how many there are."""
        examples = list(found)
        if examples:
            self.problems.append(f"{len(examples)} {what}: {', '.join(map(str, examples[:3]))}")
        return len(examples)


def examine(state_dir: Path, notes: list[Note], influx: Influxd, listed: list[dict[str, Any]]) -> Evidence:
    """Everything that can be seen once the daemon has ended; `listed` are the alerts that it showed last."""
    evidence = Evidence(acknowledged=sum(note.fate is Fate.ACKNOWLEDGED for note in notes))
    stored = _check_records(evidence, state_dir, notes)
    _check_chain(evidence, state_dir)
    kept = [note for note in notes if _identity(note) in stored]
    _check_influx(evidence, influx, kept)
    _check_alerts(evidence, state_dir, kept, listed)
    return evidence


def _identity(note: Note) -> Identity:
    return note.logger, note.record.boot, note.record.seq


def _check_records(evidence: Evidence, state_dir: Path, notes: list[Note]) -> set[Identity]:
    """Each settled record is stored once, byte for byte, or kept in quarantine, or declared lost."""
    file = state_dir / "journal.db"
    rows = read_rows(file, "SELECT logger, boot, seq, payload FROM records WHERE seq IS NOT NULL")
    count = Counter((logger, boot, seq) for logger, boot, seq, _ in rows)
    payloads = {(logger, boot, seq): payload for logger, boot, seq, payload in rows}
    quarantine = {payload for (payload,) in read_rows(file, "SELECT payload FROM quarantine")}
    declared = read_rows(file, 'SELECT logger, boot, "from", "to", state FROM gaps')
    made = {_identity(note): note for note in notes}
    settled = [key for key, note in made.items() if note.fate is Fate.ACKNOWLEDGED]
    missing = [key for key in settled if payloads.get(key) != made[key].record.payload]
    missing = [key for key in missing if made[key].record.payload not in quarantine and not _is_lost(key, declared)]
    evidence.lost += evidence.say("settled records are nowhere", missing)
    evidence.doubled += evidence.say("records are there twice", [key for key, n in count.items() if n > 1])
    evidence.doubled += evidence.say("records that nobody made", [key for key in payloads if key not in made])
    evidence.say("records in quarantine", quarantine)
    evidence.say("records held to the end", [key for key, note in made.items() if note.fate is Fate.HELD])
    wrong = [key for key in settled if _is_lost(key, declared) and key in payloads]
    evidence.say("stored records are declared lost", wrong)
    # What a logger still had was never lost: only what the power cut tore may be declared so.
    evidence.lost += evidence.say("settled records are declared lost", [k for k in settled if _is_lost(k, declared)])
    return set(payloads)


def _is_lost(key: Identity, declared: list[tuple[str, int, int, int, str]]) -> bool:
    logger, boot, seq = key
    return any(
        (at, of) == (logger, boot) and first <= seq <= last and state == "lost"
        for at, of, first, last, state in declared
    )


def _check_chain(evidence: Evidence, state_dir: Path) -> None:
    """The hash chains hold, computed as the documentation says."""
    tables = {
        "records": ("pos", "received_ns", "container", "logger", "boot", "seq", "kind", "topic", "payload"),
        "quarantine": ("pos", "received_ns", "topic", "payload", "reason"),
    }
    for table, columns in tables.items():
        chain, broken = bytes(32), []
        statement = f"SELECT {', '.join(columns)}, digest, chain FROM {table} ORDER BY pos"
        for *values, digest, link in read_rows(state_dir / "journal.db", statement):
            hashed = hashlib.sha256(b"".join(map(_field, values))).digest()
            chain = hashlib.sha256(chain + hashed).digest()
            if (digest, link) != (hashed, chain):
                broken.append(values[0])
        evidence.say(f"broken links in {table}", broken)


def _field(value: int | str | bytes | None) -> bytes:
    if value is None:
        return struct.pack(">I", 0)
    data = struct.pack(">Q", value) if isinstance(value, int) else value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data


def _check_influx(evidence: Evidence, influx: Influxd, kept: list[Note]) -> None:
    """InfluxDB holds each reading and each sample of the journal once, with its value."""
    for logger in sorted({note.logger for note in kept}):
        own = [note for note in kept if note.logger == logger]
        for column, field_name in enumerate(("temperature_hardware_c", "humidity_air_pct")):
            rows = influx_rows(influx, DATABASE, f"SELECT {field_name} FROM env WHERE logger = '{logger}'")
            found: Series = [(at, float(np.float32(value))) for at, value in rows]
            expected = _readings(own, column)
            evidence.say(f"readings of {logger} are not in InfluxDB", set(expected) - set(found))
            evidence.doubled += evidence.say(f"points of {logger} too many", set(found) - set(expected))
        events = sum(note.record.kind == "shock" for note in own)
        _check_count(evidence, influx, logger, "shock_wave", "x_g", events * KNOCK_SAMPLES)
        _check_count(evidence, influx, logger, "shock", "peak_g", events)


def _check_count(evidence: Evidence, influx: Influxd, logger: str, measurement: str, column: str, count: int) -> None:
    rows = influx_rows(influx, DATABASE, f"SELECT count({column}) FROM {measurement} WHERE logger = '{logger}'")
    points = sum(n for _, n in rows)
    if points != count:
        evidence.doubled += max(points - count, 0)
        evidence.problems.append(f"{points} points of {measurement} of {logger}, expected {count}")


def _readings(notes: list[Note], column: int = 0) -> Series:
    return sorted(
        (note.record.t0_ns + row * INTERVAL_NS, float(note.content.x[row, column]))
        for note in notes
        if isinstance(note.content, Env)
        for row in range(ROWS)
    )


def _check_alerts(evidence: Evidence, state_dir: Path, kept: list[Note], listed: list[dict[str, Any]]) -> None:
    """The alerts are those of a plain loop over what is stored, and those of `tcm replay --ordered`."""
    expected = Counter(key for logger in {note.logger for note in kept} for key in _expected(logger, kept))
    shown = Counter(map(_key, _published(listed)))
    evidence.alerts = expected.total()
    evidence.alerts_missed += evidence.say("alerts are missing", (expected - shown).elements())
    evidence.alerts_doubled += evidence.say("alerts too many", (shown - expected).elements())
    done = tcm("replay", str(state_dir), "--ordered", "--json")
    replayed = Counter(map(_key, _published(json.loads(done.stdout)["alerts"])))
    evidence.say("alerts of the replay are missing", (replayed - shown).elements())
    evidence.say("alerts are not in the replay", (shown - replayed).elements())
    numbers = read_rows(state_dir / "watch.db", "SELECT alert_id, state FROM transitions")
    evidence.say("transitions are there twice", [row for row, n in Counter(numbers).items() if n > 1])


def _published(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["merged_into"] is None and alert["rule"] in ("hot", "knock")]


def _key(alert: dict[str, Any]) -> Key:
    occurred, cleared = (None if alert[k] is None else _ns(alert[k]) for k in ("occurred_at", "cleared_at"))
    return alert["rule"], alert["logger"], alert["channel"], occurred, cleared


def _ns(text: str) -> int:
    return int(np.datetime64(text.rstrip("Z"), "ns").astype(np.int64))


def _expected(logger: str, kept: list[Note]) -> Iterator[Key]:
    """The definitions as a plain loop."""
    own = [note for note in kept if note.logger == logger]
    yield from _spells(logger, _readings(own))
    for note in own:
        if not isinstance(note.content, Env):
            x_g, y_g, z_g = note.content.counts * SCALE_G
            beyond = np.flatnonzero(np.sqrt(x_g**2 + y_g**2 + (z_g - 1.0) ** 2).astype(np.float32) > KNOCK_G)
            if beyond.size:
                first_ns, last_ns = (note.record.t0_ns + _sample_ns(i) for i in (int(beyond[0]), KNOCK_SAMPLES - 1))
                yield "knock", logger, "shock.a", first_ns, last_ns


def _sample_ns(number: int) -> int:
    return round(number * 1e9 / FS_HZ)


def _spells(logger: str, readings: Series) -> Iterator[Key]:
    since, firing, last_ns = None, False, 0
    for time_ns, value in readings:
        if firing:
            if value <= CLEAR:
                yield "hot", logger, CHANNELS[0], since, time_ns
                since, firing = None, False
        elif value <= ABOVE:
            since = None
        else:
            if since is None or time_ns - last_ns > GAP_NS:
                since = time_ns
            firing = time_ns - since >= DWELL_NS
        last_ns = time_ns
    if firing:
        yield "hot", logger, CHANNELS[0], since, None

"""The load of the benchmarks: the same readings as records for the daemon and as bodies for InfluxDB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_sim.codec import Env, Stamp, encode_env

LOGGERS = 20
LOGGERS_IN_CONTAINER = 5
READINGS = 60  # of a record: one a second, sent once a minute
READING_NS = 1_000_000_000
BODY_LINES = 5_000
BLOCKS = 1_000  # different ones of a load that is made as it is taken
SEED = 1
# Middle and noise of each channel: inside every limit of the example profile by five times the noise or more.
CHANNELS = {
    "temperature.hardware": (20.0, 0.5),
    "temperature.air": (21.0, 0.7),
    "humidity.air": (40.0, 1.0),
    "pressure.inside": (101_325.0, 50.0),
}
FIELDS = ("temperature_hardware_c", "temperature_air_c", "humidity_air_pct", "pressure_inside_pa")


@dataclass(frozen=True)
class Load:
    """`messages` are (topic, payload) in the order of sending, `bodies` line protocol of the same readings."""

    messages: list[tuple[str, bytes]]
    bodies: list[bytes]

    @property
    def points(self) -> int:
        """One for each reading."""
        return len(self.messages) * READINGS


def messages(records: int, loggers: int) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of as many records as asked for, made when they are taken: memory does not grow with them."""
    blocks = list(_blocks(BLOCKS))
    start_ns = time.time_ns() - (records // loggers + 1) * READINGS * READING_NS  # the last readings are of now
    for turn in range(records):
        seq, number = divmod(turn, loggers)
        yield _message(number, seq, start_ns, blocks[turn % BLOCKS])


def back_fill(records: int, loggers: int) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) after a break: a live record of each logger, then as many earlier ones of each, by turns."""
    blocks = list(_blocks(BLOCKS))
    start_ns = time.time_ns() - (records + 1) * READINGS * READING_NS
    for turn in range(loggers * (records + 1)):
        seq, number = divmod(turn, loggers)
        topic, payload = _message(number, seq - 1 if seq else records, start_ns, blocks[turn % BLOCKS])
        yield topic.replace("/up/", "/up/fill/") if seq else topic, payload


def make_load(records: int) -> Load:
    """Loggers by turns, each with a boot of its own whose seq starts at 0 and of which it still holds everything."""
    sent: list[tuple[str, bytes]] = []
    lines: list[str] = []
    start_ns = time.time_ns() - (records // LOGGERS + 1) * READINGS * READING_NS  # the last readings are of now
    for turn, values in enumerate(_blocks(records)):
        seq, number = divmod(turn, LOGGERS)
        sent.append(_message(number, seq, start_ns, values))
        lines += _lines(number, start_ns + seq * READINGS * READING_NS, values)
    bodies = ["".join(lines[start : start + BODY_LINES]).encode() for start in range(0, len(lines), BODY_LINES)]
    return Load(sent, bodies)


def write_containers(folder: Path, loggers: int = LOGGERS) -> None:
    """Register every logger of the load, in the way of the example configuration."""
    for first in range(0, loggers, LOGGERS_IN_CONTAINER):
        container = _container(first)
        text = f'id = "{container}"\nlimits = "flight-hardware"\n'
        for number in range(first, min(first + LOGGERS_IN_CONTAINER, loggers)):
            text += f'\n[[logger]]\nid = "{_logger(number)}"\nserial = "SN-{number:04d}"\n'
        (folder / f"{container}.toml").write_text(text)


def _message(number: int, seq: int, start_ns: int, values: NDArray[np.float32]) -> tuple[str, bytes]:
    mono_ns = seq * READINGS * READING_NS
    stamp = Stamp(boot=1_000 + number, t0_ns=start_ns + mono_ns, mono_ns=mono_ns)
    env = Env(tuple(CHANNELS), READING_NS // 1_000, values)
    payload = encode_env(stamp, seq, oldest=0, overrun=0, env=env)
    return f"tcm/v1/{_container(number)}/{_logger(number)}/up/env", payload


def _blocks(records: int) -> Iterator[NDArray[np.float32]]:
    random = np.random.default_rng(SEED)
    middle, noise = np.array(list(CHANNELS.values())).T
    for _ in range(records):
        deviation = np.clip(random.standard_normal((READINGS, len(CHANNELS))), -4.0, 4.0)
        yield (middle + noise * deviation).astype(np.float32)


def _lines(number: int, t0_ns: int, values: NDArray[np.float32]) -> list[str]:
    pairs = ",".join(f"{field}=%.9g" for field in FIELDS)
    line = f"env,container={_container(number)},logger={_logger(number)} {pairs} %d\n"
    return [line % (*row, t0_ns + index * READING_NS) for index, row in enumerate(values.tolist())]


def _container(number: int) -> str:
    return f"C-{number // LOGGERS_IN_CONTAINER + 1:03d}"


def _logger(number: int) -> str:
    return f"L-{number + 1:02d}"

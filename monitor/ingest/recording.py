"""Recordings of real loggers in enDAQ's CSV form, as the records that would carry them.

environment.csv       t_s,quantity,unit,value         one row a value; 1.007141,pressure_ch36,Pa,100634.00
accel_<name>.csv[.gz] "# nominal sample rate N Hz", then t_s,x_g,y_g,z_g
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.ingest.acceleration import MAX_TIME_S, parse_acceleration, sensor_of
from monitor.ingest.csv_text import text_of
from monitor.model.channel import field_name
from monitor.model.errors import TcmError
from monitor.wire.cbor import MAX_SAMPLES
from monitor.wire.encode import encode_env, encode_shock

BLOCK_ROWS = 60
BASELINE_S = 0.1  # the stretch that definitions take the static vector from
TRIGGER_G = 2.0  # these loggers record without a trigger; the wire needs one, so that a baseline lies before it
QUANTITIES = {
    "pressure": ("pressure", "Pa"),
    "temperature": ("temperature", "°C", "degC"),
    "relative_humidity": ("humidity", "RH"),
}
RANGES_G = (16.0, 25.0, 40.0, 100.0, 200.0, 500.0, 2000.0)
GRID_TOLERANCE_G = 5.1e-6  # the files print five decimals
HEADER = "t_s,quantity,unit,value"


@dataclass(frozen=True, slots=True)
class Piece:
    """A record to be: `t0_us` of its first reading after the recording began, and the keys of its encoder."""

    kind: str
    t0_us: int
    size: int
    content: dict[str, Any]


def read_recording(path: Path) -> list[Piece]:
    """The pieces of a file, or of all files of a folder, in order of time; TcmError says what was expected where."""
    files = sorted(p for p in path.iterdir() if re.search(r"\.csv(\.gz)?$", p.name)) if path.is_dir() else [path]
    if not files:
        raise TcmError("read recording", str(path), "expected environment.csv or accel_<name>.csv.gz in the folder")
    try:
        pieces = [piece for file in files for piece in parse_recording(file.name, file.read_bytes())]
    except OSError as error:
        raise TcmError("read recording", str(path), str(error)) from None
    return sorted(pieces, key=lambda piece: piece.t0_us)


def parse_recording(name: str, content: bytes) -> list[Piece]:
    """The pieces of one file by its header; `name` gives the accelerometer's name and the place in errors."""
    lines = text_of(name, content).splitlines()
    if lines and lines[0].startswith("#"):
        return list(_acceleration(name, lines))
    if lines and lines[0].strip() == HEADER:
        return list(_environment(name, lines[1:]))
    raise TcmError(
        "read recording", f"{name}:1", f"expected the line {HEADER!r} or '# nominal sample rate <number> Hz'"
    )


def payloads(pieces: list[Piece], container: str, logger: str, start_ns: int) -> Iterator[tuple[str, int, int, bytes]]:
    """(kind, boot, seq, CBOR) of each piece, the recording beginning at `start_ns`.

    `boot` derives from all that makes a record (52 bits of SHA-256), so importing the same file twice adds nothing.
    """
    key = hashlib.sha256(f"{container}\n{logger}\n{start_ns}".encode())
    for piece in pieces:
        arrays = (value for value in piece.content.values() if isinstance(value, np.ndarray))
        key.update(f"{piece.kind} {piece.t0_us}".encode() + b"".join(array.tobytes() for array in arrays))
    boot = int.from_bytes(key.digest()[:8], "big") >> 12
    for seq, piece in enumerate(pieces):
        encode = encode_env if piece.kind == "env" else encode_shock
        yield piece.kind, boot, seq, encode(boot, seq, start_ns + piece.t0_us * 1000, **piece.content)


def _environment(name: str, lines: list[str]) -> Iterator[Piece]:
    """Blocks of readings; values of one time share a row, NaN where a channel has none."""
    rows: dict[int, dict[str, float]] = {}
    for number, line in enumerate(lines, start=2):
        try:
            time_us, channel, value = _reading(line)
        except (KeyError, ValueError) as error:
            cause = f"expected {HEADER} with one of {', '.join(QUANTITIES)} and _<place>: {error}"
            raise TcmError("read recording", f"{name}:{number}", cause) from None
        rows.setdefault(time_us, {})[channel] = value
    channels = tuple(dict.fromkeys(channel for row in rows.values() for channel in row))
    times_us = np.array(sorted(rows), dtype=np.int64)
    values = np.array([[rows[t].get(c, np.nan) for c in channels] for t in times_us.tolist()], dtype=np.float32)
    for first in range(0, len(times_us), BLOCK_ROWS):
        block_us, block = times_us[first : first + BLOCK_ROWS], values[first : first + BLOCK_ROWS]
        content = {"offsets_us": block_us - block_us[0], "channels": channels, "values": block}
        yield Piece("env", int(block_us[0]), len(block_us), content)


def _reading(line: str) -> tuple[int, str, float]:
    """Time in us, channel and value of a line of environment.csv; KeyError or ValueError says what is wrong."""
    time_s, label, unit, text = line.split(",")
    quantity, _, place = label.rpartition("_")
    known, *units = QUANTITIES[quantity]
    channel, value = f"{known}.{place.lower()}", float(text)
    if unit not in units:
        raise ValueError(f"unit {unit!r}, expected {units[0]!r}")
    if field_name(channel) is None or not math.isfinite(value):
        raise ValueError(f"{label} {text}, expected a place of letters and digits and a finite value")
    if not 0 <= float(time_s) <= MAX_TIME_S:
        raise ValueError(f"{time_s} s, expected seconds since the recording began")
    return round(float(time_s) * 1e6), channel, value


def _acceleration(name: str, lines: list[str]) -> Iterator[Piece]:
    """The file as one event, or as several of at most MAX_SAMPLES samples."""
    fs_hz, table = parse_acceleration(name, lines)
    wave_g = np.ascontiguousarray(table[:, 1:].T)
    scale, counts = _counts(wave_g)
    range_g = next((r for r in RANGES_G if np.abs(wave_g).max() <= r), float(np.abs(wave_g).max()))
    for first in range(0, wave_g.shape[1], MAX_SAMPLES):
        part = slice(first, first + MAX_SAMPLES)
        content = {
            "fs_hz": fs_hz,
            "pre": _trigger(wave_g[:, part], fs_hz),
            "scale": scale,
            "range_g": range_g,
            "counts": counts[:, part],
            "accelerometer": sensor_of(name),
            "level_g": TRIGGER_G,
        }
        yield Piece("shock", round((table[0, 0] + first / fs_hz) * 1e6), counts[:, part].shape[1], content)


def _counts(wave_g: NDArray[np.float64]) -> tuple[tuple[float, float, float], NDArray[np.int16]]:
    """g a count of each axis, and int16 counts: the sensor's own grid where the values lie on one, else max / 32766."""
    peak_g = float(np.abs(wave_g).max())
    for step_g in sorted({r / 2.0**bits for r in RANGES_G for bits in range(7, 16)}, reverse=True):
        counts = np.round(wave_g / step_g)
        is_coarse = step_g > 40 * GRID_TOLERANCE_G  # on a finer grid any value would lie
        if is_coarse and peak_g < 32_767 * step_g and np.abs(counts * step_g - wave_g).max() <= GRID_TOLERANCE_G:
            return (step_g, step_g, step_g), counts.astype(np.int16)
    scale = np.maximum(np.abs(wave_g).max(axis=1), 1e-6) / 32_766  # a count at the rail would have lost what lay beyond
    x_g, y_g, z_g = scale.tolist()
    return (x_g, y_g, z_g), np.round(wave_g / scale[:, None]).astype(np.int16)


def _trigger(wave_g: NDArray[np.float64], fs_hz: float) -> int:
    """Samples before the first departure from rest by TRIGGER_G, behind a first 0.1 s that is rest by definition.

    Without such a departure: those before the greatest one.
    """
    width = round(BASELINE_S * fs_hz)
    departure_g = np.sqrt(((wave_g - np.median(wave_g[:, : max(width, 1)], axis=1, keepdims=True)) ** 2).sum(axis=0))
    departure_g[:width] = 0.0
    beyond = departure_g > TRIGGER_G
    return int(beyond.argmax() if beyond.any() else departure_g.argmax())

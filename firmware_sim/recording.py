"""A folder with a recording of a real logger, as the records that this logger would have sent.

environment.csv        t_s, quantity, unit, value; one row for each value, e.g. 1.007141,pressure_ch36,Pa,100634.00
accel_<acc>.csv.gz     "# nominal sample rate 3071.843 Hz", then t_s, x_g, y_g, z_g
"""

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_sim.codec import Env, Shock
from firmware_sim.device import Identity

F64 = NDArray[np.float64]
QUANTITIES = {"pressure": "pressure", "temperature": "temperature", "relative_humidity": "humidity"}
UNITS = {"pressure": "Pa", "temperature": "°C", "relative_humidity": "RH"}
BLOCK_ROWS = 60
MAX_EVENT_SAMPLES = 170_000  # in one shock record, by the wire format
MAX_FILE_BYTES = 256 * 2**20  # unpacked
RANGES_G = (16.0, 25.0, 40.0, 100.0, 200.0, 500.0, 2000.0)
CONVERTER_BITS = range(8, 17)
FILE_ROUNDING_G = 5.1e-6  # half of the fifth decimal, in which the files are printed, and float rounding
LEVEL_G = 2.0
BASELINE_S = 0.1


class RecordingError(ValueError):
    """A recording that cannot be used: file, line or column, what was expected."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One record to be made: its content, its first reading or sample and its end, in us since the recording began."""

    t0_us: int
    end_us: int
    content: Env | Shock


def read(folder: Path) -> list[Piece]:
    """Return everything in the folder as pieces in the order in which the logger would have made them.

    Raise RecordingError if a file cannot be read, and if there is none.
    """
    pieces: list[Piece] = []
    environment = folder / "environment.csv"
    accelerations = sorted(folder.glob("accel_*.csv.gz"))
    if not environment.is_file() and not accelerations:
        raise RecordingError(f"{folder}: expected a folder with environment.csv or accel_<name>.csv.gz")
    if environment.is_file():
        pieces += read_environment(environment)
    for path in accelerations:
        pieces += read_acceleration(path)
    return sorted(pieces, key=lambda piece: (piece.end_us, piece.t0_us))


def read_environment(path: Path) -> list[Piece]:
    """Return blocks of at most BLOCK_ROWS rows; values with equal times share a row, NaN where there is none."""
    rows: dict[int, dict[str, float]] = {}
    channels: dict[str, None] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                t_us, channel, value = _parse_row(row)
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(f"{path}:{number}: expected t_s,quantity,unit,value: {error}") from error
            channels[channel] = None
            rows.setdefault(t_us, {})[channel] = value
    times_us = np.array(sorted(rows), dtype=np.int64)
    x = np.array([[rows[t].get(channel, np.nan) for channel in channels] for t in sorted(rows)], dtype=np.float32)
    pieces = []
    for first in range(0, len(times_us), BLOCK_ROWS):
        block_us = times_us[first : first + BLOCK_ROWS]
        env = Env(tuple(channels), block_us - block_us[0], x[first : first + BLOCK_ROWS])
        pieces.append(Piece(int(block_us[0]), int(block_us[-1]), env))
    return pieces


def recording_identity(pieces: Sequence[Piece], folder: Path, container: str, logger: str) -> Identity:
    """Return what a logger declares that made a recording: what the files show. Raise ValueError for a bad name."""
    for option, name in (("--container", container), ("--logger", logger)):
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
            raise ValueError(f"{option} {name!r}: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    shocks = [piece.content for piece in pieces if isinstance(piece.content, Shock)]
    accs = {
        s.acc: {
            "fs": s.fs_hz,
            "range_g": s.range_g,
            "level_g": s.level_g,
            "lp_hz": s.fs_hz / 2,
            "hp_hz": 0.0,
            "dead_ms": 0.0,
        }
        for s in shocks
    }
    return Identity(container, logger, folder.resolve().name, "recording", interval_us(pieces), accs)


def interval_us(pieces: Sequence[Piece]) -> int:
    """Return the interval a logger would declare: the slowest channel's median spacing in us; 1 s if unknown."""
    times: dict[str, list[int]] = {}
    for env, t0_us in ((piece.content, piece.t0_us) for piece in pieces if isinstance(piece.content, Env)):
        for column, channel in enumerate(env.channels):
            t_us = t0_us + np.asarray(env.dt_us)[~np.isnan(env.x[:, column])]
            times.setdefault(channel, []).extend(t_us.tolist())
    spacings = [int(np.median(np.diff(t_us))) for t_us in times.values() if len(t_us) > 1]
    return max(spacings, default=1_000_000)


def read_acceleration(path: Path) -> list[Piece]:
    """Return the file as one shock record, or as several if it has more than MAX_EVENT_SAMPLES samples."""
    fs_hz, t0_us, wave_g = _read_wave(path)
    acc = path.name.removeprefix("accel_").removesuffix(".csv.gz").lower()
    scale_g, counts = quantise(wave_g)
    range_g = next((r for r in RANGES_G if np.abs(wave_g).max() <= r), float(np.abs(wave_g).max()))
    pieces = []
    for first in range(0, wave_g.shape[1], MAX_EVENT_SAMPLES):
        part = slice(first, first + MAX_EVENT_SAMPLES)
        pre = trigger(wave_g[:, part], fs_hz)
        shock = Shock(fs_hz, pre, scale_g, range_g, counts[:, part], acc, LEVEL_G)
        begin_us = t0_us + round(first * 1e6 / fs_hz)
        pieces.append(Piece(begin_us, begin_us + round(counts[:, part].shape[1] * 1e6 / fs_hz), shock))
    return pieces


def quantise(wave_g: F64) -> tuple[tuple[float, float, float], NDArray[np.int16]]:
    """Return g/count of each axis and int16 (3, n) counts of wave_g (3, n), finite.

    If all values lie on the grid of a converter (range / 2^(bits-1), within the rounding of the file), that grid is
    taken and the sensor's own counts come back exactly. Otherwise each axis gets max / 32766: within half a count of
    the file and never at the rail.
    """
    greatest = float(np.abs(wave_g).max())
    for step_g in sorted({r / 2 ** (bits - 1) for r in RANGES_G for bits in CONVERTER_BITS}, reverse=True):
        counts = np.round(wave_g / step_g)
        fits = greatest / step_g < 32767.5 and step_g > 40 * FILE_ROUNDING_G  # finer, any value would be on the grid
        if fits and np.abs(counts * step_g - wave_g).max() <= FILE_ROUNDING_G:
            return (step_g, step_g, step_g), counts.astype(np.int16)
    scales = np.maximum(np.abs(wave_g).max(axis=1), 1e-6) / 32766.0  # an axis of zeros needs a scale as well
    x_g, y_g, z_g = (float(s) for s in scales)
    return (x_g, y_g, z_g), np.round(wave_g / scales[:, None]).astype(np.int16)


def trigger(wave_g: F64, fs_hz: float) -> int:
    """Return the samples before the trigger: the first that departs from rest by more than LEVEL_G, as a resultant.

    Rest is the median of the first 0.1 s. If no sample departs so far, the trigger is the greatest departure. A
    trigger within the first 0.1 s would leave no baseline and counts as none.
    """
    baseline = round(BASELINE_S * fs_hz)
    rest_g = np.median(wave_g[:, :baseline], axis=1, keepdims=True)
    departure_g = np.sqrt(((wave_g - rest_g) ** 2).sum(axis=0))
    departure_g[:baseline] = 0.0
    beyond = departure_g > LEVEL_G
    return int(np.argmax(beyond)) if beyond.any() else int(np.argmax(departure_g))


def _parse_row(row: dict[str, str]) -> tuple[int, str, float]:
    quantity, _, place = row["quantity"].rpartition("_")
    if quantity not in QUANTITIES or not re.fullmatch(r"[A-Za-z0-9]{1,60}", place):
        raise ValueError(f"quantity {row['quantity']!r}, expected one of {', '.join(QUANTITIES)} and _<place>")
    if row["unit"] != UNITS[quantity]:
        raise ValueError(f"unit {row['unit']!r} of {quantity}, expected {UNITS[quantity]!r}")
    return round(float(row["t_s"]) * 1e6), f"{QUANTITIES[quantity]}.{place.lower()}", float(row["value"])


def _read_wave(path: Path) -> tuple[float, int, F64]:
    """Return the rate in Hz, the time of the first sample in us and the wave (3, n) in g."""
    try:
        lines = list(_lines(path))
        match = re.fullmatch(r"# nominal sample rate ([0-9.]+) Hz", lines[0])
        if match is None or lines[1] != "t_s,x_g,y_g,z_g":
            raise RecordingError(
                f'{path}: expected "# nominal sample rate <number> Hz", then the line "t_s,x_g,y_g,z_g"'
            )
        table = np.loadtxt(lines[2:], delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise error if isinstance(error, RecordingError) else RecordingError(f"{path}: {error}") from error
    if table.size == 0 or table.shape[1] != 4 or not np.isfinite(table).all():
        raise RecordingError(f"{path}: expected rows of four finite numbers t_s,x_g,y_g,z_g")
    return float(match[1]), round(table[0, 0] * 1e6), np.ascontiguousarray(table[:, 1:].T)


def _lines(path: Path) -> Iterator[str]:
    """Return the lines of a gzip file, unpacked to at most MAX_FILE_BYTES."""
    with gzip.open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RecordingError(f"{path}: unpacks to more than {MAX_FILE_BYTES} bytes")
    return iter(content.decode("utf-8").splitlines())

"""Continuous acceleration as loggers without a trigger record it: in CSV, or from wherever else it is read.

accel_<name>.csv[.gz]   "# nominal sample rate N Hz", then t_s,x_g,y_g,z_g
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.ingest.csv_text import text_of
from monitor.model.errors import TcmError
from monitor.model.record import MAX_RATE_HZ

MAX_ACCEL_G = 1e6  # no accelerometer reaches a tenth of that
MAX_TIME_S = 1e9  # 31 years; a time beyond is a calendar time or damage
RATE_TOLERANCE = 0.05  # of the stated rate; the crystals of real loggers differ from nominal by less than a hundredth
STEP_SAMPLES = 0.5  # a shorter step between two samples goes back in time, or is one of another rate
PAUSE_SAMPLES = 1.5  # a longer step between two samples has lost one
COLUMNS = "t_s,x_g,y_g,z_g"


@dataclass(frozen=True, slots=True, eq=False)
class Acceleration:
    """What an accelerometer recorded without a pause: `accel_g` float64 [3, n], n > 0, its own axes x y z.

    The first sample lies `start_s` after the recording began, which was at `began_ns` UTC (None: the file does not
    say). `range_g` is the full scale, `lowpass_hz` the corner of the sensor's own low-pass, None where unknown.
    """

    sensor: str
    fs_hz: float
    start_s: float
    accel_g: NDArray[np.float64]
    began_ns: int | None = None
    range_g: float | None = None
    lowpass_hz: float | None = None


def read_accelerations(path: Path) -> Iterator[Acceleration]:
    """The acceleration in a CSV file, or in all of a folder, by name: a stretch for each time without a pause.

    TcmError for a file that cannot be read, or where there is no acceleration.
    """
    files = sorted(p for p in path.iterdir() if is_acceleration(p.name)) if path.is_dir() else [path]
    if not files:
        raise TcmError("read recording", str(path), "expected accel_<name>.csv or .csv.gz in the folder")
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise TcmError("read recording", str(file), error.strerror or str(error)) from None
        fs_hz, table = parse_acceleration(file.name, text_of(file.name, content).splitlines())
        _require_rate(file.name, fs_hz, table[:, 0])
        _require_forward(file.name, fs_hz, table[:, 0])
        yield from stretches(sensor_of(file.name), fs_hz, table)


def is_acceleration(name: str) -> bool:
    """Whether a file's name is that of acceleration."""
    return re.fullmatch(r"accel.*\.csv(\.gz)?", name) is not None


def sensor_of(name: str) -> str:
    """The accelerometer that a file's name says."""
    return re.sub(r"^accel_|\.csv(\.gz)?$", "", name).lower()


def logger_of(path: Path) -> str:
    """The logger that a recording is of: the name of its file without the ending, or of its folder."""
    return re.sub(r"\.(csv|csv\.gz|ide)$", "", path.resolve().name, flags=re.IGNORECASE)


def parse_acceleration(name: str, lines: list[str]) -> tuple[float, NDArray[np.float64]]:
    """The stated rate in Hz, and t_s, x_g, y_g, z_g of each sample, float64 [n, 4], n > 0; `name` is for errors."""
    rate = re.fullmatch(r"# nominal sample rate ([0-9.]+) Hz", lines[0].strip()) if lines else None
    if rate is None or len(lines) < 3 or lines[1].strip() != COLUMNS:
        cause = f"expected '# nominal sample rate <number> Hz', then '{COLUMNS}', then samples"
        raise TcmError("read recording", f"{name}:1", cause)
    return _rate_hz(name, rate[1]), _samples(name, lines[2:])


def stretches(
    sensor: str, fs_hz: float, table: NDArray[np.float64], began_ns: int | None = None, range_g: float | None = None
) -> Iterator[Acceleration]:
    """The samples of [t_s, x_g, y_g, z_g] rows, cut where some are missing in between."""
    pauses = np.flatnonzero(np.diff(table[:, 0]) * fs_hz > PAUSE_SAMPLES) + 1
    for part in np.split(table, pauses):
        yield Acceleration(sensor, fs_hz, float(part[0, 0]), np.ascontiguousarray(part[:, 1:].T), began_ns, range_g)


def _require_rate(name: str, fs_hz: float, times_s: NDArray[np.float64]) -> None:
    """What follows is worked out from the rate, so one that the times contradict is no rate."""
    steps_s = np.diff(times_s)
    if steps_s.size == 0:
        return
    usual_s = float(np.median(steps_s))
    if not abs(usual_s * fs_hz - 1) <= RATE_TOLERANCE:
        cause = f"the rate is stated as {fs_hz:g} Hz, but the times are {usual_s:g} s apart"
        raise TcmError("read recording", f"{name}:1", cause, f"expected 1 / rate = {1 / fs_hz:g} s")


def _require_forward(name: str, fs_hz: float, times_s: NDArray[np.float64]) -> None:
    """Samples that are not in order of time are no waveform."""
    backward = np.flatnonzero(np.diff(times_s) * fs_hz < STEP_SAMPLES)
    if backward.size == 0:
        return
    at = int(backward[0]) + 1
    cause = f"expected times that grow by 1 / rate = {1 / fs_hz:g} s, got {times_s[at]:g} s after {times_s[at - 1]:g} s"
    raise TcmError("read recording", f"{name}:{at + 3}", cause)


def _rate_hz(name: str, text: str) -> float:
    try:
        fs_hz = float(text)
    except ValueError:
        fs_hz = 0.0
    if not 0 < fs_hz <= MAX_RATE_HZ:
        raise TcmError("read recording", f"{name}:1", f"expected a positive sample rate, got {text}")
    return fs_hz


def _samples(name: str, lines: list[str]) -> NDArray[np.float64]:
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
        is_known = table.shape[1] == 4 and bool((np.abs(table[:, 1:]) <= MAX_ACCEL_G).all())
        if is_known and np.isfinite(table).all() and 0 <= table[0, 0] <= MAX_TIME_S:
            return table
    except ValueError:
        pass  # the search below says which line it was
    number, line = next(((n, line) for n, line in enumerate(lines, start=3) if not _is_sample(line)), (3, lines[0]))
    cause = f"expected four finite numbers {COLUMNS}, accelerations up to {MAX_ACCEL_G:g} g, got {line[:80]!r}"
    raise TcmError("read recording", f"{name}:{number}", cause)


def _is_sample(line: str) -> bool:
    try:
        numbers = [float(text) for text in line.split(",")]
    except ValueError:
        return not line.strip()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        return False
    return 0 <= numbers[0] <= MAX_TIME_S and max(map(abs, numbers[1:])) <= MAX_ACCEL_G

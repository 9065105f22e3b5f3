"""`.IDE` files, as enDAQ loggers write them, through the maker's own library `idelib` (extra `ide`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.ingest.acceleration import PAUSE_SAMPLES, Acceleration, stretches
from monitor.model.clock import NS_PER_S
from monitor.model.errors import TcmError
from monitor.model.extras import how_to_install

SUFFIX = ".ide"
MAX_SAMPLES = 10_000_000  # of an accelerometer: 320 MB while they are read; half an hour at 5 kHz
AXES = "XYZ"
NO_LIBRARY = "the library idelib is not installed"
_OPERATION = "read recording"
# What idelib and the EBML reader below it raise on files that are damaged or no .IDE files at all.
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, EOFError)


def read_ide(path: Path) -> Iterator[Acceleration]:
    """What each accelerometer of three axes in a file recorded, a stretch for each time without a pause.

    Values in g through the calibration in the file, offsets left in, the rate as the times of the samples say; the
    sensor is `ch<number of the channel>`. TcmError for a file that cannot be read, or without such an accelerometer.
    """
    try:
        import idelib
    except ModuleNotFoundError:
        raise TcmError(_OPERATION, str(path), NO_LIBRARY, how_to_install("ide")) from None
    try:
        recording = idelib.importFile(str(path), quiet=True)
    except OSError as error:
        raise TcmError(_OPERATION, str(path), error.strerror or f"no .IDE file: {error}") from None
    except _UNREADABLE as error:
        raise TcmError(_OPERATION, str(path), f"no .IDE file, or a damaged one: {error!r}") from None
    with recording:
        accelerometers = [found for channel in recording.channels.values() if (found := _accelerometer(channel))]
        if not accelerometers:
            cause = "expected an accelerometer with the axes X, Y and Z in g"
            raise TcmError(_OPERATION, str(path), cause, f"it has {_named(recording) or 'no channels'}")
        try:
            for channel, columns in accelerometers:
                yield from _read(path, channel, columns)
        except _UNREADABLE as error:
            raise TcmError(_OPERATION, str(path), f"damaged: {error!r}") from None


def _accelerometer(channel: Any) -> tuple[Any, list[int]] | None:
    """A channel whose subchannels are x, y and z in g, with their places in that order."""
    places: dict[str, int] = {}
    for place, axis in enumerate(channel.subchannels):
        named = re.search(r"\b[XYZ]\b", f"{axis.axisName} {axis.name}".upper())
        if named is not None and axis.units == ("Acceleration", "g"):
            places.setdefault(named[0], place)
    return (channel, [places[axis] for axis in AXES]) if len(places) == len(AXES) else None


def _named(recording: Any) -> str:
    names = (axis.displayName for channel in recording.channels.values() for axis in channel.subchannels)
    return ", ".join(names)


def _read(path: Path, channel: Any, columns: list[int]) -> Iterator[Acceleration]:
    samples = channel.getSession()
    if len(samples) > MAX_SAMPLES:
        cause = f"channel {channel.id} has {len(samples)} samples, expected at most {MAX_SAMPLES}"
        raise TcmError(_OPERATION, str(path), cause, "cut the recording with the maker's software first")
    if len(samples) < 2:  # of one sample nobody knows the rate
        raise TcmError(_OPERATION, str(path), f"channel {channel.id} has {len(samples)} samples, expected some")
    samples.removeMean = False
    rows = samples.arraySlice()
    times_s = rows[0] * 1e-6
    table = np.column_stack((times_s, *(rows[1 + column] for column in columns)))
    began_s = samples.session.utcStartTime
    began_ns = int(began_s) * NS_PER_S if began_s else None
    yield from stretches(f"ch{channel.id}", _rate_hz(path, times_s), table, began_ns)


def _rate_hz(path: Path, times_s: NDArray[np.float64]) -> float:
    """The rate between pauses."""
    steps_s = np.diff(times_s)
    usual_s = float(np.median(steps_s))
    if not usual_s > 0:
        raise TcmError(_OPERATION, str(path), f"expected times that grow, got samples {usual_s:g} s apart")
    return float(1 / steps_s[steps_s < PAUSE_SAMPLES * usual_s].mean())

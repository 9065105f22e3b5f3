"""The events of a recording that was made without a trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from monitor.examine.event import Examined, Progress, Wanted
from monitor.examine.rules import rules_at, unplaced
from monitor.ingest.acceleration import Acceleration, logger_of
from monitor.model.errors import TcmError
from monitor.model.limit import Profile
from monitor.shock.analysis import Analysis
from monitor.shock.trigger import Found, find_events
from monitor.shock.waveform import Waveform

CONTAINER = "recording"


class RecordedEvents:
    """Events numbered from 1 through all accelerometers of a recording, in order of their names and then of time.

    Axes are the sensors' own. Where nobody says the `place` of the logger, of `profile` only the rules for every place
    apply.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], Iterator[Acceleration]],
        profile: Profile | None,
        level_g: float | None,
        place: str | None,
    ) -> None:
        self._path, self._read, self._level_g, self._place = path, read, level_g, place
        self._rules = rules_at(profile, place) if profile else ()
        self._unplaced = unplaced(profile, place) if profile else ()
        self._logger = logger_of(path)
        self.dropped = self.unreadable = 0

    def events(self, wanted: Wanted, progress: Progress) -> Iterator[Examined]:
        """Those of the recording; of a progress within a file nothing is told, it is read at once."""
        del progress
        return (event for event in self._events() if wanted.admits(event))

    def event(self, name: str | None) -> Examined:
        """One event by its number; without one the only one, or that with the largest resultant."""
        if name is None:
            strongest = max(self._events(), key=lambda event: event.analysis.peaks.resultant_g, default=None)
            if strongest is None:
                raise self._no_event("nothing departs from rest by the level of an event", "try a lower --level")
            return strongest
        if not (name.isascii() and name.isdecimal()):
            raise self._no_event(f"expected the number of an event such as 1, got {name!r}")
        for event in self._events():
            if event.name == name.lstrip("0"):
                return event
        raise self._no_event(f"there is no event {name}")

    def close(self) -> None:
        """Nothing is open."""

    def _events(self) -> Iterator[Examined]:
        number = 0
        # All of it at once: what cannot be read is told before any event, not amid them.
        for acceleration, events in [(each, self._find(each)) for each in self._read(self._path)]:
            for found in events:
                number += 1
                yield self._examined(number, acceleration, found)

    def _find(self, acceleration: Acceleration) -> list[Found]:
        try:
            return find_events(acceleration.accel_g, acceleration.fs_hz, self._level_g)
        except ValueError as error:
            raise TcmError("examine shock", f"{self._path}, sensor {acceleration.sensor}", str(error)) from None

    def _examined(self, number: int, of: Acceleration, found: Found) -> Examined:
        offset_s = of.start_s + found.trigger / of.fs_hz
        at_ns = None if of.began_ns is None else of.began_ns + round(offset_s * 1e9)
        return Examined(
            name=str(number),
            container=CONTAINER,
            logger=self._logger,
            sensor=of.sensor,
            at_ns=at_ns,
            analysis=Analysis(cut_out(of, found)),
            rules=self._rules,
            place=self._place,
            unplaced=self._unplaced,
            offset_s=offset_s,
        )

    def _no_event(self, cause: str, hint: str = "tcm shock list shows all") -> TcmError:
        return TcmError("examine shock", str(self._path), cause, hint)


def cut_out(of: Acceleration, found: Found) -> Waveform:
    """A stretch of a recording as one event."""
    accel_g = of.accel_g[:, found.start : found.stop]
    at_rail = np.zeros(accel_g.shape, dtype=np.bool_) if of.range_g is None else np.abs(accel_g) >= of.range_g
    pre = found.trigger - found.start
    return Waveform(accel_g, of.fs_hz, pre, at_rail, of.range_g, found.level_g, of.lowpass_hz)

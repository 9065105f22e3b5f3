"""The shock channel: when an accelerometer triggers, and what its records hold.

    ├──── pre ────┼──────── post ────────┤── dead ──┤
    t0         trigger                  end       ready

Time is s since the scenario's start; samples are taken at whole multiples of 1 / fs_hz from there on.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from zlib import crc32

import numpy as np

from firmware_sim.codec import Shock
from firmware_sim.device.sensing import F64, Accelerometer
from firmware_sim.physics.impact import Impact, Nearby
from firmware_sim.physics.vibration import Crossings, Vibration, conditioned, waveform

__all__ = ["Accelerometer", "Capture", "Missed", "ShockChannel"]

Reason = Literal["below level", "dead time", "asleep", "no power", "not armed"]
Span = tuple[float, float]
ALWAYS: tuple[Span, ...] = ((0.0, math.inf),)
MAX_MEMORY_S = 2.0  # of what came before a record, for an AC-coupled sensor that still droops from it
MEMORY_TIMES = 8  # time constants after which the droop is forgotten: exp(-8) is 0.03 %


@dataclass(frozen=True, slots=True)
class Capture:
    """A record: [t0_s, end_s) of its samples, the places of the impacts in it, and its greatest true resultant.

    peak_true_g: without gravity, noise, filters and clipping, at the samples.
    """

    t0_s: float
    end_s: float
    shock: Shock
    impacts: tuple[int, ...]
    peak_true_g: float


@dataclass(frozen=True, slots=True)
class Missed:
    """An impact that is in no record, by its place in the stream, and why."""

    at_s: float
    index: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Window:
    """Samples [first, last); the trigger is looked for before `until`. now_s: what it is about: an impact's at_s, or a
    crossing of the vibration, which then peaks at sample `at`."""

    now_s: float
    first: int
    until: int
    last: int
    at: int | None = None


class ShockChannel:
    """What one accelerometer records, in time order (t0_s, at_s): iterate once for Capture and Missed.

    impacts: in order of at_s, none within the fall of another; may be endless. vibration: in order and apart; it adds
    to the impacts and triggers on its own. isolation: share of both that reaches the sensor. seed: numbers that are
    this logger's own. Impacts in the dead time and, there, the crossings of the vibration are counted in the next
    record's `rejected`. Nothing is held but what is near.

    power: the spans [on_s, off_s) in which the logger is on, the last one without end (off_s inf); armed_s: from when
    on it records. Outside nothing triggers; each span begins without dead time and with nothing rejected; a record
    that the end of the power cuts is none.
    """

    def __init__(
        self,
        acc: Accelerometer,
        impacts: Iterable[Impact],
        vibration: Sequence[Vibration],
        isolation: float,
        seed: Sequence[int],
        power: Sequence[Span] = ALWAYS,
        armed_s: float = 0.0,
    ) -> None:
        self._acc = acc
        self._power, self._armed_s = power, armed_s
        self._pre, self._post = round(acc.pre_s * acc.fs_hz), round((acc.record_s - acc.pre_s) * acc.fs_hz)
        self._dead = math.ceil(acc.dead_s * acc.fs_hz)
        memory_s = MEMORY_TIMES / (2.0 * math.pi * acc.hp_hz) if acc.coupling == "ac" else 0.0
        self._memory = round(min(memory_s, MAX_MEMORY_S) * acc.fs_hz)
        self._near = Nearby(
            (impact.behind(isolation) for impact in impacts), (2 * self._pre + self._memory) / acc.fs_hz
        )
        keys = [*seed, crc32(acc.name.encode())]
        self._random = np.random.default_rng([*keys, crc32(b"waveform")])
        crossings = np.random.default_rng([*keys, crc32(b"crossings")])
        self._crossings = Crossings(acc.level_g, vibration, isolation, crossings)
        self._ready = 0  # first sample that may be recorded
        self._dead_until_s = 0.0
        self._rejected = 0
        self._waiting: list[Missed] = []  # not recorded, unless the next record's pre-trigger reaches back to them

    def __iter__(self) -> Iterator[Capture | Missed]:
        for on_s, off_s in self._power:
            if off_s > self._armed_s:
                begin_s = max(on_s, self._armed_s)
                yield from self._outside(begin_s)
                self._begin(begin_s)
                yield from self._span(off_s)

    def _outside(self, before_s: float) -> Iterator[Missed]:
        """Yield what strikes while nothing is recorded, up to the begin of a span."""
        while (entry := self._near.first()) is not None and entry[1].at_s < before_s:
            index, impact = entry
            self._near.done()
            is_on = any(on_s <= impact.at_s < off_s for on_s, off_s in self._power)
            yield Missed(impact.at_s, index, "not armed" if is_on else "no power")

    def _begin(self, begin_s: float) -> None:
        self._ready = math.ceil(begin_s * self._acc.fs_hz)
        self._dead_until_s, self._rejected = begin_s, 0
        if begin_s > 0:  # else the first crossing is drawn already
            self._crossings.restart(begin_s)

    def _span(self, off_s: float) -> Iterator[Capture | Missed]:
        """Yield what is recorded and missed up to off_s."""
        while (window := self._next_window(off_s)) is not None:
            yield from self._give_up(window.first / self._acc.fs_hz)
            found = self._look(window)
            if isinstance(found, Capture):
                yield from self._give_up(found.t0_s)
                if found.end_s > off_s:
                    yield from self._cut(off_s)
                    return
                yield self._settle(found, off_s)
            elif window.at is None:
                self._miss(found)
            else:  # noise or a filter kept the crossing below the level
                self._crossings.restart(window.now_s)
        yield from self._give_up(math.inf)

    def _cut(self, off_s: float) -> Iterator[Missed]:
        """Yield what was in a record that was still in the RAM when the power failed."""
        for missed in self._waiting:
            yield replace(missed, reason="no power")
        self._waiting = []
        while (entry := self._near.first()) is not None and entry[1].at_s < off_s:
            self._near.done()
            yield Missed(entry[1].at_s, entry[0], "no power")

    def _next_window(self, off_s: float) -> _Window | None:
        """Return where to look next before off_s: at the first impact or the next crossing, whichever is earlier."""
        entry, crossing_s, fs_hz = self._near.first(), self._crossings.next_s, self._acc.fs_hz
        if min(crossing_s, math.inf if entry is None else entry[1].at_s) >= off_s:
            return None
        if entry is not None and entry[1].at_s <= crossing_s:
            impact = entry[1]
            first = max(self._ready, math.floor(impact.begin_s * fs_hz) - self._pre)
            until = math.ceil(impact.end_s * fs_hz) + 1
            return _Window(impact.at_s, first, until, until + self._post)
        at = math.ceil(crossing_s * fs_hz)  # the top of an excursion, whose first sample may come a little earlier
        return _Window(crossing_s, max(self._ready, at - 2 * self._pre), at + 1, at + 1 + self._post, at)

    def _look(self, window: _Window) -> Capture | Reason:
        """Return the record that the window's first trigger makes, without its impacts; or why there is none."""
        if window.until <= window.first:
            return "below level"  # over before the sensor was ready
        acc, fs_hz = self._acc, self._acc.fs_hz
        impacts = self._near.within((window.first - self._memory) / fs_hz, window.last / fs_hz)
        earliest = min((math.floor(impact.begin_s * fs_hz) for impact in impacts), default=window.first)
        begin = min(window.first, max(earliest, window.first - self._memory))
        wave_g = self._wave_g(window, begin, impacts)
        sensed_g = acc.sense(wave_g, self._random)[:, window.first - begin :]
        from_rest_g = sensed_g[:, : window.until - window.first] - acc.rest_g()[:, None]
        found = self._trigger(np.sqrt((from_rest_g**2).sum(axis=0)))
        if isinstance(found, str):
            return found
        start, trigger = found
        part = slice(start, trigger + self._post)
        true_g = wave_g[:, window.first - begin :][:, part]
        shock = Shock(
            fs_hz=fs_hz,
            pre=trigger - start,
            scale_g=(acc.scale_g, acc.scale_g, acc.scale_g),
            range_g=acc.range_g,
            counts=acc.counts(sensed_g[:, part]),
            acc=acc.name,
            level_g=acc.level_g,
            rejected=self._rejected,
        )
        t0, end = window.first + start, window.first + trigger + self._post
        return Capture(t0 / fs_hz, end / fs_hz, shock, (), float(np.sqrt((true_g**2).sum(axis=0).max())))

    def _wave_g(self, window: _Window, begin: int, impacts: Sequence[Impact]) -> F64:
        """Return all departures from rest at samples [begin, window.last): (3, n) float64 g, container axes."""
        acc, random, n = self._acc, self._random, window.last - begin
        wave_g = np.zeros((3, n))
        if (shaking := self._crossings.at(window.now_s)) is not None:
            psd, grms = shaking
            if window.at is None:
                wave_g = waveform(psd, grms, acc.fs_hz, n, random)
            else:  # tops above a high level exceed it by an exponential law of mean grms^2 / level
                direction = random.standard_normal(3)
                top_g = acc.level_g + random.exponential(grms**2 / max(acc.level_g, grms))
                value_g = direction * (top_g / np.sqrt((direction**2).sum()))
                wave_g = conditioned(psd, grms, acc.fs_hz, n, window.at - begin, value_g, random)
        t_s = np.arange(begin, window.last) / acc.fs_hz
        for impact in impacts:
            wave_g += impact.wave_g(t_s)
        return wave_g

    def _trigger(self, departure_g: F64) -> tuple[int, int] | Reason:
        """Return the first sample of the record and the trigger, as places in departure_g (n,)."""
        beyond = departure_g > self._acc.level_g
        if not beyond.any():
            return "below level"
        awake = 0
        if self._acc.wake_g > 0:
            woken = departure_g > self._acc.wake_g
            awake = int(np.argmax(woken)) if woken.any() else departure_g.size
            beyond[:awake] = False
            if not beyond.any():
                return "asleep"
        trigger = int(np.argmax(beyond))
        return max(trigger - self._pre, awake), trigger

    def _settle(self, found: Capture, off_s: float) -> Capture:
        """Return the record with its impacts, and count what the dead time after it takes; the power ends at off_s."""
        members = [missed.index for missed in self._waiting if missed.at_s < found.end_s]
        self._waiting = self._waiting[len(members) :]
        while (entry := self._near.first()) is not None and entry[1].at_s < found.end_s:
            members.append(entry[0])
            self._near.done()
        self._ready = round(found.end_s * self._acc.fs_hz) + self._dead
        self._dead_until_s = self._ready / self._acc.fs_hz
        self._rejected = self._crossings.count(found.end_s, self._dead_until_s)
        self._crossings.restart(min(self._dead_until_s, off_s))  # the power's end ends the dead time as well
        return replace(found, impacts=tuple(members))

    def _miss(self, reason: Reason) -> None:
        """Put the first impact among those that wait to be told as missed."""
        entry = self._near.first()
        if entry is None:
            return
        index, impact = entry
        self._near.done()
        if impact.at_s < self._dead_until_s and abs(impact.peak_g) > self._acc.level_g:
            self._rejected += 1
            reason = "dead time"
        self._waiting.append(Missed(impact.at_s, index, reason))

    def _give_up(self, before_s: float) -> Iterator[Missed]:
        """Yield what waits and lies before a time from which on the next record begins."""
        while self._waiting and self._waiting[0].at_s < before_s:
            yield self._waiting.pop(0)

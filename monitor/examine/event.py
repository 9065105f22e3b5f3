"""An event that is looked at, and what every source of events offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from monitor.examine.margins import Margin, margins_of
from monitor.model.rules import ShockRule
from monitor.shock.analysis import Analysis

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Examined:
    """One event, its analysis, and the rules it is held against. It holds arrays of the event's size.

    `name` is how it is asked for. `at_ns` is the time of its trigger, None where nobody says; `offset_s` the trigger's
    distance from the beginning of a recording. `rules` are those that apply to the logger's place, in any phase;
    `unplaced` the ids of those that are left out because nobody says the place. `phase` is the one it fell into, None
    in a recording.
    """

    name: str
    container: str
    logger: str
    sensor: str
    at_ns: int | None
    analysis: Analysis
    rules: tuple[ShockRule, ...] = ()
    phase: str | None = None
    place: str | None = None
    unplaced: tuple[str, ...] = ()
    offset_s: float | None = None

    @cached_property
    def margins(self) -> list[Margin]:
        """How far it is from the level of each rule, but those of a dose, in their order."""
        return margins_of(self.analysis, self.rules)


class Wanted(NamedTuple):
    """Which events are asked for, all where None; times in ns UTC, of the trigger, `to_ns` excluded."""

    container: str | None = None
    logger: str | None = None
    kind: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None

    def admits(self, event: Examined) -> bool:
        """Whether the event is one of them; one of unknown time is not, where times are asked for."""
        names = ((self.container, event.container), (self.logger, event.logger))
        if any(wanted not in (None, name) for wanted, name in names):
            return False
        return self._admits_time(event.at_ns) and (self.kind is None or self.kind == event.analysis.kind)

    def _admits_time(self, at_ns: int | None) -> bool:
        if self.from_ns is None and self.to_ns is None:
            return True
        if at_ns is None:
            return False
        return (self.from_ns is None or at_ns >= self.from_ns) and (self.to_ns is None or at_ns < self.to_ns)


class Events(Protocol):
    """A source of events; `dropped` counts those whose samples retention dropped, `unreadable` those passed over."""

    dropped: int
    unreadable: int

    def events(self, wanted: Wanted, progress: Progress) -> Iterator[Examined]:
        """The events in the source's order, one held at a time; `progress` is told how much of how much is done."""

    def event(self, name: str | None) -> Examined:
        """One event by its name; None: the strongest of a recording. TcmError when there is none such."""

    def close(self) -> None:
        """Give files back."""

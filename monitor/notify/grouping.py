"""Grouping: what is told at once, what waits for the end of its window, and what becomes one collective.

An alert that is the first of its container and cause is told at once and opens a window. What follows waits for the
window's end, unless it is graver than all that was told in it. A window in which more alerts open is followed by one
twice as long, so whatever floods is told ever more seldom; one in which none opens ends that. However many containers
and causes begin, few notifications go out in a window: the rest is told as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.config.alerting import MAX_WINDOW_S
from monitor.model.clock import NS_PER_S
from monitor.notify.routing import SEVERITIES, Key

MAX_BEGUN = 10  # notifications that begin within a window
KEPT_FOR_ALARMS = 3  # of those: warnings never take all
MAX_ENDED = 10  # that tell of what waited for a window's end, the collective among them
NOTHING_OPENED = -1  # rank of a window in which only ends and acknowledgements were told
FLOOD = 2  # times the configured window: what waits for longer is a flood


class Tally(NamedTuple):
    """What there is to tell, as numbers of alerts: `going_on` of them are open now.

    Each was `opened` (told for the first time, or again after its end), `cleared`, `acknowledged` or `repeated`;
    `fresh` of those that opened never did before. `rank` is of the gravest that opened, of all where none did.
    """

    rank: int = 0
    going_on: int = 0
    opened: int = 0
    cleared: int = 0
    acknowledged: int = 0
    repeated: int = 0
    fresh: int = 0

    @property
    def alerts(self) -> int:
        """How many there are in all."""
        return self.opened + self.cleared + self.acknowledged + self.repeated


class Window(NamedTuple):
    """Until `due_ns` what follows waits, `width_ns` in all; `rank` is that of the gravest that was told in it."""

    due_ns: int
    width_ns: int
    rank: int


class Telling(NamedTuple):
    """Keys that one notification tells of: several only of a collective."""

    keys: tuple[Key, ...]
    is_first: bool  # nothing of the key was told in a window that goes on


class Budget:
    """How many notifications may go out: at most `limit` within any `width_ns`."""

    def __init__(self, limit: int, width_ns: int) -> None:
        self._limit, self._width_ns = limit, width_ns
        self._spent_ns: deque[int] = deque(maxlen=limit)

    def left(self, now_ns: int) -> int:
        """How many more may go out now."""
        while self._spent_ns and now_ns - self._spent_ns[0] >= self._width_ns:
            self._spent_ns.popleft()
        return self._limit - len(self._spent_ns)

    def spend(self, now_ns: int) -> None:
        """One goes out."""
        self._spent_ns.append(now_ns)


def total(tallies: Iterable[Tally]) -> Tally:
    """Several tallies as one."""
    found = list(tallies)
    sums = [sum(numbers) for numbers in zip(*(tally[1:] for tally in found), strict=True)]
    opened = [tally for tally in found if tally.opened]
    return Tally(max(tally.rank for tally in opened or found), *sums)


def firsts(waiting: Mapping[Key, Tally], windows: Mapping[Key, Window], left: int) -> tuple[list[Telling], list[Key]]:
    """What is told at once, `left` at most, and the keys that no notification is left for, though they have no window.

    The gravest go first, and some are left for alarms.
    """
    found = [key for key, tally in waiting.items() if _is_urgent(tally, windows.get(key))]
    found.sort(key=lambda key: -waiting[key].rank)
    alarms = sum(waiting[key].rank == len(SEVERITIES) - 1 for key in found)
    count = min(left, max(alarms, left - KEPT_FOR_ALARMS))
    overflow = [key for key in found[count:] if key not in windows]
    return [Telling((key,), is_first=True) for key in found[:count]], overflow


def _is_urgent(tally: Tally, window: Window | None) -> bool:
    """Whether something is told within the window, where there is one."""
    if window is None:
        return True
    if window.rank == NOTHING_OPENED:
        return tally.fresh > 0
    return tally.opened > 0 and tally.rank > window.rank


def lasts(
    waiting: Mapping[Key, Tally], windows: Mapping[Key, Window], left: int, now_ns: int, base_ns: int
) -> list[Telling]:
    """What is told now that windows have come to their end, `left` at most.

    Where more wait than that, the others are not waited for: all but those that are held back for their flood go out,
    the gravest and largest by themselves, the rest as one.
    """
    due = [key for key in waiting if key in windows and windows[key].due_ns <= now_ns]
    if not due or not left:
        return []
    open_to_all = [key for key in waiting if key in windows and (windows[key].width_ns <= base_ns or key in due)]
    if len(open_to_all) <= left:
        return [Telling((key,), is_first=False) for key in due]
    open_to_all.sort(key=lambda key: (-waiting[key].rank, -waiting[key].alerts))
    singles = [Telling((key,), is_first=False) for key in open_to_all[: left - 1]]
    return [*singles, Telling(tuple(open_to_all[left - 1 :]), is_first=False)]


def following_window(before: Window | None, telling: Telling, tally: Tally, base_ns: int, now_ns: int) -> Window:
    """The window of a key once it is told: one that goes on stays, and where more alerts opened it is twice as wide."""
    rank = tally.rank if tally.opened else NOTHING_OPENED
    if before is None:
        return Window(now_ns + base_ns, base_ns, rank)
    if telling.is_first:
        return before._replace(rank=rank)
    width_ns = min(2 * before.width_ns, MAX_WINDOW_S * NS_PER_S) if tally.opened else base_ns
    return Window(now_ns + width_ns, width_ns, rank)


def reason_of(tally: Tally, *, is_first: bool, is_flood: bool, is_escalation: bool) -> str:
    """Why people are told; `is_first`: at once."""
    if not tally.opened:
        kinds = [kind for kind in ("cleared", "acknowledged", "repeated") if getattr(tally, kind)]
        return kinds[0].replace("repeated", "repeat") if len(kinds) == 1 else "group"
    if is_flood:
        return "flood"
    if is_escalation:
        return "escalation"
    return "firing" if is_first or tally.alerts == 1 else "group"

"""In which order the boots of a logger followed one another, as far as the journal has told by a record.

Each boot is put into a list, and its place is fixed, once:

1. the first that comes live of a boot (a record, or a status but the last will) puts it behind all others;
2. a status names earlier boots, oldest first: those that have no fixed place are put just before its own;
3. what comes from memory belongs to an earlier boot: one never heard of is put just before the last with a fixed place,
   until the logger itself says where it belongs (1, 2).

So it depends on nothing but the order of the records: neither on the time in them nor on any clock of the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Owner = tuple[str, str]  # container, logger

MAX_LOGGERS = 20_000  # of further ones nothing is remembered: their boots follow one another by their numbers
MAX_BOOTS = 64  # of a logger, as many as it may name at once; the first is forgotten for one more, as if never heard of


@dataclass(slots=True, eq=False)
class Ranked:
    """A boot of a logger: of two, the one with the lower `rank` comes first; once forgotten it keeps its own.

    One that was forgotten long ago has 0.
    """

    boot: int
    is_fixed: bool
    rank: int = 0


class Succession:
    """The boots of one logger, in order."""

    def __init__(self) -> None:
        self._boots: list[Ranked] = []
        self._by_number: dict[int, Ranked] = {}
        self._forgotten = 0

    def get(self, boot: int) -> Ranked | None:
        """A boot, None where it was never heard of or is forgotten."""
        return self._by_number.get(boot)

    def hear(self, boot: int, *, is_memory: bool, earlier: Sequence[int] = ()) -> bool:
        """Something of a boot came, live or from memory, that may name earlier ones; whether any two changed places."""
        if not earlier and self._is_fixed(boot):  # as of nearly all records
            return False
        unfixed = [number for number in dict.fromkeys(earlier) if number != boot and not self._is_fixed(number)]
        if not unfixed and (self._is_fixed(boot) or (is_memory and boot in self._by_number)):
            return False
        before = self._boots.copy()
        if not self._is_fixed(boot):
            fixed = [place for place, each in enumerate(self._boots) if each.is_fixed]
            self._put(boot, fixed[-1] if is_memory and fixed else len(self._boots), is_fixed=not is_memory)
        for number in unfixed:
            self._put(number, self._boots.index(self._by_number[boot]), is_fixed=True)
        remaining = [each for each in before if each in self._boots]
        return remaining != [each for each in self._boots if each in remaining]

    def _is_fixed(self, boot: int) -> bool:
        return boot in self._by_number and self._by_number[boot].is_fixed

    def _put(self, number: int, place: int, *, is_fixed: bool) -> None:
        """Put a boot just before the one at `place`."""
        boot = self._by_number.setdefault(number, Ranked(number, is_fixed))
        boot.is_fixed = is_fixed
        if boot in self._boots:
            place -= self._boots.index(boot) < place
            self._boots.remove(boot)
        self._boots.insert(place, boot)
        for rank, each in enumerate(self._boots, self._forgotten + 1):
            each.rank = rank
        if len(self._boots) > MAX_BOOTS:
            del self._by_number[self._boots.pop(0).boot]
            self._forgotten += 1

    def snapshot(self) -> list[tuple[int, bool]]:
        """The boots for `restore`."""
        return [(each.boot, each.is_fixed) for each in self._boots]

    def restore(self, boots: list[tuple[int, bool]]) -> None:
        """Take up the boots of a snapshot."""
        self._boots = [Ranked(boot, is_fixed, rank) for rank, (boot, is_fixed) in enumerate(boots, 1)]
        self._by_number = {each.boot: each for each in self._boots}


class Successions:
    """The boots of all loggers."""

    def __init__(self) -> None:
        self._of: dict[Owner, Succession] = {}

    def get(self, owner: Owner, boot: int) -> Ranked | None:
        """A boot, None where nothing is remembered of it."""
        return self._of[owner].get(boot) if owner in self._of else None

    def hear(self, owner: Owner, boot: int, *, is_memory: bool, earlier: Sequence[int] = ()) -> bool:
        """As of a `Succession`."""
        boots = self._of.get(owner)
        if boots is None:
            if len(self._of) >= MAX_LOGGERS:
                return False
            boots = self._of[owner] = Succession()
        return boots.hear(boot, is_memory=is_memory, earlier=earlier)

    def snapshot(self, container: str | None = None) -> list[tuple[Any, ...]]:
        """The state for `restore`, or that of a container."""
        return [(*owner, boots.snapshot()) for owner, boots in self._of.items() if container in (None, owner[0])]

    def restore(self, rows: list[tuple[Any, ...]]) -> None:
        """Take up the state of a snapshot."""
        self._of = {}
        for container, logger, boots in rows:
            self._of.setdefault((container, logger), Succession()).restore(boots)

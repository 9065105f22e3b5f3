"""How far a part is, by which it is told whether it is stuck."""

from __future__ import annotations

from typing import NamedTuple

from monitor.model.clock import NS_PER_S


class Progress(NamedTuple):
    """`position` grows with the work that is done, `target` is where it would be without any that waits."""

    position: int
    target: int


class Lag:
    """How long each of some consumers has had work that waits, as those see it who look at them again and again."""

    def __init__(self) -> None:
        self._idle_ns: dict[str, int] = {}  # when each was last seen with nothing that waits

    def look_s(self, name: str, backlog: int, now_ns: int, done_ns: int) -> float:
        """Its lag in s at `now_ns` (UTC): 0 while nothing waits, else since that was so.

        Or since `done_ns`, when what it did last came: there is always something that waits where records never end.
        """
        if not backlog:
            self._idle_ns[name] = now_ns
        since_ns = max(self._idle_ns.setdefault(name, now_ns), done_ns)
        return round(max(now_ns - since_ns, 0) / NS_PER_S, 3)

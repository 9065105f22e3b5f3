"""Time as the ticks' steady clock counts it, whatever the calendar of the gateway does."""

from __future__ import annotations

from monitor.model.clock import MINUTE_NS

MAX_ADVANCE_NS = MINUTE_NS  # six ticks: between two that lie further apart the gateway was off or asleep itself


class Steady:
    """Time since the journal began, `ns`.

    The steady clock begins anew with the machine: then at least what it says has passed. What the gateway was off or
    asleep for does not count, as nothing could have come.
    """

    def __init__(self, ns: int = 0, mono_ns: int | None = None, now_ns: int = 0) -> None:
        self.ns, self._mono_ns, self._now_ns = ns, mono_ns, now_ns

    def tick(self, mono_ns: int, now_ns: int) -> None:
        """Take the steady clock and the calendar (UTC) as they are at a tick."""
        if self._mono_ns is not None:
            passed_ns = mono_ns - self._mono_ns if mono_ns >= self._mono_ns else mono_ns
            self.ns += min(passed_ns, MAX_ADVANCE_NS)
        self._mono_ns, self._now_ns = mono_ns, now_ns

    def at(self, received_ns: int) -> int:
        """The time of what was received since the last tick; what the calendar may have stepped since is bounded."""
        if self._mono_ns is None:
            return self.ns
        return self.ns + min(max(received_ns - self._now_ns, 0), MAX_ADVANCE_NS)

    def snapshot(self) -> tuple[int, int | None, int]:
        """With what it goes on."""
        return self.ns, self._mono_ns, self._now_ns

"""Time in a simulation: true time, and what the gateway's wall clock makes of it."""

from __future__ import annotations

S = 1_000_000_000
START_NS = 1_795_413_600 * S  # 2026-11-23T06:00:00Z
LOOK_NS = 1_000


class SimClock:
    """The gateway's clock (`monitor.model.clock.Clock`); the scheduler moves it and steps the wall clock."""

    def __init__(self) -> None:
        self.true_ns = START_NS
        self._offset_ns = 0
        self._booted_ns = START_NS - 5 * S

    def now_ns(self) -> int:
        """What the wall clock shows, ns UTC; looking takes time, so that no two messages come at one nanosecond."""
        self.true_ns += LOOK_NS
        return self.true_ns + self._offset_ns

    def mono_ns(self) -> int:
        """Steady time since the machine started."""
        return self.true_ns - self._booted_ns

    def step(self, by_ns: int) -> None:
        """Set the wall clock forward or back."""
        self._offset_ns += by_ns

    def reboot(self) -> None:
        """Steady time begins anew; the wall clock goes on."""
        self._booted_ns = self.true_ns

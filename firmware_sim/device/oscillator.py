"""A logger's clock: a crystal that runs a little fast or slow, and what the logger makes of it.

Two readings of the same crystal: `mono` counts from power-up and nothing can change it; the wall clock is mono plus
an offset, which a synchronisation sets right, a fault sets wrong, and a power cut without a backed-up clock forgets.
"""

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Stamp

UNSET, FREE_RUNNING, SYNCHRONISED = 0, 1, 2
UNSET_WALL_NS = 946_684_800 * NS_PER_S  # 2000-01-01T00:00:00Z, where a clock that was never set begins
MAX_SYNC_AGE_S = 86_400  # 20 ppm is 1.7 s in this time; an older synchronisation is no longer vouched for
MAX_CLOCK_ERROR_S = 0.5  # an acknowledgement takes part of a second on its way; a nearer clock is left alone
PPB = 10**9


class Oscillator:
    """The clock of one logger; times given to it are true ns UTC, which a logger itself never sees.

    drift_ppm: how much faster than true time it runs, kept to 1e-3 ppm. has_rtc: a battery keeps the wall clock
    through power cuts, and it was set right at the factory; without one every power-up leaves the clock unset.
    """

    __slots__ = ("_boot_ns", "_clk", "_has_rtc", "_rate", "_set_ns", "_synchronised_ns", "_wall_ns")

    def __init__(self, drift_ppm: float = 0.0, has_rtc: bool = True) -> None:
        self._rate = PPB + round(drift_ppm * 1000)  # crystal ns in 1e9 true ns: whole numbers stay exact for years
        if self._rate <= 0:
            raise ValueError(f"oscillator: drift_ppm is {drift_ppm}, expected more than -1 000 000")
        self._has_rtc = has_rtc
        self._boot_ns: int | None = None
        self._clk = UNSET
        self._set_ns = self._wall_ns = 0  # the wall clock showed _wall_ns at true _set_ns
        self._synchronised_ns: int | None = None

    def power_up(self, true_ns: int) -> None:
        """Begin to count mono from 0; see the class for what becomes of the wall clock."""
        if not self._has_rtc:
            self._clk, self._set_ns, self._wall_ns, self._synchronised_ns = UNSET, true_ns, UNSET_WALL_NS, None
        elif self._boot_ns is None:
            self._clk, self._set_ns, self._wall_ns = FREE_RUNNING, true_ns, true_ns
        else:
            self._clk = FREE_RUNNING
        self._boot_ns = true_ns

    def mono_ns(self, true_ns: int) -> int:
        """Return ns since power-up by the crystal. Raises ValueError for a time before it."""
        elapsed_ns = true_ns - self._boot()
        if elapsed_ns < 0:
            raise ValueError(f"oscillator: mono at {true_ns} ns, {-elapsed_ns} ns before the power-up")
        return self._counted(elapsed_ns)

    def true_ns(self, mono_ns: int) -> int:
        """Return the first true time at which mono is at least mono_ns: when the logger thinks it is due."""
        return self._boot() + self._lasting(mono_ns)

    def wall_ns(self, true_ns: int) -> int:
        """Return the ns UTC that the logger believes it is."""
        return self._wall_ns + self._counted(true_ns - self._set_ns)

    def clk(self, true_ns: int) -> int:
        """Return 0 unset, 1 free running, 2 synchronised within MAX_SYNC_AGE_S."""
        end_ns = self.trusted_until_ns()
        return FREE_RUNNING if end_ns is not None and true_ns >= end_ns else self._clk

    def sync_age_s(self, true_ns: int) -> float | None:
        """Return seconds (to 1 ms, by the crystal) since the last synchronisation; None if there was none.

        0 for a reading from before it: its time is reckoned back from the clock that has been set since.
        """
        if self._synchronised_ns is None:
            return None
        return max(0.0, round(self._counted(true_ns - self._synchronised_ns) / NS_PER_S, 3))

    def trusted_until_ns(self) -> int | None:
        """Return the true time at which clk turns from 2 to 1 if nothing happens; None if it is not 2."""
        if self._clk != SYNCHRONISED or self._synchronised_ns is None:
            return None
        return self._synchronised_ns + self._lasting(MAX_SYNC_AGE_S * NS_PER_S)

    def wants(self, true_ns: int, reference_ns: int) -> bool:
        """Return whether the clock is worth setting to a reference that is a little late."""
        error_ns = abs(self.wall_ns(true_ns) - reference_ns)
        return self.clk(true_ns) != SYNCHRONISED or error_ns > MAX_CLOCK_ERROR_S * NS_PER_S

    def synchronise(self, true_ns: int, reference_ns: int) -> None:
        """Set the wall clock to a reference's time, in one step."""
        self._set_ns, self._wall_ns = true_ns, reference_ns
        self._clk, self._synchronised_ns = SYNCHRONISED, true_ns

    def step(self, true_ns: int, by_s: float) -> None:
        """Let the wall clock jump, a fault that the logger does not notice: clk and sync_age_s stay."""
        self._wall_ns = self.wall_ns(true_ns) + round(by_s * NS_PER_S)
        self._set_ns = true_ns

    def stamp(self, true_ns: int, boot: int) -> Stamp:
        """Return what a message that is made now says of its time."""
        return Stamp(boot, self.wall_ns(true_ns), self.mono_ns(true_ns), self.clk(true_ns), self.sync_age_s(true_ns))

    def _boot(self) -> int:
        if self._boot_ns is None:
            raise ValueError("oscillator: read before the first power-up")
        return self._boot_ns

    def _counted(self, elapsed_ns: int) -> int:
        """Return what the crystal counts in elapsed true ns."""
        return elapsed_ns * self._rate // PPB

    def _lasting(self, counted_ns: int) -> int:
        """Return the least true ns in which the crystal counts counted_ns: rounded up."""
        return -(-counted_ns * PPB // self._rate)

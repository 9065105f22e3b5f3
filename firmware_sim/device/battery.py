"""A logger's battery: its charge falls linearly with the time for which the logger is switched on."""

from firmware_sim.clock import NS_PER_S

EMPTY_PCT = 0.0
LEVELS_PCT = (20.0, 10.0, EMPTY_PCT)


class Battery:
    """Times are true ns UTC. life_s: how long a full battery lasts; charge_pct: how full it is at first."""

    __slots__ = ("_charge_pct", "_life_ns", "_on_ns", "_used_ns")

    def __init__(self, life_s: float, charge_pct: float) -> None:
        self._life_ns = life_s * NS_PER_S
        self._charge_pct = charge_pct
        self._used_ns = 0  # of time on before _on_ns
        self._on_ns = 0

    def switch_on(self, true_ns: int) -> None:
        """Begin to draw, from a new and full battery if this one is empty: without it there would be no power."""
        if self._used_ns >= self._lasts_ns(EMPTY_PCT):
            self._charge_pct, self._used_ns = 100.0, 0
        self._on_ns = true_ns

    def switch_off(self, true_ns: int) -> None:
        """Draw no more."""
        self._used_ns += true_ns - self._on_ns

    @property
    def empty_ns(self) -> int:
        """Return when the charge is used up if the logger stays on."""
        return self._reached_ns(EMPTY_PCT)

    def pct(self, true_ns: int) -> float:
        """Return the charge of a battery in use, 0 to 100."""
        used_ns = self._used_ns + true_ns - self._on_ns
        return max(0.0, self._charge_pct - 100.0 * used_ns / self._life_ns)

    def levels_passed(self, true_ns: int) -> int:
        """Return how many of LEVELS_PCT the charge has fallen to."""
        return sum(true_ns >= self._reached_ns(level) for level in LEVELS_PCT)

    def next_level_ns(self, true_ns: int) -> int | None:
        """Return when the next level is reached if the logger stays on; None after the last."""
        moments = (self._reached_ns(level) for level in LEVELS_PCT)
        return min((at_ns for at_ns in moments if at_ns > true_ns), default=None)

    def _reached_ns(self, level_pct: float) -> int:
        return self._on_ns - self._used_ns + self._lasts_ns(level_pct)

    def _lasts_ns(self, level_pct: float) -> int:
        """Return the time on from the first charge to a level."""
        return round((self._charge_pct - level_pct) / 100 * self._life_ns)

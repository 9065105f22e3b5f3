"""The logger's clock: a drifting crystal, a wall clock that may be wrong, and mono that never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Oscillator
from firmware_sim.device.oscillator import MAX_SYNC_AGE_S, UNSET_WALL_NS

START_NS = 1_795_413_600 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS

drifts_ppm = st.floats(-200, 200)
spans_ns = st.integers(0, 400 * DAY_NS)
faults = st.lists(st.tuples(st.sampled_from(["step", "synchronise"]), st.integers(0, DAY_NS), st.integers(-9999, 9999)))


def make(drift_ppm: float = 0.0, has_rtc: bool = True) -> Oscillator:
    """Return an oscillator that was just switched on for the first time."""
    oscillator = Oscillator(drift_ppm, has_rtc)
    oscillator.power_up(START_NS)
    return oscillator


@given(drifts_ppm, faults)
def test_mono_is_the_crystal_whatever_the_wall_does(drift_ppm: float, happenings: list[tuple[str, int, int]]) -> None:
    """It never goes back and never notices that the wall clock was set or jumped."""
    oscillator, untouched = make(drift_ppm), make(drift_ppm)
    at_ns, last_ns = START_NS, 0
    for what, after_ns, by_s in happenings:
        at_ns += after_ns
        if what == "step":
            before_ns = oscillator.wall_ns(at_ns)
            oscillator.step(at_ns, by_s)
            assert oscillator.wall_ns(at_ns) == before_ns + by_s * NS_PER_S
        else:
            oscillator.synchronise(at_ns, at_ns + by_s)
            assert oscillator.wall_ns(at_ns) == at_ns + by_s
        mono_ns = oscillator.mono_ns(at_ns)
        assert mono_ns == untouched.mono_ns(at_ns)
        assert mono_ns >= last_ns
        last_ns = mono_ns


@given(drifts_ppm, spans_ns)
def test_true_ns_is_the_inverse_of_mono(drift_ppm: float, mono_ns: int) -> None:
    """The first true nanosecond at which mono has come so far; the one before it has not."""
    oscillator = make(drift_ppm)
    true_ns = oscillator.true_ns(mono_ns)
    assert oscillator.mono_ns(true_ns) >= mono_ns
    assert true_ns == START_NS or oscillator.mono_ns(true_ns - 1) < mono_ns


def test_the_drift_is_exact() -> None:
    """20 ppm is 17.28 s in ten days, on the wall as on mono."""
    oscillator = make(20.0)
    at_ns = START_NS + 10 * DAY_NS
    assert oscillator.mono_ns(at_ns) == 10 * DAY_NS + 17_280_000_000
    assert oscillator.wall_ns(at_ns) == at_ns + 17_280_000_000


def test_a_clock_without_backup_is_unset_at_every_power_up() -> None:
    """It begins in the year 2000, becomes good by a synchronisation, and forgets it."""
    oscillator = make(has_rtc=False)
    at_ns = START_NS + HOUR_NS
    assert (oscillator.clk(at_ns), oscillator.wall_ns(at_ns)) == (0, UNSET_WALL_NS + HOUR_NS)
    assert oscillator.sync_age_s(at_ns) is None
    oscillator.synchronise(at_ns, at_ns)
    assert (oscillator.clk(at_ns), oscillator.sync_age_s(at_ns + NS_PER_S // 2)) == (2, 0.5)
    oscillator.power_up(at_ns + HOUR_NS)
    assert (oscillator.clk(at_ns + HOUR_NS), oscillator.wall_ns(at_ns + HOUR_NS)) == (0, UNSET_WALL_NS)
    assert oscillator.sync_age_s(at_ns + HOUR_NS) is None
    assert oscillator.mono_ns(at_ns + HOUR_NS) == 0


def test_a_clock_with_backup_runs_on_through_a_power_cut() -> None:
    """Set right at the factory, free running until the first synchronisation and after every power-up."""
    oscillator = make(10.0)
    assert (oscillator.clk(START_NS), oscillator.wall_ns(START_NS), oscillator.sync_age_s(START_NS)) == (
        1,
        START_NS,
        None,
    )
    oscillator.synchronise(START_NS, START_NS + 3)
    assert oscillator.clk(START_NS) == 2
    again_ns = START_NS + 1000 * NS_PER_S
    oscillator.power_up(again_ns)
    assert (oscillator.clk(again_ns), oscillator.mono_ns(again_ns)) == (1, 0)
    assert oscillator.wall_ns(again_ns) == again_ns + 10_000_000 + 3
    assert oscillator.sync_age_s(again_ns) == 1000.01


@given(drifts_ppm)
def test_a_synchronisation_is_trusted_for_a_day(drift_ppm: float) -> None:
    """clk turns from 2 to 1 at trusted_until_ns and not a nanosecond earlier; a day is counted by the crystal."""
    oscillator = make(drift_ppm)
    assert oscillator.trusted_until_ns() is None
    oscillator.synchronise(START_NS + 1, START_NS + 1)
    end_ns = oscillator.trusted_until_ns()
    assert end_ns is not None
    assert (oscillator.clk(end_ns - 1), oscillator.clk(end_ns)) == (2, 1)
    assert oscillator.sync_age_s(end_ns) == MAX_SYNC_AGE_S
    oscillator.synchronise(end_ns, end_ns)
    assert oscillator.clk(end_ns) == 2


def test_the_time_before_a_synchronisation_is_reckoned_back_from_it() -> None:
    """A block that was begun before is stamped when it is full: by the clock that has been set since, at age 0."""
    oscillator = make(has_rtc=False)
    oscillator.synchronise(START_NS + HOUR_NS, START_NS + HOUR_NS + 5)
    assert (oscillator.wall_ns(START_NS), oscillator.clk(START_NS)) == (START_NS + 5, 2)
    assert oscillator.sync_age_s(START_NS) == 0.0


def test_a_step_is_not_noticed() -> None:
    """The wall clock is wrong; what the logger says of it is not changed."""
    oscillator = make()
    oscillator.synchronise(START_NS, START_NS)
    oscillator.step(START_NS + HOUR_NS, -7200.0)
    at_ns = START_NS + 2 * HOUR_NS
    assert oscillator.wall_ns(at_ns) == START_NS
    assert (oscillator.clk(at_ns), oscillator.sync_age_s(at_ns)) == (2, 7200.0)


def test_misuse_is_an_error() -> None:
    """A crystal that stands still, a clock that never ran, a time before the power-up."""
    with pytest.raises(ValueError, match="drift_ppm"):
        Oscillator(-1e6)
    with pytest.raises(ValueError, match="before the first power-up"):
        Oscillator().mono_ns(START_NS)
    with pytest.raises(ValueError, match="1 ns before the power-up"):
        make().mono_ns(START_NS - 1)

"""The gas in a sealed container: how it follows the temperature, leaks, breathes, is opened and dries again.

Contents are told as the pressure that they would have at 20 degC (p Tref / T): constant while nothing passes the hull.
"""

from dataclasses import dataclass

import numpy as np

from firmware_sim.physics.atmosphere import F64, KELVIN_C, REFERENCE_K, SEA_LEVEL_PA, Mask
from firmware_sim.physics.climate import DAY_S

KINK_PA = 1e-6  # so near the crack both regimes give the same; rounding must not make them alternate for ever


@dataclass(frozen=True, slots=True)
class Hull:
    """The constants of a container. The figures are EXAMPLES, but for where a comment tells how one follows.

    fill_over_pressure_pa, fill_c: at t = 0 it is as filled at this differential to the standard pressure of the first
    stretch's altitude and at this temperature.
    leak_pa_d: content lost a day at leak_reference_pa over the outside; proportional to the differential, both ways.
    crack_pa, full_flow_pa: differential at which the breather valve opens, and at which valve_flow_m3_s (at 101 325 Pa
    and 20 degC) passes it, in both directions; beyond, the same straight line goes on.
    humidity_pct: what the desiccant holds the closed container at, with sorption_time_s. open_time_s: exchange of air
    and heat with the lid off; equal_time_s: of pressure; purge_time_s: of gas while nitrogen flows.
    """

    free_gas_volume_m3: float = 9.2
    wall_time_s: float = 7200.0
    hardware_time_s: float = 900.0
    fill_over_pressure_pa: float = 2200.0
    fill_c: float = 20.0
    crack_pa: float = 3000.0
    full_flow_pa: float = 5000.0
    valve_flow_m3_s: float = 0.02  # 220 Pa/s in 9.2 m3: three times what a climb of 5 m/s asks for
    leak_pa_d: float = 0.0
    leak_reference_pa: float = 2200.0
    humidity_pct: float = 40.0
    sorption_time_s: float = 10_800.0
    open_time_s: float = 300.0
    equal_time_s: float = 5.0
    purge_time_s: float = 1800.0

    def fill_pa(self, outside_pa: float) -> float:
        """Return the content of a fill against outside_pa, Pa at 20 degC."""
        return (outside_pa + self.fill_over_pressure_pa) * REFERENCE_K / (self.fill_c + KELVIN_C)

    @property
    def leak_per_s(self) -> float:
        """Content lost, Pa/s, for each Pa of differential."""
        return self.leak_pa_d / DAY_S / self.leak_reference_pa

    @property
    def valve_per_s(self) -> float:
        """Content that passes the valve, Pa/s, for each Pa of differential beyond the crack."""
        full_pa_s = self.valve_flow_m3_s * SEA_LEVEL_PA / self.free_gas_volume_m3  # Q = V dp/dt
        return full_pa_s / (self.full_flow_pa - self.crack_pa)


def scan(keep: F64, push: F64, start: float, ceiling: F64 | None = None) -> F64:
    """Return y[i] = min(keep[i] y[i-1] + push[i], ceiling[i]) with y[-1] = start, (n,) float64, n >= 1.

    keep >= 0. Such steps compose to a step of the same kind, so log2(n) rounds of doubling do (Hillis and Steele).
    """
    keep, push = keep.copy(), push.copy()
    top = np.full_like(push, np.inf) if ceiling is None else ceiling.copy()
    reach = 1
    while reach < push.size:
        if ceiling is not None:
            top[reach:] = np.minimum(keep[reach:] * top[:-reach] + push[reach:], top[reach:])
        push[reach:] += keep[reach:] * push[:-reach]
        keep[reach:] *= keep[:-reach]
        reach *= 2
    return np.minimum(keep * start + push, top)


def follow(x: F64, time_s: F64 | float, step_s: float, start: float) -> F64:
    """Return y with y' = (x - y) / time_s and y[0] = start, (n,) float64, for x (n,) on a grid of step_s, n >= 2.

    Exact for x straight between grid points (ramp-invariant): a = exp(-h / tau), f = (1 - a) tau / h,
    y[i] = a y[i-1] + (f - a) x[i-1] + (1 - f) x[i]. time_s: for the step that ends at a point, (n-1,) or one for all;
    0: y is x.
    """
    ratio = np.broadcast_to(np.asarray(time_s, dtype=np.float64) / step_s, x.size - 1)
    keep = np.exp(-1.0 / np.maximum(ratio, 1e-3))  # 1e-3: exp(-1000) is 0
    mean = (1.0 - keep) * ratio
    return np.concatenate(([start], scan(keep, (mean - keep) * x[:-1] + (1.0 - mean) * x[1:], start)))


def contents(
    hull: Hull, warm: F64, outside_pa: F64, is_open: Mask, is_purged: Mask, step_s: float, start: float
) -> F64:
    """Return the gas content at each grid point, Pa at 20 degC, (n,) float64, from `start` at the point before.

    N' = -(leak d + valve(d)) with d = N warm - outside_pa, warm = T / Tref of the gas (ideal gas p V = n R T), by
    backward Euler, which no stiff valve upsets. valve(d) is 0 up to the crack and straight beyond. Where the lid is
    off, d goes to 0 with equal_time_s; where nitrogen flows, to the fill's over-pressure with purge_time_s.
    Each of these flows is slope d + offset: the points' regimes are guessed, solved and corrected until they are
    those of the solution. The flow has one kink each way, so a point is right after at most two corrections of its
    own: 2 n rounds bound the loop, and few are needed. RuntimeError if they were not enough.
    """
    leak, valve = hull.leak_per_s, hull.valve_per_s
    side = np.zeros_like(warm)  # -1: the valve lets air in, 0: it is shut, 1: it lets gas out
    is_forced = is_open | is_purged
    forced_slope = np.where(is_open, 1.0 / hull.equal_time_s, 1.0 / hull.purge_time_s)
    forced_offset = np.where(is_open, 0.0, -hull.fill_over_pressure_pa / hull.purge_time_s)
    for _ in range(2 * warm.size + 1):
        slope = np.where(is_forced, forced_slope, leak + valve * np.abs(side))
        offset = np.where(is_forced, forced_offset, -valve * hull.crack_pa * side)
        share = 1.0 / (1.0 + step_s * slope * warm)
        content_pa = scan(share, share * step_s * (slope * outside_pa - offset), start)
        differential_pa = content_pa * warm - outside_pa
        found = np.sign(differential_pa) * (np.abs(differential_pa) > hull.crack_pa)
        at_kink = np.abs(np.abs(differential_pa) - hull.crack_pa) < KINK_PA
        if np.all((found == side) | at_kink):
            return content_pa
        side = found
    raise RuntimeError("gas content: the valve's regimes did not settle")


def vapour(
    hull: Hull,
    content_pa: F64,
    room_share: F64,
    room_pa: F64,
    saturated_pa: F64,
    is_open: Mask,
    is_purged: Mask,
    step_s: float,
    start: float,
) -> F64:
    """Return the water vapour in the gas, Pa at 20 degC, (n-1,) float64, from `start` at content_pa[0].

    content_pa: (n,) of the gas. The others, (n-1,): room_share the vapour's share of the air around; room_pa its
    content and saturated_pa that of saturated gas, both Pa at 20 degC and at the gas temperature.
    Gas that leaves takes its share along, air that comes in brings its own. Besides, the vapour goes exponentially to
    what the desiccant holds (closed), to the room's (open), to nothing (nitrogen flows). Beyond saturation it
    condenses on the walls and runs to the desiccant: it is gone.
    """
    change_pa = np.diff(content_pa)
    rest = np.minimum(1.0, content_pa[1:] / content_pa[:-1])
    gain_pa = np.where(is_purged, 0.0, np.maximum(change_pa, 0.0) * room_share)
    time_s = np.where(is_open, hull.open_time_s, np.where(is_purged, hull.purge_time_s, hull.sorption_time_s))
    goal_pa = np.where(is_open, room_pa, np.where(is_purged, 0.0, hull.humidity_pct / 100.0 * saturated_pa))
    keep = np.exp(-step_s / time_s)
    return scan(keep * rest, keep * gain_pa + (1.0 - keep) * goal_pa, start, saturated_pa)

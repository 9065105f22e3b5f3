"""The noise-free world of one container, integrated on a grid and asked at any time."""

from array import array
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from firmware_sim.physics.atmosphere import F64, KELVIN_C, REFERENCE_K, saturation_pa, standard_pressure_pa
from firmware_sim.physics.climate import DAY_S, ROOM_TIME_S, Around, Failure, Stretch, Surroundings, Weather
from firmware_sim.physics.gas import Hull, contents, follow, vapour

QUANTITIES = (
    "temperature.air",  # degC, the gas inside
    "temperature.hardware",  # degC
    "temperature.outside",  # degC
    "humidity.air",  # %, over water
    "humidity.outside",  # %, over water
    "pressure.inside",  # Pa
    "pressure.outside",  # Pa
    "differential.inside",  # Pa, inside minus outside
    "light.inside",  # lx
)
CHUNK = 1024  # grid points integrated at once
MAX_T_S = 3660 * DAY_S  # ten years: with the shortest sensible step of 1 s, 25 MB of states
KEPT_CHUNKS = 4  # 4 x 9 quantities x 1 025 points x 8 bytes = 295 kB
OPEN_LIGHT_LX = 500.0  # a lit hall (own choice)

_STATE = 5  # room, gas and hardware in degC, gas and vapour content in Pa at 20 degC
_ROW = {name: row for row, name in enumerate(QUANTITIES)}


class World:
    """The air around and the gas inside one container, shared by its loggers.

    The grid is integrated in chunks from the state at each chunk's first point. All states are kept (40 bytes for each
    CHUNK points), of the chunks themselves only the last used, so memory stays small and every chunk can be made
    again, bit by bit the same. What is not straight between grid points is as wrong as the grid is coarse.
    """

    def __init__(
        self,
        stretches: Sequence[Stretch],
        hull: Hull,
        failures: Sequence[Failure],
        start_ns: int,
        step_s: float,
        seed: int,
        *,
        weather: Weather = Weather(),  # noqa: B008 - frozen
        kept_chunks: int = KEPT_CHUNKS,
    ) -> None:
        """start_ns: UTC of t = 0; step_s: of the grid. Worlds with the same seed have the same weather.

        At t = 0 all is in balance with the surroundings, the gas is as filled (Hull). ValueError for stretches that
        are not contiguous from 0 or a step that is not above 0.
        """
        if not step_s > 0:
            raise ValueError(f"step_s is {step_s}, expected a number above 0")
        self._hull, self._step_s, self._kept = hull, float(step_s), kept_chunks
        self._around = Surroundings(stretches, failures, start_ns, weather, seed)
        self._states = array("d", self._first_state(stretches[0].altitude_m))
        self._chunks: OrderedDict[int, F64] = OrderedDict()

    def at(self, t_s: F64, names: Sequence[str] = QUANTITIES) -> dict[str, F64]:
        """Return the named quantities at t_s, (n,) float64 each, in the units of QUANTITIES; never NaN.

        t_s: (n,) float64, s since the scenario's start, ascending, at least 0. Linear interpolation between grid
        points. ValueError for times that are not ascending from 0 to MAX_T_S; KeyError for an unknown name.
        """
        rows = np.array([[_ROW[name]] for name in names], dtype=np.intp)
        t_s = np.asarray(t_s, dtype=np.float64)
        if t_s.size == 0:
            return {name: np.empty(0) for name in names}
        if not (t_s[0] >= 0 and t_s[-1] <= MAX_T_S and np.all(t_s[1:] >= t_s[:-1])):
            raise ValueError(f"ask the world: {t_s[0]} to {t_s[-1]} s, expected ascending times from 0 to {MAX_T_S} s")
        place = t_s / self._step_s
        point = place.astype(np.int64)
        first, last = int(point[0]) // CHUNK, int(point[-1]) // CHUNK
        out = np.empty((len(rows), t_s.size))
        cuts = np.searchsorted(point, np.arange(first, last + 2) * CHUNK)
        cuts[0] = 0
        for number, begin, end in zip(range(first, last + 1), cuts[:-1], cuts[1:], strict=True):
            if begin == end:
                continue
            grid, local = self._chunk(number), point[begin:end] - number * CHUNK
            low, high = grid[rows, local], grid[rows, local + 1]
            out[:, begin:end] = low + (high - low) * (place[begin:end] - point[begin:end])
        return dict(zip(names, out, strict=True))

    def _first_state(self, altitude_m: float) -> list[float]:
        """Return the state at t = 0: gas at the surroundings' temperature, humidity as the desiccant holds it."""
        begin_c = float(self._around.at(np.zeros(1)).target_c[0])
        outside_pa = float(standard_pressure_pa(np.full(1, altitude_m))[0])
        vapour_pa = self._hull.humidity_pct / 100.0 * float(saturation_pa(np.full(1, begin_c))[0])
        dry_pa = vapour_pa * REFERENCE_K / (begin_c + KELVIN_C)
        return [begin_c, begin_c, begin_c, self._hull.fill_pa(outside_pa), dry_pa]

    def _chunk(self, number: int) -> F64:
        """Return a chunk, (quantities, CHUNK + 1): its last point is the first of the next one."""
        made = self._chunks.get(number)
        if made is not None:
            self._chunks.move_to_end(number)
            return made
        known = len(self._states) // _STATE
        for earlier in range(known - 1, number):
            self._make(earlier)
        return self._make(number)

    def _make(self, number: int) -> F64:
        """Integrate one chunk from its saved state; save that of the next and keep the chunk among the last used."""
        begin = number * _STATE
        made, after = self._integrate(number, self._states[begin : begin + _STATE])
        if len(self._states) == begin + _STATE:
            self._states.extend(after)
        self._chunks[number] = made
        if len(self._chunks) > self._kept:
            self._chunks.popitem(last=False)
        return made

    def _integrate(self, number: int, state: "array[float]") -> tuple[F64, list[float]]:
        """Return the chunk and the state at its last point.

        Outside -> room -> gas -> hardware, each following the one before (`follow`); then the gas content by its
        leaks and valves, and last the vapour in it.
        """
        t_s = np.arange(number * CHUNK, (number + 1) * CHUNK + 1, dtype=np.float64) * self._step_s
        hull, around = self._hull, self._around.at(t_s)
        is_open, is_purged = around.is_open[1:], around.is_purged[1:]
        room_c = follow(around.target_c, _room_time_s(around), self._step_s, state[0])
        air_c = follow(room_c, np.where(is_open, hull.open_time_s, hull.wall_time_s), self._step_s, state[1])
        hardware_c = follow(air_c, hull.hardware_time_s, self._step_s, state[2])
        warm = (air_c + KELVIN_C) / REFERENCE_K
        gas_pa = contents(hull, warm[1:], around.outside_pa[1:], is_open, is_purged, self._step_s, state[3])
        content_pa = np.concatenate(([state[3]], gas_pa))
        saturated_pa = saturation_pa(air_c)
        room_pa = np.minimum(around.vapour_pa, saturation_pa(room_c))[1:]
        water_pa = vapour(
            hull,
            content_pa,
            room_pa / around.outside_pa[1:],
            room_pa / warm[1:],
            saturated_pa[1:] / warm[1:],
            is_open,
            is_purged,
            self._step_s,
            state[4],
        )
        water_pa = np.concatenate(([state[4]], water_pa))
        inside_pa = content_pa * warm
        chunk = np.stack(
            [
                air_c,
                hardware_c,
                around.outside_c,
                np.minimum(100.0, 100.0 * water_pa * warm / saturated_pa),
                np.minimum(100.0, 100.0 * around.vapour_pa / saturation_pa(around.outside_c)),
                inside_pa,
                around.outside_pa,
                inside_pa - around.outside_pa,
                np.where(around.is_open, OPEN_LIGHT_LX, 0.0),
            ]
        )
        return chunk, [float(path[-1]) for path in (room_c, air_c, hardware_c, content_pa, water_pa)]


def _room_time_s(around: Around) -> F64:
    """Return how slowly the surroundings follow at each step: a room has its time, the open air and a room just entered
    (tempered before) have none.
    """
    stays = around.is_room[1:] & around.is_room[:-1]
    return np.where(stays, ROOM_TIME_S, 0.0)

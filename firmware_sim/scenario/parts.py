"""The tables of a scenario file but for its faults; a key that is not known is an error."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from firmware_sim.device.sensing import Accelerometer
from firmware_sim.physics.impact import SURFACES
from firmware_sim.physics.vibration import PSD
from firmware_sim.scenario.values import (
    MAX_ACCELEROMETERS,
    MAX_BLOCK,
    MAX_CHANNELS,
    MAX_CLIMB,
    MAX_FILL_PA,
    MAX_FS_HZ,
    MAX_HEAT_K,
    MAX_ISOLATION,
    MAX_LEAK_PA_D,
    MAX_LOGGERS,
    MAX_NOISE_G,
    MAX_RANGE_G,
    MAX_SUN_K,
    MAX_VOLUME_M3,
    MAX_WEATHER_K,
    MAX_WEATHER_PA,
    MIN_CLIMB,
    MIN_FILL_PA,
    MIN_FS_HZ,
    MIN_RANGE_G,
    MIN_VOLUME_M3,
    Channel,
    Duration,
    Hertz,
    Interval,
    Length,
    Name,
    Names,
    Peak,
    Percent,
    Pulse,
    ReportInterval,
    SignedPeak,
    SignedPercent,
    Swing,
    SyncInterval,
    Temperature,
    ValvePressure,
    Vector,
    Vibration,
    one_of,
    within,
)

GROUND_M = 239.0  # Turin


class Part(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AccelerometerPart(Part):
    """Settings of an accelerometer; pre leaves 0.1 s of rest before the slowest pulse reaches the level.

    offset_pct: DC offset of each sensor axis, per cent of the range. rotation: sensor to container axes.
    """

    fs_hz: Annotated[float, within(MIN_FS_HZ, MAX_FS_HZ)] = 3200.0
    record: Length = 0.25
    pre: Length = 0.125
    range_g: Annotated[float, within(MIN_RANGE_G, MAX_RANGE_G)] = 16.0
    bits: Annotated[int, Field(ge=8, le=16)] = 16
    level_g: Annotated[float, Field(gt=0, le=MAX_RANGE_G, allow_inf_nan=False)] = 1.0
    wake_g: Annotated[float, within(0, MAX_RANGE_G)] = 0.0
    dead: Duration = 0.0
    coupling: Literal["dc", "ac"] = "dc"
    hp_hz: Annotated[float, within(0, MAX_FS_HZ)] = 0.0
    lp_hz: Hertz | None = None
    offset_pct: tuple[SignedPercent, SignedPercent, SignedPercent] = (0.0, 0.0, 0.0)
    noise_g: Annotated[float, within(0, MAX_NOISE_G)] = 0.005
    rotation: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))

    def built(self, name: str) -> Accelerometer:
        """Return the accelerometer of these settings. Raise ValueError for settings that do not go together."""
        x, y, z = (pct / 100.0 * self.range_g for pct in self.offset_pct)
        return Accelerometer(
            name=name,
            fs_hz=self.fs_hz,
            record_s=self.record,
            pre_s=self.pre,
            range_g=self.range_g,
            bits=self.bits,
            level_g=self.level_g,
            wake_g=self.wake_g,
            dead_s=self.dead,
            coupling=self.coupling,
            hp_hz=self.hp_hz,
            lp_hz=self.fs_hz / 2 if self.lp_hz is None else self.lp_hz,
            offset_g=(x, y, z),
            noise_g=self.noise_g,
            rotation=self.rotation,
        )


class DevicePart(Part):
    """What a logger is and does; a logger's own table may say otherwise, key by key.

    isolation: share of the floor's vibration and shocks that reaches it. report_every: the radio is switched on that
    often, for report_for (absent: always on). sync: where its clock is set from.
    """

    model: Name = "TL-3"
    interval: Interval = 60.0
    block: Annotated[int, Field(ge=1, le=MAX_BLOCK)] = 10
    channels: list[Channel] = Field(
        default=["temperature.air", "temperature.hardware"], min_length=1, max_length=MAX_CHANNELS
    )
    flash_bytes: Annotated[int, Field(ge=64 * 1024, le=2**32)] = 8 * 2**20
    window_records: Annotated[int, Field(ge=1, le=1000)] = 256
    drift_ppm: Annotated[float, within(-500, 500)] = 5.0
    rtc: bool = True
    sync: Literal["network", "ack", "never"] = "network"
    sync_every: SyncInterval = 6 * 3600.0
    battery: Length = 90 * 86400.0
    report_every: ReportInterval | None = None
    report_for: Length | None = None
    armed_at: Duration = 0.0
    isolation: Annotated[float, within(0, MAX_ISOLATION)] = 1.0
    accelerometer: Annotated[dict[Name, AccelerometerPart], Field(max_length=MAX_ACCELEROMETERS)] = {
        "a": AccelerometerPart()
    }


class LoggerPart(Part):
    """One logger. `device` is the scenario's [device] but for the keys that stand in the logger's own table."""

    id: Name
    serial: Name
    device: DevicePart


class ContainerPart(Part):
    """One container: what its hull keeps, and the loggers in it."""

    id: Name
    logger: list[LoggerPart] = Field(min_length=1, max_length=MAX_LOGGERS)
    free_gas_volume_m3: Annotated[float, within(MIN_VOLUME_M3, MAX_VOLUME_M3)] = 9.2
    over_pressure_pa: Annotated[float, within(MIN_FILL_PA, MAX_FILL_PA)] = 2200.0
    leak_pa_d: Annotated[float, within(0, MAX_LEAK_PA_D)] = 0.0
    crack_pa: ValvePressure = 3000.0
    full_flow_pa: ValvePressure = 5000.0
    humidity_pct: Percent = 40.0
    wall_lag: Length = 7200.0
    hardware_lag: Length = 900.0


class RoadPart(Part):
    """Pot-holes, joints, docking: a Poisson process of half-sines; direction random, peak and duration uniform."""

    per_hour: Annotated[float, within(0, 1000)]
    peak_g: tuple[Peak, Peak] = (1.05, 1.15)
    duration_ms: tuple[Pulse, Pulse] = (8.0, 20.0)
    cause: Name = "road"


class LegPart(Part):
    """A stretch of the journey with its surroundings; the legs follow one another from the scenario's start.

    altitude_m: pressure altitude around the container, reached at climb_m_per_min. hvac_c: set point of the hold or
    truck (absent: the container stands in the outside air). sun_k: excess of the shell at noon. open: the lid is off;
    purged: nitrogen flows in. vibration: Grms on the floor, or "astm-d4169" for that standard's cycle of levels.
    containers: whom it concerns (absent: all).
    """

    id: Name
    phase: Name
    length: Length = Field(alias="for")
    containers: Names | None = None
    outside_c: Temperature = 20.0
    day_amplitude_k: Swing = 1.5
    humidity_pct: Percent = 60.0
    hvac_c: Temperature | None = None
    sun_k: Annotated[float, within(0, MAX_SUN_K)] = 0.0
    altitude_m: Annotated[float, within(-500, 11_000)] = GROUND_M
    climb_m_per_min: Annotated[float, within(MIN_CLIMB, MAX_CLIMB)] = 100.0
    open: bool = False
    purged: bool = False
    vibration: Vibration = 0.0
    psd: Annotated[str, one_of(PSD)] = "truck"
    events: RoadPart | None = None


class WeatherPart(Part):
    """Standard deviations of the slow random parts of the outside air."""

    temperature_k: Annotated[float, within(0, MAX_WEATHER_K)] = 0.4
    humidity_pct: Percent = 2.0
    pressure_pa: Annotated[float, within(0, MAX_WEATHER_PA)] = 80.0


class EventPart(Part):
    """Something that happens at one logger, or at every logger of a container."""

    at: Duration
    container: Name
    logger: Name | None = None


class HeatPart(EventPart):
    """A source beside the hardware pulls it delta_k away from its surroundings, with the hardware's own lag."""

    length: Length = Field(alias="for")
    delta_k: Annotated[float, within(-MAX_HEAT_K, MAX_HEAT_K)]


class ShockPart(EventPart):
    """A pulse of given peak on one axis of the container."""

    axis: Literal["x", "y", "z"]
    peak_g: SignedPeak
    duration_ms: Pulse
    shape: Literal["half-sine", "sawtooth"] = "half-sine"


class DropPart(EventPart):
    """A fall from a height onto a surface, along an axis of the container."""

    height_m: Annotated[float, Field(gt=0, le=5, allow_inf_nan=False)]
    surface: Annotated[str, one_of(SURFACES)]
    axis: Literal["x", "y", "z"] = "z"

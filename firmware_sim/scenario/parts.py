"""The tables of a scenario file but for its faults; a key that is not known is an error."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from firmware_sim.clock import parse_duration_s
from firmware_sim.physics.impact import SURFACES
from firmware_sim.physics.vibration import PSD

MAX_BLOCK = 100_000  # readings in a record, by the wire format
MAX_CHANNELS = 64  # of a record, by the wire format
MAX_ACCELEROMETERS = 8  # of a logger
GROUND_M = 239.0  # Turin


def _seconds(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError(f'expected a duration as text such as "60 s", got {value!r}')
    return parse_duration_s(value)


def _one_of(known: Any) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"expected one of {', '.join(sorted(known))}, got {name!r}")
        return name

    return AfterValidator(check)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Duration = Annotated[float, BeforeValidator(_seconds)]
Length = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Interval = Annotated[float, BeforeValidator(_seconds), Field(ge=0.01)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
Channel = Literal[
    "temperature.air",
    "temperature.hardware",
    "temperature.outside",
    "humidity.air",
    "humidity.outside",
    "pressure.inside",
    "pressure.outside",
    "differential.inside",
    "light.inside",
    "acceleration.peak",
    "acceleration.rms",
]
CHANNELS: tuple[str, ...] = get_args(Channel)
Vector = tuple[Finite, Finite, Finite]


class Part(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AccelerometerPart(Part):
    """Settings of an accelerometer; pre leaves 0.1 s of rest before the slowest pulse reaches the level.

    offset_pct: DC offset of each sensor axis, per cent of the range. rotation: sensor to container axes.
    """

    fs_hz: Positive = 3200.0
    record: Length = 0.25
    pre: Length = 0.125
    range_g: Positive = 16.0
    bits: Annotated[int, Field(ge=8, le=16)] = 16
    level_g: Positive = 1.0
    wake_g: NotNegative = 0.0
    dead: Duration = 0.0
    coupling: Literal["dc", "ac"] = "dc"
    hp_hz: NotNegative = 0.0
    lp_hz: Positive | None = None
    offset_pct: Vector = (0.0, 0.0, 0.0)
    noise_g: NotNegative = 0.005
    rotation: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


class DevicePart(Part):
    """What a logger is and does; a logger's own table may say otherwise, key by key.

    isolation: share of the floor's vibration and shocks that reaches it. report_every: the radio is switched on that
    often, for report_for (absent: always on). sync: where its clock is set from.
    """

    model: Name = "TL-3"
    interval: Interval = 60.0
    block: Annotated[int, Field(ge=1, le=MAX_BLOCK)] = 10
    channels: list[Channel] = Field(default=["temperature.air", "temperature.hardware"], min_length=1)
    flash_bytes: Annotated[int, Field(ge=64 * 1024, le=2**32)] = 8 * 2**20
    window_records: Annotated[int, Field(ge=1, le=1000)] = 256
    drift_ppm: Annotated[float, Field(ge=-500, le=500)] = 5.0
    rtc: bool = True
    sync: Literal["network", "ack", "never"] = "network"
    sync_every: Length = 6 * 3600.0
    battery: Length = 90 * 86400.0
    report_every: Length | None = None
    report_for: Length | None = None
    armed_at: Duration = 0.0
    isolation: NotNegative = 1.0
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
    logger: list[LoggerPart] = Field(min_length=1)
    free_gas_volume_m3: Positive = 9.2
    over_pressure_pa: Finite = 2200.0
    leak_pa_d: NotNegative = 0.0
    crack_pa: Positive = 3000.0
    full_flow_pa: Positive = 5000.0
    humidity_pct: Percent = 40.0
    wall_lag: Length = 7200.0
    hardware_lag: Length = 900.0


class RoadPart(Part):
    """Pot-holes, joints, docking: a Poisson process of half-sines; direction random, peak and duration uniform."""

    per_hour: Annotated[float, Field(ge=0, le=1000)]
    peak_g: tuple[Positive, Positive] = (1.05, 1.15)
    duration_ms: tuple[Positive, Positive] = (8.0, 20.0)
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
    containers: list[Name] | None = None
    outside_c: Finite = 20.0
    day_amplitude_k: NotNegative = 1.5
    humidity_pct: Percent = 60.0
    hvac_c: Finite | None = None
    sun_k: NotNegative = 0.0
    altitude_m: Annotated[float, Field(ge=-500, le=11_000)] = GROUND_M
    climb_m_per_min: Positive = 100.0
    open: bool = False
    purged: bool = False
    vibration: NotNegative | Literal["astm-d4169"] = 0.0
    psd: Annotated[str, _one_of(PSD)] = "truck"
    events: RoadPart | None = None


class WeatherPart(Part):
    """Standard deviations of the slow random parts of the outside air."""

    temperature_k: NotNegative = 0.4
    humidity_pct: NotNegative = 2.0
    pressure_pa: NotNegative = 80.0


class EventPart(Part):
    """Something that happens at one logger, or at every logger of a container."""

    at: Duration
    container: Name
    logger: Name | None = None


class HeatPart(EventPart):
    """A source beside the hardware pulls it delta_k away from its surroundings, with the hardware's own lag."""

    length: Length = Field(alias="for")
    delta_k: Finite


class ShockPart(EventPart):
    """A pulse of given peak on one axis of the container."""

    axis: Literal["x", "y", "z"]
    peak_g: Finite
    duration_ms: Annotated[float, Field(gt=0, le=40)]  # with its rebound it fits into the record
    shape: Literal["half-sine", "sawtooth"] = "half-sine"


class DropPart(EventPart):
    """A fall from a height onto a surface, along an axis of the container."""

    height_m: Annotated[float, Field(gt=0, le=5)]
    surface: Annotated[str, _one_of(SURFACES)]
    axis: Literal["x", "y", "z"] = "z"

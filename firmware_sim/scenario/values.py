"""What may stand behind a key of a scenario file: its types, each with its bounds."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from firmware_sim.clock import parse_duration_s

MAX_BLOCK = 100_000  # readings in a record, by the wire format
MAX_CHANNELS = 64  # of a record, by the wire format
MAX_NAME = 64  # letters
MAX_ACCELEROMETERS = 8  # of a logger
MAX_LOGGERS = 1000  # of a container
MAX_INTERVAL_S = 86_400.0
MIN_SYNC_S = MIN_REPORT_S = 60.0
MIN_FS_HZ, MAX_FS_HZ = 50.0, 100_000.0  # below, neither the tables of vibration nor a pulse are in the samples
MIN_RANGE_G, MAX_RANGE_G = 0.1, 10_000.0
MAX_PEAK_G = 5000.0
MIN_PULSE_MS, MAX_PULSE_MS = 0.1, 40.0  # with its rebound the longest fits into the usual record
MAX_GRMS = 20.0
MAX_NOISE_G = 10.0
MAX_ISOLATION = 10.0  # a mount in resonance
MIN_C, MAX_C = -90.0, 80.0  # from the coldest air on earth to a shed in the desert
MAX_SWING_K = 40.0
MAX_SUN_K = 60.0
MAX_HEAT_K = 150.0
MAX_WEATHER_K, MAX_WEATHER_PA = 5.0, 2000.0  # standard deviations: at ten of them air is still air
MIN_VOLUME_M3, MAX_VOLUME_M3 = 0.001, 10_000.0
MIN_VALVE_PA, MAX_VALVE_PA = 10.0, 100_000.0
MIN_FILL_PA, MAX_FILL_PA = -10_000.0, 100_000.0
MAX_LEAK_PA_D = 1e6
MIN_CLIMB, MAX_CLIMB = 0.1, 10_000.0  # m/min


def within(low: float, high: float) -> Any:
    """Return the bounds of a number, both among its values."""
    return Field(ge=low, le=high, allow_inf_nan=False)


def one_of(known: Any) -> AfterValidator:
    """Return the check that a name is among those known."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"expected one of {', '.join(sorted(known))}, got {name!r}")
        return name

    return AfterValidator(check)


def _seconds(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError(f'expected a duration as text such as "60 s", got {value!r}')
    return parse_duration_s(value)


def _grms(value: object, check: ValidatorFunctionWrapHandler) -> object:
    """Say in one error what pydantic says in one for each choice."""
    try:
        return check(value)
    except ValidationError:
        raise ValueError(
            f'expected Grms, a number from 0 to {MAX_GRMS:g}, or "astm-d4169", got {value!r:.60}'
        ) from None


Name = Annotated[str, Field(pattern=rf"^[A-Za-z0-9_.-]{{1,{MAX_NAME}}}$")]
Names = Annotated[list[Name], Field(min_length=1)]
Duration = Annotated[float, BeforeValidator(_seconds)]
Length = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Interval = Annotated[float, BeforeValidator(_seconds), Field(ge=0.01, le=MAX_INTERVAL_S)]
SyncInterval = Annotated[float, BeforeValidator(_seconds), Field(ge=MIN_SYNC_S)]
ReportInterval = Annotated[float, BeforeValidator(_seconds), Field(ge=MIN_REPORT_S)]
Hertz = Annotated[float, Field(gt=0, le=MAX_FS_HZ, allow_inf_nan=False)]
Temperature = Annotated[float, within(MIN_C, MAX_C)]
Swing = Annotated[float, within(0, MAX_SWING_K)]
Grms = Annotated[float, within(0, MAX_GRMS)]
Vibration = Annotated[Grms | Literal["astm-d4169"], WrapValidator(_grms)]
Peak = Annotated[float, Field(gt=0, le=MAX_PEAK_G, allow_inf_nan=False)]
SignedPeak = Annotated[float, within(-MAX_PEAK_G, MAX_PEAK_G)]
Pulse = Annotated[float, within(MIN_PULSE_MS, MAX_PULSE_MS)]
ValvePressure = Annotated[float, within(MIN_VALVE_PA, MAX_VALVE_PA)]
Direction = Annotated[float, within(-1, 1)]
SignedPercent = Annotated[float, within(-100, 100)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, within(0, 100)]
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
Vector = tuple[Direction, Direction, Direction]

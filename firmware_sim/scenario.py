"""A scenario: which loggers there are, the climate they stand in, and what happens to them; from a TOML file."""

import tomllib
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from firmware_sim.clock import parse_duration_s, to_ns

MAX_LOGGERS = 1000  # a thread and a connection each
MAX_BLOCK = 100_000  # readings in a record, by the wire format


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message has one line for each thing wrong: file, key, what was expected."""


def _seconds(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError(f'expected a duration as text such as "60 s", got {value!r}')
    return parse_duration_s(value)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Duration = Annotated[float, BeforeValidator(_seconds)]
Interval = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Channel = Literal["temperature.air", "temperature.hardware", "humidity.air", "pressure.inside", "differential.inside"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """A table of the file; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoggerPart(Part):
    """One logger."""

    container: Name
    id: Name
    serial: Name


class ClimatePart(Part):
    """The climate all loggers of the scenario stand in; units as in the names."""

    mean_c: Finite = 20.0
    day_amplitude_k: Finite = 1.5
    walk_k: Finite = 0.4
    hardware_lag: Interval = 900.0
    humidity_pct: Annotated[float, Field(ge=0, le=100)] = 40.0
    outside_pa: Positive = 98_600.0
    differential_pa: Finite = 2200.0


class PhasePart(Part):
    """A stretch of road, as durations from the start of the scenario."""

    begin: Duration
    end: Duration


class RoadPart(Part):
    """Minor shocks of the road: a Poisson process for each logger during the phases; peak and duration are uniform."""

    events_per_hour: Annotated[float, Field(ge=0, le=1000)]
    peak_g: tuple[Positive, Positive] = (1.05, 1.15)
    duration_ms: tuple[Positive, Positive] = (8.0, 20.0)
    phases: list[PhasePart]


class EventPart(Part):
    """Something that happens at one logger."""

    container: Name
    logger: Name
    at: Duration


class TemperatureExceedance(EventPart):
    """A source pulls the hardware `delta_k` away from the air, with the hardware's own lag."""

    length: Interval = Field(alias="for")
    delta_k: Finite


class ShockEvent(EventPart):
    """A half-sine shock at one logger."""

    axis: Literal["x", "y", "z"]
    peak_g: Finite
    duration_ms: Annotated[float, Field(gt=0, le=40)]  # with its rebound it fits into the record


class Scenario(Part):
    """The whole file. `start` absent: now; `duration` absent: for ever; `speed`: virtual seconds in a real one."""

    title: str
    start: datetime | None = None
    duration: Interval | None = None
    speed: Positive = 1.0
    seed: Annotated[int, Field(ge=0)] = 0
    model: Name
    interval: Interval
    block: Annotated[int, Field(ge=1, le=MAX_BLOCK)]
    channels: list[Channel] = Field(min_length=1, max_length=64)
    climate: ClimatePart = ClimatePart()
    road: RoadPart | None = None
    logger: list[LoggerPart] = Field(min_length=1, max_length=MAX_LOGGERS)
    temperature_exceedance: list[TemperatureExceedance] = []
    shock: list[ShockEvent] = []

    def start_ns(self) -> int | None:
        """Return the start in ns UTC, None for now."""
        return None if self.start is None else to_ns(self.start)


def load(name: str) -> Scenario:
    """Return a scenario by the name of a shipped one or by path. Raise ScenarioError with everything that is wrong."""
    shipped = files("firmware_sim") / "scenarios" / f"{name}.toml"
    path = Path(str(shipped)) if "/" not in name and shipped.is_file() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(shipped_names()))
        raise ScenarioError(f"{path}: cannot be read ({error}); expected a file or one of: {known}") from error
    return parse(text, str(path))


def shipped_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    folder = files("firmware_sim") / "scenarios"
    return [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]


def parse(text: str, file: str) -> Scenario:
    """Return the scenario in `text`; `file` stands in the messages of ScenarioError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file}: not TOML: {error}") from error
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError("\n".join(_describe(file, detail) for detail in error.errors())) from error
    wrong = _contradictions(scenario)
    if wrong:
        raise ScenarioError("\n".join(f"{file}: {line}" for line in wrong))
    return scenario


def _describe(file: str, detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    got = "" if detail["type"] in ("missing", "value_error") else f", got {detail['input']!r:.60}"
    return f"{file}: {key}: {message}{got}"


def _contradictions(scenario: Scenario) -> list[str]:
    """Return what no single key shows: names used twice or not defined, times out of order."""
    wrong = []
    known = {(logger.container, logger.id) for logger in scenario.logger}
    names = [logger.id for logger in scenario.logger]
    wrong += [
        f"logger: id {name} is used twice, expected one of its own"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    lists: dict[str, Sequence[EventPart]] = {
        "temperature_exceedance": scenario.temperature_exceedance,
        "shock": scenario.shock,
    }
    places = [(f"{key}.{i}", event.container, event.logger) for key in lists for i, event in enumerate(lists[key])]
    wrong += [f"{key}: {c}/{n} is not among the loggers" for key, c, n in places if (c, n) not in known]
    if scenario.start is not None and scenario.start.tzinfo is None:
        wrong.append("start: expected a time with its zone, such as 2026-11-23T06:00:00Z")
    if scenario.road is not None:
        for index, phase in enumerate(scenario.road.phases):
            if phase.end <= phase.begin:
                wrong.append(f"road.phases.{index}.end: expected a time after begin")
        for key, (low, high) in (("peak_g", scenario.road.peak_g), ("duration_ms", scenario.road.duration_ms)):
            if high < low:
                wrong.append(f"road.{key}: expected [least, greatest], got [{low}, {high}]")
    return wrong

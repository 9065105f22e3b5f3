"""Rules and limits profiles: what is judged, as validated from TOML (values are text with their unit)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from monitor.model.channel import IDENTIFIER, UNITS, quantity_of
from monitor.model.quantity import format_quantity, parse_quantity

Identifier = Annotated[str, StringConstraints(pattern=rf"^{IDENTIFIER.pattern}$")]
Severity = Literal["info", "warning", "alarm"]


def _reader(dimension: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, dimension))


def _writer(dimension: str) -> PlainSerializer:
    """Write JSON as the files are written, so that what was dumped can be read back."""
    return PlainSerializer(lambda value: format_quantity(value, dimension), when_used="json-unless-none")


Seconds = Annotated[float, _reader("time"), _writer("time")]
Hertz = Annotated[float, _reader("frequency"), Field(gt=0), _writer("frequency")]
Acceleration = Annotated[float, _reader("acceleration"), Field(gt=0), _writer("acceleration")]


class Strict(BaseModel):
    """A table of the configuration: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleBase(Strict):
    """The keys that every rule has; no `phases` means in every phase."""

    id: Identifier
    severity: Severity
    phases: tuple[str, ...] | None = None


def _level(data: dict[str, Any]) -> float:
    """The limit itself, for a rule without `clear`; a rule without a limit is refused by its own check."""
    levels = [data[key] for key in ("above", "below") if data[key] is not None]
    return float(levels[0]) if levels else 0.0


class ThresholdRule(RuleBase):
    """A reading strictly beyond `above` or `below` (in the channel's unit) for `for_s` seconds.

    Once fired it lasts until a reading is no longer beyond `clear`, which is the limit itself unless given.
    """

    kind: Literal["threshold"]
    channel: str
    above: float | None = None
    below: float | None = None
    clear: float = Field(default_factory=_level)
    for_s: Annotated[Seconds, Field(ge=0, alias="for")] = 0.0

    @field_validator("channel")
    @classmethod
    def _check_channel(cls, channel: str) -> str:
        if quantity_of(channel) not in UNITS:
            raise ValueError(f"expected <quantity>.<place> with one of {', '.join(UNITS)}, got {channel!r}")
        return channel

    @field_validator("above", "below", "clear", mode="before")
    @classmethod
    def _parse_level(cls, value: object, info: ValidationInfo) -> float | None:
        """Read a level in units of the channel's quantity."""
        if value is None or "channel" not in info.data:  # the channel's own error is reported already
            return 0.0 if info.field_name == "clear" else None
        return parse_quantity(value, quantity_of(info.data["channel"]))

    @field_serializer("above", "below", "clear", when_used="json-unless-none")
    def _write_level(self, value: float) -> str:
        return format_quantity(value, quantity_of(self.channel))

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("above: expected exactly one of the keys above and below")
        if (self.clear - self.limit) * self.sign > 0:
            side = "at or below" if self.above is not None else "at or above"
            raise ValueError(f"clear: expected a level {side} the limit {self.limit:g}, got {self.clear:g}")
        return self

    @property
    def limit(self) -> float:
        """The level in the channel's unit."""
        return self.above if self.above is not None else self.below  # type: ignore[return-value]  # one of both is set

    @property
    def sign(self) -> int:
        """+1 when beyond means above, -1 when it means below."""
        return 1 if self.above is not None else -1

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`."""
        return fnmatchcase(channel, self.channel)


class ShockRule(RuleBase):
    """A shock event whose peak on `axis`, static part removed and low-passed, is beyond `peak` (g).

    With `min_duration_s` the signal must stay beyond the level for that long.
    """

    kind: Literal["shock"]
    axis: Literal["x", "y", "z", "resultant"]
    peak_g: Annotated[Acceleration, Field(alias="peak")]
    lowpass_hz: Annotated[Hertz | None, Field(alias="lowpass")] = None
    min_duration_s: Annotated[Seconds, Field(ge=0, alias="min_duration")] = 0.0

    @property
    def limit(self) -> float:
        """The level in g."""
        return self.peak_g


Rule = Annotated[ThresholdRule | ShockRule, Field(discriminator="kind")]


class Profile(Strict):
    """A limits profile: a name and its rules, each with an id of its own."""

    name: Identifier
    title: str = ""
    rule: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        ids = [rule.id for rule in self.rule]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"rule: expected a different id for each rule, {', '.join(twice)} stands more than once")
        return self

"""Rules and limits profiles: what is judged, as validated from TOML (values are text with their unit)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from monitor.model.channel import IDENTIFIER, UNITS, quantity_of
from monitor.model.quantity import parse_quantity

Identifier = Annotated[str, StringConstraints(pattern=rf"^{IDENTIFIER.pattern}$")]
Severity = Literal["info", "warning", "alarm"]


def _quantity(dimension: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, dimension))


Seconds = Annotated[float, _quantity("time")]
Hertz = Annotated[float, _quantity("frequency"), Field(gt=0)]
Acceleration = Annotated[float, _quantity("acceleration"), Field(gt=0)]


class Strict(BaseModel):
    """A table of the configuration: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleBase(Strict):
    """The keys that every rule has; no `phases` means in every phase."""

    id: Identifier
    severity: Severity
    phases: tuple[str, ...] | None = None


class ThresholdRule(RuleBase):
    """A reading strictly beyond `above` or `below` (in the channel's unit) for `for_s` seconds.

    Once fired it lasts until a reading is no longer beyond `clear`, which is the limit itself unless given.
    """

    kind: Literal["threshold"]
    channel: str
    above: float | None = None
    below: float | None = None
    clear: float
    for_s: Annotated[Seconds, Field(ge=0, alias="for")] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _parse_levels(cls, data: Any) -> Any:
        """Read the levels in units of the channel's quantity."""
        if not isinstance(data, dict) or not isinstance(data.get("channel"), str):
            return data
        quantity = quantity_of(data["channel"])
        if quantity not in UNITS:
            raise ValueError(
                f"channel: expected <quantity>.<place> with one of {', '.join(UNITS)}, got {data['channel']!r}"
            )
        parsed = dict(data)
        for key in ("above", "below", "clear"):
            if key in parsed:
                try:
                    parsed[key] = parse_quantity(parsed[key], quantity)
                except ValueError as error:
                    raise ValueError(f"{key}: {error}") from None
        if ("above" in parsed) == ("below" in parsed):
            raise ValueError("above: expected exactly one of the keys above and below")
        parsed.setdefault("clear", parsed.get("above", parsed.get("below")))
        return parsed

    @model_validator(mode="after")
    def _check_clear(self) -> Self:
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

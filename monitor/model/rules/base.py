"""What rules of all kinds have in common."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_serializer, field_validator, model_validator

from monitor.model.channel import QUANTITIES, is_glob
from monitor.model.quantity import format_quantity, inside_unit, parse_quantity
from monitor.model.strict import Identifier, Seconds, Severity, Strict

NUMBER = "number"  # the dimension of a plain number, which has no unit


def key(meaning: str, example: str, unit: str = "", **more: Any) -> Any:
    """A key of a rule as `tcm limits explain` prints it; `example` and `unit` as the file has them."""
    return Field(description=meaning, examples=[example], json_schema_extra={"unit": unit}, **more)


def parse_level(value: object, dimension: str) -> float:
    """Read text with a unit of `dimension`, or a plain number where that is what is meant."""
    if dimension != NUMBER:
        return parse_quantity(value, dimension)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"expected a number without unit such as 5, got {value!r}")
    return float(value)


def format_level(value: float, dimension: str) -> str | float:
    """Write a level so that parse_level reads back exactly the same number."""
    return value if dimension == NUMBER else format_quantity(value, dimension)


def dimension_unit(dimension: str) -> str:
    """The unit of the values inside, "" for plain numbers."""
    return "" if dimension == NUMBER else inside_unit(dimension)


def _check_glob(channel: str) -> str:
    if not is_glob(channel):
        raise ValueError(f"expected <quantity>.<place> with one of {', '.join(QUANTITIES)}, got {channel!r}")
    return channel


ChannelGlob = Annotated[
    str,
    AfterValidator(_check_glob),
    key("channel(s) to judge, <quantity>.<place>; in the place * stands for any", '"temperature.*"'),
]
Dwell = Annotated[
    Seconds, key("how long it lasts beyond the limit before the rule fires", '"10 min"', "time", ge=0, alias="for")
]
Clear = Annotated[float, key("level that ends the alert; default: the limit itself", '"24 degC"', "as the limit")]


class RuleBase(Strict):
    """The keys that every rule has; no `phases` means in every phase."""

    id: Annotated[Identifier, key("name of the rule, its own within the profile", '"temperature-high"')]
    severity: Annotated[Severity, key("how grave an alert of the rule is", '"warning"')]
    phases: Annotated[
        tuple[str, ...] | None,
        key("phases in which the rule watches; default: all", '["road", "air"]', min_length=1),
    ] = None
    kind: Annotated[str, key("kind of the rule", '"threshold"')]
    guard: Annotated[
        Literal["accuracy"] | None,
        key('"accuracy": fires at the limit less the uncertainty U (k = 2)', '"accuracy"'),
    ] = None


def level_default(data: dict[str, Any]) -> float:
    """The limit itself, for a rule without `clear`; a rule without a limit is refused by its own check."""
    levels = [data[name] for name in ("above", "below") if data.get(name) is not None]
    return float(levels[0]) if levels else 0.0


class LevelRule(RuleBase):
    """A rule with a limit `above` or `below`, whose unit follows from its other keys, and perhaps `clear`.

    Once fired it lasts until a value is no longer beyond `clear`.
    """

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """The dimension of the levels, from the fields validated so far; None when one it needs is wrong."""
        raise NotImplementedError

    @field_validator("above", "below", "clear", mode="before", check_fields=False)
    @classmethod
    def _read_level(cls, value: object, info: ValidationInfo) -> float | None:
        """Read a level in units of its dimension."""
        dimension = cls.dimension_of(info.data)
        if value is None:
            return None
        return 0.0 if dimension is None else parse_level(value, dimension)  # 0: the other key's error is reported

    @field_serializer("above", "below", "clear", when_used="json-unless-none", check_fields=False)
    def _write_level(self, value: float) -> str | float:
        return format_level(value, self._dimension)

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        above, below = getattr(self, "above", None), getattr(self, "below", None)
        if (above is None) == (below is None):
            raise ValueError("above: expected exactly one of the keys above and below")
        clear = getattr(self, "clear", self.limit)
        if (clear - self.limit) * self.sign > 0:
            side = "at or below" if self.sign > 0 else "at or above"
            raise ValueError(f"clear: expected a level {side} the limit {self.limit:g}, got {clear:g}")
        return self

    @property
    def _dimension(self) -> str:
        dimension = self.dimension_of(self.__dict__)
        assert dimension is not None, "a rule whose keys are valid has a dimension"
        return dimension

    @property
    def limit(self) -> float:
        """The level, in `unit`."""
        return level_default(self.__dict__)

    @property
    def sign(self) -> int:
        """+1 when beyond means above, -1 when it means below."""
        return 1 if getattr(self, "above", None) is not None else -1

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown."""
        return dimension_unit(self._dimension)

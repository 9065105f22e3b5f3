"""What rules of all kinds have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from monitor.model.channel import QUANTITIES, is_glob
from monitor.model.quantity import format_quantity, inside_unit
from monitor.model.strict import Identifier, Seconds, Severity, Strict, is_journalled, read_quantity

NUMBER = "number"  # the dimension of a plain number, which has no unit
MAX_AGE_STEPS = 1_000  # of a grid: so many evaluations may a reading count for, else `every` or `max_age` is a slip


def key(meaning: str, example: str, unit: str = "", **more: Any) -> Any:
    """A key of a rule as `tcm limits explain` prints it; `example` and `unit` as the file has them."""
    return Field(description=meaning, examples=[example], json_schema_extra={"unit": unit}, **more)


def parse_level(value: object, dimension: str, info: ValidationInfo) -> float:
    """Read text with a unit of `dimension`, or a plain number where that is what is meant."""
    if dimension != NUMBER:
        return read_quantity(value, dimension, info)
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

    @model_validator(mode="wrap")
    @classmethod
    def _check_sense(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Refuse what can be read but cannot work; what stands in a journal was once taken and is read back."""
        rule = handler(data)
        faults = [] if is_journalled(info) or not isinstance(data, dict) else list(rule.senseless(data))
        if faults:
            raise ValueError("\n".join(faults))
        return rule

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """What cannot work or means nothing, `key: what was expected`; `written` is the table of the file."""
        del written
        phases = self.phases or ()
        for phase in sorted({phase for phase in phases if phases.count(phase) > 1}):
            yield f"phases: expected each phase once, {phase} stands there {phases.count(phase)} times"


def level_default(data: dict[str, Any]) -> float:
    """The limit itself, for a rule without `clear`; a rule without a limit is refused by its own check."""
    levels = [data[name] for name in ("above", "below") if data.get(name) is not None]
    return float(levels[0]) if levels else 0.0


def clear_fault(rule: Any, written: Mapping[str, Any]) -> str:
    """What is wrong when `clear` lies beyond the limit, "" when it does not; levels as the file has them."""
    if (rule.clear - rule.limit) * rule.sign <= 0:
        return ""
    side, limit = ("at or below", "above") if rule.sign > 0 else ("at or above", "below")
    return f"clear: expected a level {side} the limit {written[limit]}, got {written['clear']}"


def grid_faults(rule: Any, *, is_on_grid: bool, with_what: str) -> Iterator[str]:
    """What is wrong with `max_age` and `every`, which only a rule over all loggers of a container has a use for."""
    fields = type(rule).model_fields
    for name in () if is_on_grid else ("max_age_s", "every_s"):
        if getattr(rule, name) != fields[name].default:
            yield f"{fields[name].alias}: expected only with {with_what}"
    if is_on_grid and rule.max_age_s > MAX_AGE_STEPS * rule.every_s:
        most = f"{MAX_AGE_STEPS} times every, {rule.every_s:g} s"
        yield f"max_age: expected at most {most}, got {rule.max_age_s:g} s"


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
        return 0.0 if dimension is None else parse_level(value, dimension, info)  # 0: the other key's error is reported

    @field_serializer("above", "below", "clear", when_used="json-unless-none", check_fields=False)
    def _write_level(self, value: float) -> str | float:
        return format_level(value, self._dimension)

    @model_validator(mode="wrap")
    @classmethod
    def _check_levels(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        rule = handler(data)
        above, below = getattr(rule, "above", None), getattr(rule, "below", None)
        if (above is None) == (below is None):
            raise ValueError("above: expected exactly one of the keys above and below")
        fault = clear_fault(rule, data)
        if fault:
            raise ValueError(fault)
        return rule

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


class UpperRule(RuleBase):
    """A rule on what is limited from above and ends by itself: counts, sums, sizes of events."""

    @property
    def clear(self) -> float:
        """The limit itself."""
        return self.limit  # type: ignore[attr-defined,no-any-return]  # of each, a key or a property

    @property
    def sign(self) -> int:
        """+1: beyond is above."""
        return 1

    @property
    def for_s(self) -> float:
        """0: there is no dwell."""
        return 0.0

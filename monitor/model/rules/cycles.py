"""The kind `cycles`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ValidationInfo, field_serializer, field_validator, model_validator

from monitor.model.channel import covers, quantity_of
from monitor.model.quantity import format_quantity, inside_unit, parse_quantity
from monitor.model.rules.base import ChannelGlob, UpperRule, key
from monitor.model.rules.exposure import Per
from monitor.model.strict import Number

_RANGES = ("range_limit", "min_range", "ref_range")
_MINER = ("min_range", "ref_range", "ref_cycles", "exponent")


class CyclesRule(UpperRule):
    """Swings counted by rainflow (ASTM E1049): the largest range, or Miner's damage, is beyond its limit.

    A cycle of range r does the damage (r / ref_range)^exponent / ref_cycles; ranges below `min_range` do none.
    """

    kind: Literal["cycles"]
    channel: ChannelGlob
    range_limit: Annotated[
        float | None,
        key("limit of the largest range (either this or damage)", '"15 K"', "difference", gt=0, alias="range"),
    ] = None
    damage: Annotated[Number | None, key("limit of the damage sum (either this or range)", "0.1", gt=0)] = None
    min_range: Annotated[
        float | None, key("ranges below do not count (damage needs it)", '"2 K"', "difference", ge=0)
    ] = None
    ref_range: Annotated[
        float | None, key("range that ref_cycles are known for (damage needs it)", '"50 K"', "difference", gt=0)
    ] = None
    ref_cycles: Annotated[
        Number | None, key("cycles of ref_range that exhaust the hardware (damage needs it)", "1000", gt=0)
    ] = None
    exponent: Annotated[Number | None, key("of range over ref_range (damage needs it)", "4", gt=0)] = None
    per: Annotated[Per, key("what the count starts anew with", '"leg"')] = "journey"

    @field_validator(*_RANGES, mode="before")
    @classmethod
    def _read_range(cls, value: object, info: ValidationInfo) -> float | None:
        if value is None or "channel" not in info.data:
            return None
        return parse_quantity(value, f"{quantity_of(info.data['channel'])} difference")

    @field_serializer(*_RANGES, when_used="json-unless-none")
    def _write_range(self, value: float) -> str:
        return format_quantity(value, f"{quantity_of(self.channel)} difference")

    @model_validator(mode="after")
    def _check_limit(self) -> Self:
        if (self.range_limit is None) == (self.damage is None):
            raise ValueError("range: expected exactly one of the keys range and damage")
        missing = [name for name in _MINER if getattr(self, name) is None]
        if self.damage is not None and missing:
            raise ValueError("\n".join(f"{name}: missing; damage needs it" for name in missing))
        return self

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; and keys of the damage."""
        yield from super().senseless(written)
        if self.range_limit is not None and self.damage is None:
            yield from (f"{name}: expected only with damage" for name in _MINER if getattr(self, name) is not None)

    @property
    def limit(self) -> float:
        """The largest range in the channel's difference unit, or the damage."""
        return next(limit for limit in (self.range_limit, self.damage) if limit is not None)

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown: none of a damage."""
        return "" if self.range_limit is None else inside_unit(f"{quantity_of(self.channel)} difference")

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`."""
        return covers(self.channel, channel)

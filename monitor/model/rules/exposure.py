"""The kind `exposure`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ValidationInfo, field_serializer, field_validator, model_validator

from monitor.model.channel import covers, quantity_of
from monitor.model.quantity import format_quantity, inside_unit
from monitor.model.rules.base import ChannelGlob, UpperRule, key
from monitor.model.strict import Seconds, is_journalled, read_quantity

Measure = Literal["time", "degree-hours", "mkt"]
Per = Literal["journey", "leg"]
MKT_QUANTITIES = ("temperature", "dew_point")  # in degC: the mean kinetic temperature is of temperatures only


def _limit_dimension(channel: str, measure: str) -> str:
    if measure == "time":
        return "hours"
    return f"{quantity_of(channel)} hours" if measure == "degree-hours" else quantity_of(channel)


class ExposureRule(UpperRule):
    """What accumulates over a journey or a leg is beyond `limit`: time or degree-hours beyond a base, or the MKT.

    `limit` is inside in h, in the channel's difference unit times h ("K h"), or in degC.
    """

    kind: Literal["exposure"]
    channel: ChannelGlob
    measure: Annotated[
        Measure,
        key("what accumulates: time beyond the base, the integral beyond it, mean kinetic temperature", '"time"'),
    ]
    above: Annotated[
        float | None, key("base: what lies above counts (not with mkt)", '"25 degC"', "of the channel")
    ] = None
    below: Annotated[
        float | None, key("base: what lies below counts (not with mkt)", '"10 degC"', "of the channel")
    ] = None
    limit: Annotated[
        float,
        key(
            "the most that may accumulate",
            '"12 h"',
            "time: h, min, d; degree-hours: any difference x h, min, d such as K h, % h; mkt: degC",
        ),
    ]
    per: Annotated[Per, key("what the total starts anew with (not with mkt)", '"leg"')] = "journey"
    window_s: Annotated[
        Seconds | None, key("rolling window of the mkt (only there, required)", '"24 h"', "time", gt=0, alias="window")
    ] = None

    @field_validator("above", "below", mode="before")
    @classmethod
    def _read_base(cls, value: object, info: ValidationInfo) -> float | None:
        if value is None or "channel" not in info.data:
            return None
        return read_quantity(value, quantity_of(info.data["channel"]), info)

    @field_validator("limit", mode="before")
    @classmethod
    def _read_limit(cls, value: object, info: ValidationInfo) -> float:
        if not {"channel", "measure"} <= info.data.keys():
            return 0.0  # the other key's own error is reported already
        limit = read_quantity(value, _limit_dimension(info.data["channel"], info.data["measure"]), info)
        if limit <= 0 and info.data["measure"] != "mkt" and not is_journalled(info):
            raise ValueError(f"expected more than 0, got {value!r}")
        return limit

    @field_serializer("above", "below", when_used="json-unless-none")
    def _write_base(self, value: float) -> str:
        return format_quantity(value, quantity_of(self.channel))

    @field_serializer("limit", when_used="json")
    def _write_limit(self, value: float) -> str:
        return format_quantity(value, _limit_dimension(self.channel, self.measure))

    @model_validator(mode="after")
    def _check_measure(self) -> Self:
        if self.measure == "mkt":
            self._check_mkt()
            return self
        if (self.above is None) == (self.below is None):
            raise ValueError(
                "above: expected exactly one of the keys above and below with measure time or degree-hours"
            )
        if self.window_s is not None:
            raise ValueError("window: expected only with measure mkt")
        return self

    def _check_mkt(self) -> None:
        if quantity_of(self.channel) not in MKT_QUANTITIES:
            raise ValueError(f"channel: expected a temperature with measure mkt, got {self.channel!r}")
        for name in ("above", "below"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: expected only with measure time or degree-hours; mkt has only limit")
        if self.window_s is None:
            raise ValueError('window: missing; measure mkt needs it, such as "24 h"')
        if self.per != "journey":
            raise ValueError("per: expected only with measure time or degree-hours; mkt is of its window")

    @property
    def base(self) -> float:
        """The level beyond which it accumulates, in the channel's unit; 0 with mkt, which has none."""
        return next((level for level in (self.above, self.below) if level is not None), 0.0)

    @property
    def base_sign(self) -> int:
        """+1 when what lies above the base counts, -1 when what lies below does."""
        return -1 if self.below is not None else 1

    @property
    def unit(self) -> str:
        """The unit of limit and total, as shown."""
        return inside_unit(_limit_dimension(self.channel, self.measure))

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`."""
        return covers(self.channel, channel)

"""The kind `leak`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from monitor.model.channel import is_glob, own_channel, place_of, quantity_of
from monitor.model.quantity import PASCAL_M3_PER_S, PASCAL_PER_DAY, SCALES
from monitor.model.rules.base import Clear, LevelRule, key, level_default
from monitor.model.strict import Pascal, Seconds

AIR = "temperature.air"
DAY_S = 86_400.0
_GLOB_SIGNS = set("*?[]!")


def _one_of(quantity: str) -> AfterValidator:
    def check(channel: str) -> str:
        if not is_glob(channel) or _GLOB_SIGNS & set(channel) or quantity_of(channel) != quantity:
            raise ValueError(f"expected one channel {quantity}.<place>, got {channel!r}")
        return channel

    return AfterValidator(check)


def _is_flow(text: object) -> bool:
    return isinstance(text, str) and any(text.strip().endswith(unit) for unit in SCALES[PASCAL_M3_PER_S])


class LeakRule(LevelRule):
    """The loss of gas over whole days, from the slope of pressure over temperature, is above a limit.

    Limit and value are in Pa/d at 293.15 K, or, `is_flow`, in Pa m3/s with the container's free gas volume.
    """

    kind: Literal["leak"]
    pressure: Annotated[str, _one_of("pressure"), key("absolute pressure of the gas", '"pressure.inside"')] = (
        "pressure.inside"
    )
    temperature: Annotated[str, _one_of("temperature"), key("temperature of the gas", '"temperature.air"')] = AIR
    differential: Annotated[
        str, _one_of("differential"), key("over-pressure that opens the valve (with cracking)", '"differential.inside"')
    ] = "differential.inside"
    cracking: Annotated[
        Pascal | None,
        key("over-pressure beyond which the valve lets gas out and the day is void", '"30 hPa"', "pressure", gt=0),
    ] = None
    is_flow: bool = Field(default=False, exclude=True)  # no key of the file: it follows from the unit of `above`
    above: Annotated[float, key("limit of the loss", '"300 Pa/d"', "pressure / s, min, h, d; or Pa m3/s, mbar l/s")]
    clear: Annotated[Clear, key("loss that ends the alert; default: the limit itself", '"200 Pa/d"', "as above")] = (
        Field(default_factory=level_default)
    )
    window_s: Annotated[
        Seconds, key("whole days that the slope is taken over", '"24 h"', "time", gt=0, alias="window")
    ] = DAY_S

    @model_validator(mode="before")
    @classmethod
    def _see_unit(cls, data: Any) -> Any:
        """Note whether the limit is a flow, for the units of the levels."""
        if not isinstance(data, dict):
            return data
        if "is_flow" in data:
            raise ValueError("is_flow: unknown key; the unit of above says it")
        return {**data, "is_flow": _is_flow(data.get("above"))}

    @field_validator("window_s")
    @classmethod
    def _check_days(cls, window_s: float) -> float:
        if window_s % DAY_S:
            raise ValueError(f"expected 24 h or a multiple, as every day warms and cools the gas, got {window_s:g} s")
        return window_s

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """A loss of pressure or a flow of gas."""
        return PASCAL_M3_PER_S if data["is_flow"] else PASCAL_PER_DAY

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; a loss is positive, and the over-pressure says when the valve opens."""
        yield from super().senseless(written)
        if self.above <= 0:
            yield f"above: expected more than 0, as a loss is positive, got {written['above']!r}"
        elif self.clear < 0:
            yield f"clear: expected 0 or more, as a loss is positive, got {written['clear']!r}"
        if self.cracking is None and self.differential != type(self).model_fields["differential"].default:
            yield "differential: expected only with cracking"

    @property
    def channel(self) -> str:
        """The internal channel of the loss, an own one for gas at another place, and with a valve."""
        shown = f"leak.{place_of(self.pressure)}"
        if self.cracking is not None:
            return own_channel(shown, self.temperature, self.differential, self.cracking)
        return shown if self.temperature == AIR else own_channel(shown, self.temperature)

    @property
    def for_s(self) -> float:
        """0: a slope over a day needs no dwell."""
        return 0.0

    def judges(self, channel: str) -> bool:
        """Whether `channel` is the loss that the rule judges."""
        return channel == self.channel

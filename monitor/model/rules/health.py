"""The kind `health`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    FieldSerializationInfo,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from monitor.model.channel import QUANTITIES, UNITS, covers, is_glob, quantity_of
from monitor.model.quantity import format_quantity, inside_unit
from monitor.model.rules.base import Dwell, RuleBase, clear_fault, key
from monitor.model.strict import Seconds, read_quantity, reader, writer

Check = Literal[
    "stuck", "range", "nan", "clock", "clipped", "invalid", "battery", "memory", "trigger", "calibration", "silent"
]
KEYS: dict[str, tuple[str, ...]] = {
    # check: keys it may have besides those of every rule, as the file writes them; a level among them is required
    "stuck": ("channel", "for", "tolerance"),
    "range": ("channel", "for", "least", "most"),
    "nan": ("channel", "for", "above", "clear"),
    "clock": ("for", "step"),
    "clipped": (),
    "invalid": (),
    "battery": ("for", "below", "clear"),
    "memory": ("for", "above", "clear"),
    "trigger": (),
    "calibration": (),
    "silent": ("for",),
}
TIMED = ("stuck", "silent")  # mean nothing without `for`
ALL_CHANNELS = "*"

Share = Annotated[float, reader("share"), writer("share")]


def _check_measured(channel: str) -> str:
    if channel != ALL_CHANNELS and not (is_glob(channel) and quantity_of(channel) in UNITS):
        raise ValueError(f'expected "*" or <quantity>.<place> with one of {", ".join(UNITS)}, got {channel!r}')
    return channel


class HealthRule(RuleBase):
    """Something is wrong with a logger or a sensor rather than with the hardware.

    `limit` is the share in % of nan, battery and memory, the time in s of silent, and 0 of the others, whose value is 1
    while it is so (range: the distance by which the reading lies outside).
    """

    kind: Literal["health"]
    check: Annotated[Check, key("what may be wrong", '"stuck"')]
    channel: Annotated[
        str,
        AfterValidator(_check_measured),
        key("measured channel(s), of stuck, range, nan; * for all", '"temperature.*"'),
    ] = ALL_CHANNELS
    above: Annotated[Share | None, key("nan, memory: limit of the share", '"50 %"', "%")] = None
    below: Annotated[Share | None, key("battery: limit of the charge", '"20 %"', "%")] = None
    clear_share: Annotated[
        Share | None,
        key("nan, memory, battery: share that ends the alert; default: the limit", '"25 %"', "%", alias="clear"),
    ] = None
    for_s: Dwell = 0.0
    tolerance: Annotated[
        float | None,
        key("stuck: a change of no more than this is none; default 0", '"0.05 K"', "difference", ge=0),
    ] = None
    least: Annotated[
        float | None, key("range: least value; default: of any sensor of the quantity", '"-40 degC"', "of the channel")
    ] = None
    most: Annotated[
        float | None, key("range: largest value; default: of any sensor of the quantity", '"85 degC"', "of the channel")
    ] = None
    step_s: Annotated[Seconds, key("clock: a step of more than this is one", '"2 s"', "time", gt=0, alias="step")] = 2.0

    @field_validator("tolerance", "least", "most", mode="before")
    @classmethod
    def _read_value(cls, value: object, info: ValidationInfo) -> float | None:
        """Read a value in units of the channel's quantity, or of its differences."""
        if value is None or "channel" not in info.data:
            return None
        quantity = quantity_of(info.data["channel"])
        if quantity not in QUANTITIES:
            raise ValueError(f"expected only with a channel of one quantity, got channel {info.data['channel']!r}")
        dimension = f"{quantity} difference" if info.field_name == "tolerance" else quantity
        return read_quantity(value, dimension, info)

    @field_serializer("tolerance", "least", "most", when_used="json-unless-none")
    def _write_value(self, value: float, info: FieldSerializationInfo) -> str:
        quantity = quantity_of(self.channel)
        return format_quantity(value, f"{quantity} difference" if info.field_name == "tolerance" else quantity)

    @model_validator(mode="wrap")
    @classmethod
    def _check_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        rule = handler(data)
        faults = [*rule._strange_keys(), *rule._missing_keys()]
        if not faults:
            faults += filter(None, [clear_fault(rule, data)])
        if rule.least is not None and rule.most is not None and rule.least >= rule.most:
            faults.append(f"least: expected less than most, {data['most']}, got {data['least']}")
        if faults:
            raise ValueError("\n".join(faults))
        return rule

    def _strange_keys(self) -> Iterator[str]:
        """Keys that mean nothing with this check."""
        for name, field in type(self).model_fields.items():
            word = field.alias or name
            users = [check for check, keys in KEYS.items() if word in keys]
            if users and self.check not in users and getattr(self, name) != field.default:
                yield f"{word}: expected only with check {' or '.join(users)}"

    def _missing_keys(self) -> Iterator[str]:
        """Keys without which this check means nothing."""
        for word in ("above", "below"):
            if word in KEYS[self.check] and getattr(self, word) is None:
                yield f"{word}: missing; check {self.check} needs it"
        if self.check in TIMED and not self.for_s:
            yield f'for: missing; check {self.check} needs it, such as "1 h"'

    @property
    def limit(self) -> float:
        """As the class says, in `unit`."""
        if self.check == "silent":
            return self.for_s
        return next((share for share in (self.above, self.below) if share is not None), 0.0)

    @property
    def clear(self) -> float:
        """The share that ends the alert; the limit itself of the others."""
        return self.limit if self.clear_share is None else self.clear_share

    @property
    def sign(self) -> int:
        """-1 of the battery, +1 of the others."""
        return -1 if self.below is not None else 1

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown."""
        if self.check == "silent":
            return "s"
        if self.above is not None or self.below is not None:
            return "%"
        quantity = quantity_of(self.channel)
        return inside_unit(f"{quantity} difference") if self.check == "range" and quantity in UNITS else ""

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`, for the checks of channels: measured ones only."""
        return quantity_of(channel) in UNITS and covers(self.channel, channel)

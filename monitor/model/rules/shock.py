"""The kind `shock`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.model.channel import quantity_of
from monitor.model.rules.base import UpperRule, key
from monitor.model.strict import Acceleration, Count, Hertz, Number, Seconds


def _floor(data: dict[str, Any]) -> float:
    return data.get("floor_g") or 0.0


class ShockRule(UpperRule):
    """A shock event whose peak on `axis`, static part removed and low-passed, is beyond `peak` (g).

    With `min_duration_s` the signal must stay beyond the level for that long. With `count` more than so many of such
    events in a window are beyond the limit; with `dose` the sum of (peak / ref)^exponent over events above `floor`.
    """

    kind: Literal["shock"]
    axis: Annotated[
        Literal["x", "y", "z", "resultant"], key("axis of the container, or the vector's length", '"resultant"')
    ]
    floor_g: Annotated[Acceleration | None, key("dose: events below do not count", '"0.5 g"', "g", alias="floor")] = (
        None
    )
    peak_g: Annotated[
        Acceleration,
        key("level that an event's peak is beyond (required, but not with dose)", '"2 g"', "g", alias="peak"),
    ] = Field(default_factory=_floor)
    lowpass_hz: Annotated[
        Hertz | None,
        key("corner of the low-pass, 4th order forward and backward; default: none", '"100 Hz"', "Hz", alias="lowpass"),
    ] = None
    min_duration_s: Annotated[
        Seconds, key("least time above the level", '"5 ms"', "time", ge=0, alias="min_duration")
    ] = 0.0
    count: Annotated[
        Count | None, key("number of events within the window that is beyond the limit when exceeded", "5", ge=1)
    ] = None
    within_s: Annotated[
        Seconds | None, key("count: the window (required there)", '"1 h"', "time", gt=0, alias="within")
    ] = None
    dose: Annotated[Number | None, key("limit of the dose", "3.0", gt=0)] = None
    ref_g: Annotated[
        Acceleration | None, key("dose: peak of one unit of dose (required there)", '"2 g"', "g", alias="ref")
    ] = None
    exponent: Annotated[Number | None, key("dose: of peak over ref (required there)", "4", gt=0)] = None

    @model_validator(mode="after")
    def _check_shock(self) -> Self:
        faults = self._dose_faults() if self.dose is not None else self._peak_faults()
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _dose_faults(self) -> list[str]:
        missing = {"floor": self.floor_g, "ref": self.ref_g, "exponent": self.exponent}
        faults = [f"{word}: missing; dose needs it" for word, value in missing.items() if value is None]
        if self.count is not None or self.within_s is not None:
            faults.append("dose: expected either dose, or count and within")
        if self.floor_g is not None and self.peak_g != self.floor_g:
            faults.append("peak: expected only without dose, where floor says which events count")
        return faults

    def _peak_faults(self) -> list[str]:
        strange = {"floor": self.floor_g, "ref": self.ref_g, "exponent": self.exponent}
        faults = [f"{word}: expected only with dose" for word, value in strange.items() if value is not None]
        if not self.peak_g:
            faults.append("peak: missing; this key is required")
        if (self.count is None) != (self.within_s is None):
            absent = "within" if self.within_s is None else "count"
            faults.append(f"{absent}: missing; expected both count and within, or neither")
        return faults

    @property
    def limit(self) -> float:
        """The level in g, the number of events, or the dose."""
        if self.dose is not None:
            return self.dose
        return self.peak_g if self.count is None else float(self.count)

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown: g, none of a count or dose."""
        return "g" if self.count is None and self.dose is None else ""

    def judges(self, channel: str) -> bool:
        """Whether `channel` is that of an accelerometer's events."""
        return quantity_of(channel) == "shock"

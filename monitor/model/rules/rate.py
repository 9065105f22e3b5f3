"""The kind `rate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.model.channel import covers, quantity_of
from monitor.model.rules.base import ChannelGlob, Clear, Dwell, LevelRule, key, level_default
from monitor.model.strict import Seconds


class RateRule(LevelRule):
    """A change over the window `over_s`, divided by it, beyond `above` (rising) or `below` (falling, negative).

    Levels are inside in the channel's difference unit per hour (K/h, Pa/h, %/h).
    """

    kind: Literal["rate"]
    channel: ChannelGlob
    over_s: Annotated[Seconds, key("window that the change is taken over", '"1 h"', "time", gt=0, alias="over")]
    above: Annotated[float | None, key("upper limit, of a rise", '"5 K/h"', "difference / s, min, h, d")] = None
    below: Annotated[float | None, key("lower limit, of a fall", '"-5 K/h"', "difference / s, min, h, d")] = None
    clear: Annotated[Clear, key("rate that ends the alert; default: the limit itself", '"4 K/h"', "as the limit")] = (
        Field(default_factory=level_default)
    )
    for_s: Dwell = 0.0

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """A rate of the channel's quantity."""
        return f"{quantity_of(data['channel'])} rate" if "channel" in data else None

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; and a rate of the wrong sign, beyond which a steady value lies for ever."""
        yield from super().senseless(written)
        if self.above is not None and self.above <= 0:
            yield f"above: expected more than 0, a rise is positive: 5 {self.unit}, got {written['above']!r}"
        if self.below is not None and self.below >= 0:
            yield f"below: expected less than 0, a fall is negative: -5 {self.unit}, got {written['below']!r}"

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`."""
        return covers(self.channel, channel)

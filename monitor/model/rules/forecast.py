"""The kind `forecast`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.model.channel import covers, quantity_of, unit_of
from monitor.model.rules.base import ChannelGlob, Clear, Dwell, LevelRule, key, level_default
from monitor.model.strict import Seconds


def _default_window(data: dict[str, Any]) -> float:
    return float(data.get("within_s", 0.0))


class ForecastRule(LevelRule):
    """The trend of the last `window_s`, where it is significant, reaches the limit within `within_s`."""

    kind: Literal["forecast"]
    channel: ChannelGlob
    above: Annotated[float | None, key("upper limit (either this or below)", '"25 degC"', "of the channel")] = None
    below: Annotated[float | None, key("lower limit (either this or above)", '"15 degC"', "of the channel")] = None
    clear: Clear = Field(default_factory=level_default)
    within_s: Annotated[Seconds, key("how far ahead to look", '"6 h"', "time", gt=0, alias="within")]
    window_s: Annotated[
        Seconds, key("what the trend is taken from; default: as within", '"3 h"', "time", gt=0, alias="window")
    ] = Field(default_factory=_default_window)
    for_s: Dwell = 0.0

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """The channel's quantity."""
        return quantity_of(data["channel"]) if "channel" in data else None

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown: the channel's."""
        return unit_of(self.channel)

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`."""
        return covers(self.channel, channel)

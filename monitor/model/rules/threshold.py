"""The kind `threshold`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.model.channel import covers, quantity_of, unit_of
from monitor.model.rules.base import ChannelGlob, Clear, Dwell, LevelRule, key, level_default


class ThresholdRule(LevelRule):
    """A reading strictly beyond `above` or `below` (in the channel's unit) for `for_s` seconds.

    Once fired it lasts until a reading is no longer beyond `clear`, which is the limit itself unless given.
    """

    kind: Literal["threshold"]
    channel: ChannelGlob
    above: Annotated[float | None, key("upper limit (either this or below)", '"25 degC"', "of the channel")] = None
    below: Annotated[float | None, key("lower limit (either this or above)", '"15 degC"', "of the channel")] = None
    clear: Clear = Field(default_factory=level_default)
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

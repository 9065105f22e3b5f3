"""The kind `statistic`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.model.channel import covers, own_channel, quantity_of, shown_channel
from monitor.model.rules.base import NUMBER, ChannelGlob, Clear, Dwell, LevelRule, grid_faults, key, level_default
from monitor.model.strict import Number, Seconds

Method = Literal["z-score", "cusum", "disagreement"]
DEFAULT_SLACK = 0.5  # half a shift of 1 sigma, the usual choice (Montgomery, Statistical Quality Control)
DISAGREEMENT = "disagreement."  # stands before the channel whose range over a container's loggers it is


class StatisticRule(LevelRule):
    """A channel departs from what it was (z-score, cusum: in robust sigmas) or from those beside it (disagreement)."""

    kind: Literal["statistic"]
    method: Annotated[
        Method, key("distance from the window's median; drift from it; distance of redundant channels", '"z-score"')
    ]
    channel: ChannelGlob
    window_s: Annotated[
        Seconds | None,
        key(
            "window of median and MAD (z-score, cusum: required; not disagreement)",
            '"24 h"',
            "time",
            gt=0,
            alias="window",
        ),
    ] = None
    above: Annotated[
        float, key("limit: number of sigmas; of disagreement a difference", "6", "none; disagreement: difference")
    ]
    clear: Annotated[Clear, key("level that ends the alert; default: the limit itself", "3", "as above")] = Field(
        default_factory=level_default
    )
    slack: Annotated[
        Number, key("cusum: sigmas of each bucket (a 60th of the window) that do not add up", "0.5", ge=0)
    ] = DEFAULT_SLACK
    for_s: Dwell = 0.0
    max_age_s: Annotated[
        Seconds,
        key("disagreement: readings older than this do not count", '"10 min"', "time", gt=0, alias="max_age"),
    ] = 600.0
    every_s: Annotated[
        Seconds, key("disagreement: spacing of the evaluation", '"1 min"', "time", gt=0, alias="every")
    ] = 60.0

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """A number of sigmas, or a difference of the channel's quantity."""
        if data.get("method") in ("z-score", "cusum"):
            return NUMBER
        if "method" not in data or "channel" not in data:
            return None
        return f"{quantity_of(data['channel'])} difference"

    @model_validator(mode="after")
    def _check_method(self) -> Self:
        if self.method == "disagreement":
            if self.window_s is not None:
                raise ValueError("window: expected only with method z-score or cusum")
        elif self.window_s is None:
            raise ValueError(f'window: missing; method {self.method} needs it, such as "24 h"')
        if self.method != "cusum" and self.slack != DEFAULT_SLACK:
            raise ValueError("slack: expected only with method cusum")
        return self

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; a distance is positive; and keys of the disagreement."""
        yield from super().senseless(written)
        if self.above <= 0:
            yield f"above: expected more than 0, got {written['above']}"
        is_on_grid = self.method == "disagreement"
        yield from grid_faults(self, is_on_grid=is_on_grid, with_what="method disagreement")

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown."""
        return super().unit or "sigma"

    def judges(self, channel: str) -> bool:
        """Whether the rule's glob covers `channel`, or with disagreement the channel that it is of."""
        if self.method != "disagreement":
            return covers(self.channel, channel)
        of = shown_channel(channel).removeprefix(DISAGREEMENT)
        return covers(self.channel, of) and channel == self.disagreement_of(of)

    def disagreement_of(self, channel: str) -> str:
        """The internal channel of the disagreement about a channel, as often and with as old readings as this rule."""
        return own_channel(f"{DISAGREEMENT}{channel}", self.every_s, self.max_age_s)

"""The kind `condensation`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from monitor.model.channel import is_glob, own_channel, quantity_of
from monitor.model.rules.base import Clear, Dwell, LevelRule, grid_faults, key, level_default
from monitor.model.strict import Seconds

Scope = Literal["logger", "container"]


def _check_surfaces(surfaces: tuple[str, ...]) -> tuple[str, ...]:
    for surface in surfaces:
        if not is_glob(surface) or quantity_of(surface) != "temperature":
            raise ValueError(f"expected channels temperature.<place>, got {surface!r}")
    return surfaces


HARDWARE = "temperature.hardware"


class CondensationRule(LevelRule):
    """The coldest surface less the dew point (below 0 degC the frost point) of the air is below a margin, in K."""

    kind: Literal["condensation"]
    air: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9_]{1,64}$"),
        key("place whose temperature and humidity make the dew point", '"air"'),
    ] = "air"
    surfaces: Annotated[
        tuple[str, ...],
        AfterValidator(_check_surfaces),
        key("channels of the surfaces", '["temperature.hardware"]', min_length=1, alias="surface"),
    ] = (HARDWARE,)
    below: Annotated[float, key("limit of the margin", '"5 K"', "K")]
    clear: Annotated[Clear, key("margin that ends the alert; default: the limit itself", '"6 K"', "K")] = Field(
        default_factory=level_default
    )
    for_s: Dwell = 0.0
    scope: Annotated[
        Scope,
        key("logger: surface and air of one logger; container: coldest surface, dampest air of all", '"container"'),
    ] = "logger"
    max_age_s: Annotated[
        Seconds,
        key("with scope container: readings older than this do not count", '"10 min"', "time", gt=0, alias="max_age"),
    ] = 600.0
    every_s: Annotated[
        Seconds, key("with scope container: spacing of the evaluation", '"1 min"', "time", gt=0, alias="every")
    ] = 60.0

    @classmethod
    def dimension_of(cls, data: Mapping[str, Any]) -> str | None:
        """A difference of temperatures."""
        return "temperature difference"

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; and keys of the scope container."""
        yield from super().senseless(written)
        yield from grid_faults(self, is_on_grid=self.scope == "container", with_what='scope "container"')

    @property
    def channel(self) -> str:
        """The derived channel of the margin, an own one for other surfaces, and for all loggers together."""
        shown = f"dew_margin.{self.air}"
        if self.scope == "container":
            return own_channel(shown, self.surfaces, self.every_s, self.max_age_s)
        return shown if self.surfaces == (HARDWARE,) else own_channel(shown, self.surfaces)

    def judges(self, channel: str) -> bool:
        """Whether `channel` is the margin that the rule judges."""
        return channel == self.channel

"""[alerts] and [[notifier]] of monitor.toml: when an exceedance is the same alert, and who is told of which."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from monitor.model.strict import Seconds, Strict

HOLD_OFF_S = 120.0


class AlertSettings(Strict):
    """`hold_off`: an exceedance that begins again within it after its end is the same alert."""

    hold_off_s: Annotated[Seconds, Field(ge=0, le=3600, alias="hold_off")] = HOLD_OFF_S

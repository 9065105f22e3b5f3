"""Consignments, their legs and parties, the containers that travel, and the loggers in them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AwareDatetime, Field, model_validator

from monitor.model.channel import UNITS, quantity_of
from monitor.model.clock import datetime_ns
from monitor.model.limit import Identifier, Strict
from monitor.model.quantity import UNCERTAINTY_SCALES, parse_quantity

DEFAULT_PHASE = "storage"
IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Row = tuple[float, float, float]


class Party(Strict):
    """One of the organisations that sign a hand-over."""

    id: Identifier
    title: str


class Document(Strict):
    """A paper of the consignment, by reference."""

    kind: str
    number: str
    authority: str = ""
    expires: dt.date | None = None


class Leg(Strict):
    """One stage of the journey in one custodian's hands, as planned."""

    id: Identifier
    phase: Identifier
    origin: Annotated[str, Field(alias="from")] = ""
    destination: Annotated[str, Field(alias="to")] = ""
    custodian: Identifier
    carrier: str = ""
    planned_start: AwareDatetime
    planned_end: AwareDatetime

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.planned_end <= self.planned_start:
            raise ValueError("planned_end: expected a time after planned_start")
        return self


class Consignment(Strict):
    """What travels together under one set of papers."""

    id: Identifier
    title: str = ""
    parties: tuple[Party, ...] = ()
    documents: tuple[Document, ...] = ()
    leg: tuple[Leg, ...] = ()

    @model_validator(mode="after")
    def _check_legs(self) -> Self:
        for before, after in zip(self.leg, self.leg[1:], strict=False):
            if after.planned_start < before.planned_end:
                raise ValueError(f"leg: expected legs in order of time, {after.id} starts before {before.id} ends")
        known = {party.id for party in self.parties}
        for leg in self.leg:
            if leg.custodian not in known:
                raise ValueError(f"leg: custodian of {leg.id}: expected one of {sorted(known)}, got {leg.custodian!r}")
        return self

    def phase_at(self, time_ns: int) -> str:
        """The phase by plan: that of the leg under way, `storage` between and outside the legs."""
        for leg in self.leg:
            if datetime_ns(leg.planned_start) <= time_ns < datetime_ns(leg.planned_end):
                return leg.phase
        return DEFAULT_PHASE

    def phase_spans(self) -> tuple[tuple[int, str], ...]:
        """(start ns, phase) in order of time: each phase holds until the next start; before the first: storage."""
        spans: list[tuple[int, str]] = []
        for leg in self.leg:
            start_ns, end_ns = datetime_ns(leg.planned_start), datetime_ns(leg.planned_end)
            if spans and spans[-1][0] == start_ns:
                spans.pop()
            spans += [(start_ns, leg.phase), (end_ns, DEFAULT_PHASE)]
        return tuple(spans)


class Calibration(Strict):
    """One channel's calibration; `accuracy` is U (k = 2) in the channel's unit."""

    accuracy: float
    certificate: str = ""
    laboratory: str = ""
    date: dt.date | None = None
    due: dt.date | None = None


class Logger(Strict):
    """A logger as registered: where it sits, how it is turned, what its calibration says."""

    id: Identifier
    serial: str | None = None
    model: str | None = None
    place: str | None = None
    rotation: tuple[Row, Row, Row] = IDENTITY
    calibration: dict[str, Calibration] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _parse_accuracy(cls, data: Any) -> Any:
        """Read each accuracy in units of its channel; `shock.<acc>` is in g."""
        if not isinstance(data, dict) or not isinstance(data.get("calibration"), dict):
            return data
        parsed: dict[str, Any] = {}
        for channel, entry in data["calibration"].items():
            quantity = "acceleration" if quantity_of(channel) == "shock" else quantity_of(channel)
            if quantity not in UNITS:
                raise ValueError(f"calibration: expected a channel <quantity>.<place>, got {channel!r}")
            parsed[channel] = entry
            if isinstance(entry, dict) and "accuracy" in entry:
                try:
                    accuracy = parse_quantity(entry["accuracy"], quantity, UNCERTAINTY_SCALES)
                except ValueError as error:
                    raise ValueError(f"calibration.{channel}.accuracy: {error}") from None
                parsed[channel] = entry | {"accuracy": accuracy}
        return data | {"calibration": parsed}

    @model_validator(mode="after")
    def _check_rotation(self) -> Self:
        matrix = np.array(self.rotation)
        if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) or np.linalg.det(matrix) < 0:
            raise ValueError("rotation: expected a rotation matrix (orthonormal rows, determinant +1)")
        return self


class Container(Strict):
    """A container as registered; what it lacks comes from defaults."""

    id: Identifier
    title: str = ""
    consignment: Identifier | None = None
    limits: Identifier | None = None
    free_gas_volume_m3: Annotated[float | None, Field(gt=0)] = None
    marking: str = ""
    armed: bool = True
    logger: tuple[Logger, ...] = ()

"""Consignments, their legs and parties, the containers that travel, and the loggers in them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from monitor.model.channel import UNITS, quantity_of
from monitor.model.clock import datetime_ns
from monitor.model.operator import PLAN
from monitor.model.quantity import UNCERTAINTY_SCALES, format_quantity, parse_quantity
from monitor.model.strict import Identifier, Seconds, Strict, is_journalled

DEFAULT_PHASE = "storage"
MAX_STARTUP_S = 86_400.0  # whoever wants alerts as info for longer than a day disarms
IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Row = tuple[float, float, float]


def _refuse_number(value: object) -> object:
    """A bare number would be taken for seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError(f"expected a time with its zone such as 2026-11-23T06:00:00Z, got {value!r}")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_refuse_number)]


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
    planned_start: Moment
    planned_end: Moment

    @field_validator("phase")
    @classmethod
    def _check_phase(cls, phase: str, info: ValidationInfo) -> str:
        if phase == PLAN and not is_journalled(info):
            raise ValueError(f"expected a phase such as road, {PLAN!r} is the word that hands back to this plan")
        return phase

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
        ids = [leg.id for leg in self.leg]
        if len(set(ids)) < len(ids):
            raise ValueError(f"leg: expected a different id for each leg, got {', '.join(ids)}")
        for before, after in zip(self.leg, self.leg[1:], strict=False):
            if after.planned_start < before.planned_end:
                raise ValueError(f"leg.{after.id}.planned_start: expected a time not before leg {before.id} ends")
        known = {party.id for party in self.parties}
        for leg in self.leg:
            if leg.custodian not in known:
                expected = f"one of the parties {', '.join(sorted(known))}" if known else "a party of the consignment"
                raise ValueError(f"leg.{leg.id}.custodian: expected {expected}, got {leg.custodian!r}")
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

    def custody_spans(self) -> tuple[tuple[int, str], ...]:
        """(start ns, custodian) in order of time: each leg's has custody until the next leg starts; before: nobody."""
        return tuple((datetime_ns(leg.planned_start), leg.custodian) for leg in self.leg)

    def leg_spans(self) -> tuple[tuple[int, str], ...]:
        """(start ns, id of the leg) in order of time: each holds until the next; "" between and after the legs."""
        spans: list[tuple[int, str]] = []
        for leg in self.leg:
            start_ns, end_ns = datetime_ns(leg.planned_start), datetime_ns(leg.planned_end)
            if spans and spans[-1][0] == start_ns:
                spans.pop()
            spans += [(start_ns, leg.id), (end_ns, "")]
        return tuple(spans)


class _Text(NamedTuple):
    """An accuracy as written, with the quantity that says its unit: only the logger knows the channel."""

    text: object
    quantity: str


def _parse_accuracy(value: object) -> object:
    if not isinstance(value, _Text):
        return value
    if value.quantity not in UNITS:
        return 0.0  # the channel's own error is reported already
    return parse_quantity(value.text, value.quantity, UNCERTAINTY_SCALES)


def _accuracy_quantity(channel: str) -> str:
    """The quantity of a channel's accuracy: that of the channel; `shock.<acc>` is an acceleration."""
    quantity = quantity_of(channel)
    return "acceleration" if quantity == "shock" else quantity


def _check_channel(channel: str) -> str:
    if _accuracy_quantity(channel) not in UNITS:
        raise ValueError(f"expected a channel <quantity>.<place> with one of {', '.join(UNITS)}, shock")
    return channel


class Calibration(Strict):
    """One channel's calibration; `accuracy` is U (k = 2) in the channel's unit."""

    accuracy: Annotated[float, BeforeValidator(_parse_accuracy), Field(ge=0)]
    certificate: str = ""
    laboratory: str = ""
    date: dt.date | None = None
    due: dt.date | None = None


class Logger(Strict):
    """A logger as registered: where it sits, how it is turned, what its calibration says.

    `interval_s` is how often it is set to read; what it declares itself counts, this is for the check of windows.
    """

    id: Identifier
    serial: str | None = None
    model: str | None = None
    place: str | None = None
    rotation: tuple[Row, Row, Row] = IDENTITY
    interval_s: Annotated[Seconds | None, Field(gt=0, alias="interval")] = None
    calibration: dict[Annotated[str, AfterValidator(_check_channel)], Calibration] = Field(default_factory=dict)

    @field_validator("calibration", mode="before")
    @classmethod
    def _name_quantities(cls, table: Any) -> Any:
        """Tell each accuracy the quantity of its channel; what is no table is left to the checks that follow."""
        if not isinstance(table, dict):
            return table
        named = dict(table)
        for channel, entry in table.items():
            if isinstance(entry, dict) and "accuracy" in entry:
                named[channel] = entry | {"accuracy": _Text(entry["accuracy"], _accuracy_quantity(str(channel)))}
        return named

    @field_serializer("calibration", when_used="json")
    def _write_accuracies(self, table: dict[str, Calibration]) -> dict[str, Any]:
        """Write each accuracy with its unit, as the files do."""
        return {
            channel: entry.model_dump(mode="json", exclude_none=True)
            | {"accuracy": format_quantity(entry.accuracy, _accuracy_quantity(channel), UNCERTAINTY_SCALES)}
            for channel, entry in table.items()
        }

    @field_validator("rotation")
    @classmethod
    def _check_rotation(cls, rotation: tuple[Row, Row, Row]) -> tuple[Row, Row, Row]:
        matrix = np.array(rotation)
        if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) or np.linalg.det(matrix) < 0:
            raise ValueError("expected a rotation matrix (orthonormal rows, determinant +1)")
        return rotation


class Container(Strict):
    """A container as registered; what it lacks comes from defaults.

    For `startup_ignore_s` after it is armed, or a logger mounted, alerts are raised as info: loggers take on the
    temperature of the air, and are handled.
    """

    id: Identifier
    title: str = ""
    consignment: Identifier | None = None
    limits: Identifier | None = None
    free_gas_volume_m3: Annotated[float | None, Field(gt=0)] = None
    marking: str = ""
    armed: bool = True
    startup_ignore_s: Annotated[Seconds, Field(ge=0, le=MAX_STARTUP_S, alias="startup_ignore")] = 0.0
    logger: tuple[Logger, ...] = ()

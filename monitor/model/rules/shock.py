"""The kind `shock`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor.model.channel import quantity_of
from monitor.model.event_summary import Q
from monitor.model.rules.base import UpperRule, key
from monitor.model.rules.shock_levels import POINTS_EXAMPLE, DamageBoundary, Points
from monitor.model.strict import Acceleration, Count, Hertz, Length, Number, Seconds, Velocity

Axis = Literal["x", "y", "z", "resultant"]
Quantity = Literal["peak", "velocity_change", "damage_boundary", "srs", "drop_height"]
FIELDS: dict[Quantity, tuple[str, str]] = {
    # what of an event is limited, as the file's key: field of the rule, unit of the value
    "peak": ("peak_g", "g"),
    "velocity_change": ("velocity_change_m_s", "m/s"),
    "damage_boundary": ("damage_boundary", ""),
    "srs": ("srs", "g"),
    "drop_height": ("drop_height_m", "m"),
}
USERS: dict[str, tuple[Quantity, ...]] = {
    # key: the quantities that it means something with; all others of a rule go with each
    "axis": ("peak", "velocity_change", "damage_boundary", "srs"),  # a fall has no axis
    "lowpass": ("peak", "velocity_change", "damage_boundary"),  # a spectrum is a filter for each frequency
    "min_duration": ("peak",),
    "q": ("srs",),
}
_ONE_OF = f"expected exactly one of the keys {', '.join(FIELDS)} and dose"
LEVELS = (1e-6, 1e9)  # g, m/s or m: from below any sensor's noise to far beyond any; and float32 has its ratios
MAX_EXPONENT = 100.0  # of a dose; fatigue has 3 to 25
MAX_Q = 1000.0  # of what resonates in hardware
MAX_GLOB = 200  # characters; places are a few words
Glob = Annotated[str, Field(min_length=1, max_length=MAX_GLOB)]


def _floor(data: dict[str, Any]) -> float | None:
    """The level of a dose."""
    return data.get("floor_g")


def _resultant(data: dict[str, Any]) -> Axis:
    """No plain default: those are left out of a rule's digest, and `axis` was in it when it was required."""
    del data
    return "resultant"


class ShockRule(UpperRule):
    """A shock event, its static part removed, of which one quantity is beyond a level.

    With `count` more than so many of such events in a window are beyond the limit; with `dose` the sum of
    (peak / ref)^exponent over events whose peak is above `floor`.
    """

    kind: Literal["shock"]
    axis: Annotated[
        Axis, key('axis of the container, or the vector\'s length; default: "resultant"; not with drop_height', '"z"')
    ] = Field(default_factory=_resultant)
    floor_g: Annotated[Acceleration | None, key("dose: events below do not count", '"0.5 g"', "g", alias="floor")] = (
        None
    )
    peak_g: Annotated[
        Acceleration | None,
        key(
            "level of the event's peak (exactly one of this, velocity_change, damage_boundary, srs, drop_height, dose)",
            '"2 g"',
            "g",
            alias="peak",
        ),
    ] = Field(default_factory=_floor)
    velocity_change_m_s: Annotated[
        Velocity | None,
        key("level of the velocity change of the main pulse", '"1.5 m/s"', "m/s, cm/s, mm/s", alias="velocity_change"),
    ] = None
    damage_boundary: Annotated[
        DamageBoundary | None,
        key(
            "critical acceleration and velocity change: an event beyond both is beyond the boundary",
            '{ acceleration = "15 g", velocity_change = "1.5 m/s" }',
            "g; m/s, cm/s, mm/s",
        ),
    ] = None
    srs: Annotated[
        Points | None,
        key("level of the shock response spectrum: points, log-log between them", POINTS_EXAMPLE, "Hz, kHz; g"),
    ] = None
    q: Annotated[Number | None, key(f"srs: quality factor of oscillators; default: {Q:g}", "25", gt=0.5)] = None
    drop_height_m: Annotated[
        Length | None, key("level of the height that it was dropped from", '"0.3 m"', "m, cm, mm", alias="drop_height")
    ] = None
    lowpass_hz: Annotated[
        Hertz | None,
        key(
            "corner of the low-pass, 4th order forward and backward; default: none; not with srs, drop_height",
            '"100 Hz"',
            "Hz",
            alias="lowpass",
        ),
    ] = None
    min_duration_s: Annotated[
        Seconds, key("peak: least time above the level", '"5 ms"', "time", ge=0, alias="min_duration")
    ] = 0.0
    place: Annotated[
        Glob | None,
        key("place of the loggers that are judged, * stands for any text; default: all", '"hardware interface*"'),
    ] = None
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
        faults = list(self._dose_faults() if self.dose is not None else self._level_faults())
        faults = faults or list(self._strange_keys())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _dose_faults(self) -> Iterator[str]:
        missing = {"floor": self.floor_g, "ref": self.ref_g, "exponent": self.exponent}
        yield from (f"{word}: missing; dose needs it" for word, value in missing.items() if value is None)
        if self.count is not None or self.within_s is not None:
            yield "dose: expected either dose, or count and within"
        if self.floor_g is not None and self.peak_g != self.floor_g:
            yield "peak: expected only without dose, where floor says which events count"
        yield from (
            f"{word}: expected only without dose, which adds up peaks" for word in self._given() if word != "peak"
        )

    def _level_faults(self) -> Iterator[str]:
        if (self.count is None) != (self.within_s is None):
            absent = "within" if self.within_s is None else "count"
            yield f"{absent}: missing; expected both count and within, or neither"
        of_dose = {"floor": self.floor_g, "ref": self.ref_g, "exponent": self.exponent}
        strange = [f"{word}: expected only with dose" for word, value in of_dose.items() if value is not None]
        given = self._given()
        if strange:  # a floor stands for the level too: which one is meant is open until it is gone
            yield from strange
        elif not given:
            yield f"peak: missing; {_ONE_OF}"
        else:
            yield from (f"{word}: {_ONE_OF}, got {given[0]} too" for word in given[1:])

    def senseless(self, written: Mapping[str, Any]) -> Iterator[str]:
        """As of every rule; and levels, exponents and Qs of which nothing that is judged has any."""
        yield from super().senseless(written)
        envelope = () if self.srs is None else tuple(level_g for _, level_g in self.srs)
        boundary = () if self.damage_boundary is None else tuple(self.damage_boundary.model_dump().values())
        plain = {"floor": self.floor_g, "ref": self.ref_g, "velocity_change": self.velocity_change_m_s}
        plain |= {"drop_height": self.drop_height_m} | ({} if self.floor_g is not None else {"peak": self.peak_g})
        levels = {word: (level,) for word, level in plain.items() if level is not None}
        least, most = LEVELS
        for word, values in {**levels, "srs": envelope, "damage_boundary": boundary}.items():
            if any(not least <= value <= most for value in values):
                yield f"{word}: expected {least:g} to {most:g} in g, m/s or m, got {written[word]}"
        for word, value, bound in (("exponent", self.exponent, MAX_EXPONENT), ("q", self.q, MAX_Q)):
            if value is not None and value > bound:
                yield f"{word}: expected at most {bound:g}, got {value:g}"

    def _given(self) -> list[Quantity]:
        """The quantities that have a level."""
        return [quantity for quantity, (name, _) in FIELDS.items() if getattr(self, name) is not None]

    def _strange_keys(self) -> Iterator[str]:
        """Keys that mean nothing with this quantity."""
        given = {
            "axis": self.axis != "resultant",
            "lowpass": self.lowpass_hz is not None,
            "min_duration": self.min_duration_s > 0,
            "q": self.q is not None,
        }
        for word, users in USERS.items():
            if given[word] and self.quantity not in users:
                yield f"{word}: expected only with {' or '.join(users)}"

    @property
    def quantity(self) -> Quantity:
        """What of an event is judged; of a dose the peak."""
        return self._given()[0]

    @property
    def level(self) -> float:
        """What an event's quantity is beyond: g, m/s, m; of damage_boundary and srs 1, a share of the level there."""
        plain = {"peak": self.peak_g, "velocity_change": self.velocity_change_m_s, "drop_height": self.drop_height_m}
        return plain.get(self.quantity) or 1.0

    @property
    def q_factor(self) -> float:
        """Quality factor of the oscillators of an srs."""
        return Q if self.q is None else self.q

    @property
    def is_of_events(self) -> bool:
        """Whether each event is judged by itself; else they are counted or their dose is added up."""
        return self.count is None and self.dose is None

    @property
    def limit(self) -> float:
        """The level (of an srs the lowest of the envelope, g), the number of events, or the dose; in `unit`."""
        if self.dose is not None:
            return self.dose
        if self.count is not None:
            return float(self.count)
        return self.level if self.srs is None else min(level_g for _, level_g in self.srs)

    @property
    def sign(self) -> int:
        """-1 of events judged against a damage boundary, whose margin is beyond when it is below 1; else +1."""
        return -1 if self.damage_boundary is not None and self.is_of_events else 1

    @property
    def unit(self) -> str:
        """The unit of limit and value, as shown: none of a margin, count or dose."""
        return FIELDS[self.quantity][1] if self.is_of_events else ""

    def judges(self, channel: str) -> bool:
        """Whether `channel` is that of an accelerometer's events."""
        return quantity_of(channel) == "shock"

    def applies_to(self, place: str | None) -> bool:
        """Whether a logger at `place` is judged; one of which nobody says the place only where all are."""
        return self.place is None or fnmatchcase(place or "", self.place)

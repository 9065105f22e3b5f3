"""Rules: the part of the configuration that changes a result, as it is journalled and read back for a replay."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property, lru_cache
from typing import Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from monitor.config.alerting import AlertSettings
from monitor.config.inputs import SourceSettings
from monitor.config.problems import ConfigProblems, problems_of
from monitor.config.settings import DEFAULT_INSTANCE, IngestSettings
from monitor.model.arming import ArmedSpans, armed_spans, is_armed_in, started_ns
from monitor.model.channel import covers
from monitor.model.clock import NS_PER_S, datetime_ns
from monitor.model.errors import ConfigError
from monitor.model.leg import DEFAULT_PHASE, Consignment, Container, Logger
from monitor.model.limit import Identifier, Profile, Strict
from monitor.model.operator_book import OperatorBook
from monitor.model.phase import Spans, overlaid, phase_in, word_in
from monitor.model.rules.accuracy import accuracy_of
from monitor.model.strict import JOURNALLED

ALL_LOGGERS = "-"  # the logger of an alert that concerns all loggers of a container
NOBODY = ""  # has custody before the first leg


def canonical_json(model: BaseModel) -> bytes:
    """The one JSON text of a model: keys as in the files, sorted, values with their units, defaults written out."""
    content = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


NO_LIMITS = Profile.model_construct(name="no-limits", title="", rule=())  # a file must have a rule, this has none


@lru_cache(maxsize=1024)  # each alert asks ten times
def _unregistered_container(container_id: str) -> Container:
    return Container(id=container_id)


@lru_cache(maxsize=4096)
def _unregistered_logger(logger_id: str) -> Logger:
    return Logger(id=logger_id)


class Rules(Strict):
    """Profiles, containers and consignments by id, the sources, and the questions that the other parts ask of them.

    Equal rules have equal JSON and an equal `digest`, whatever files they came from.
    """

    instance: Identifier = DEFAULT_INSTANCE
    ingest: IngestSettings = IngestSettings()
    alerts: AlertSettings = AlertSettings()
    profiles: dict[str, Profile]
    containers: dict[str, Container] = Field(default_factory=dict)
    consignments: dict[str, Consignment] = Field(default_factory=dict)
    sources: tuple[SourceSettings, ...] = ()
    _operators: OperatorBook = PrivateAttr(default_factory=OperatorBook)
    _phase_spans: dict[str, Spans] = PrivateAttr(default_factory=dict)  # these three of containers that operators set
    _custody_spans: dict[str, Spans] = PrivateAttr(default_factory=dict)
    _armed_spans: dict[str, ArmedSpans] = PrivateAttr(default_factory=dict)

    def with_operators(self, operators: OperatorBook) -> Self:
        """These rules with what operators set over plans and files; `to_json` and all the rest answer as before."""
        other = self.model_copy()
        other._operators = operators
        other._phase_spans, other._custody_spans, other._armed_spans = {}, {}, {}
        return other

    def container(self, container_id: str) -> Container:
        """The container as registered; one that is not has nothing but its id."""
        return self.containers.get(container_id) or _unregistered_container(container_id)

    def logger(self, container_id: str, logger_id: str) -> Logger:
        """The logger as registered in this container; one that is not has nothing but its id."""
        return self._loggers.get((container_id, logger_id)) or _unregistered_logger(logger_id)

    def is_registered(self, container_id: str, logger_id: str) -> bool:
        """Whether the container's file names the logger."""
        return (container_id, logger_id) in self._loggers

    def accepts(self, container_id: str, logger_id: str) -> bool:
        """Whether the logger's records are taken; else they go to quarantine."""
        return self.ingest.unknown_loggers == "accept" or self.is_registered(container_id, logger_id)

    def profile(self, container_id: str) -> Profile:
        """The limits the container is watched under: its own, else the default, else NO_LIMITS."""
        name = self.container(container_id).limits or self.ingest.default_limits
        return NO_LIMITS if name is None else self.profiles[name]

    def profile_digest(self, container_id: str) -> str:
        """SHA-256 (hex) over the canonical JSON of the container's limits profile."""
        return self._profile_digests[self.profile(container_id).name]

    def digest_of(self, profile: str) -> str:
        """SHA-256 (hex) over the canonical JSON of a profile, by its name."""
        return self._profile_digests[profile]

    def consignment(self, container_id: str) -> Consignment | None:
        """The consignment that the container travels in, None for none."""
        return self.consignments.get(self.container(container_id).consignment or "")

    def phase_spans(self, container_id: str) -> Spans:
        """(start ns UTC, phase) in order of time, by operators where they set one, else by plan.

        Before the first, and without consignment, it is storage.
        """
        plan = self._plans.get(self.container(container_id).consignment or "", ())
        words = self._operators.phases.get(container_id)
        if words is None:
            return plan
        if container_id not in self._phase_spans:
            self._phase_spans[container_id] = overlaid(plan, words, DEFAULT_PHASE)
        return self._phase_spans[container_id]

    def phase_at(self, container_id: str, time_ns: int) -> str:
        """The phase at a time in ns UTC, as `phase_spans` says."""
        return phase_in(self.phase_spans(container_id), time_ns)

    def is_armed(self, container_id: str, time_ns: int, logger_id: str = ALL_LOGGERS) -> bool:
        """Whether alerts of what began at a time in ns UTC have their rule's severity; else they are raised as info.

        They are while the container is disarmed, and while it, or just this logger, starts up.
        """
        if container_id not in self._operators.arming:
            return self.container(container_id).armed
        is_disarmed = not is_armed_in(self.armed_spans(container_id), time_ns)
        return not is_disarmed and self.starting_until_ns(container_id, time_ns, logger_id) is None

    def armed_spans(self, container_id: str) -> ArmedSpans:
        """(start ns UTC, whether it is armed) in order of time, the first of them from the beginning of time."""
        if container_id not in self._armed_spans:
            armings = self._operators.arming.get(container_id, ())
            self._armed_spans[container_id] = armed_spans(armings, is_armed=self.container(container_id).armed)
        return self._armed_spans[container_id]

    def starting_until_ns(self, container_id: str, time_ns: int, logger_id: str = ALL_LOGGERS) -> int | None:
        """When the start-up ends (ns UTC) in which a container's logger is at a time; None where it is in none."""
        began_ns = started_ns(self._operators.arming.get(container_id, ()), logger_id, time_ns)
        end_ns = (began_ns or 0) + round(self.container(container_id).startup_ignore_s * NS_PER_S)
        return end_ns if began_ns is not None and time_ns < end_ns else None

    def custodian_at(self, container_id: str, time_ns: int) -> str | None:
        """The party that has custody at a time in ns UTC: by operators where they set one, else that of the leg.

        None before the first.
        """
        return word_in(self.custody_spans(container_id), time_ns, NOBODY) or None

    def custody_spans(self, container_id: str) -> Spans:
        """(start ns UTC, custodian) in order of time, as `custodian_at` says; "" where nobody has custody."""
        consignment = self.consignment(container_id)
        plan = self._custody[consignment.id] if consignment else ()
        words = self._operators.custody.get(container_id)
        if words is None:
            return plan
        if container_id not in self._custody_spans:
            self._custody_spans[container_id] = overlaid(plan, words, NOBODY)
        return self._custody_spans[container_id]

    def legs_between(self, container_id: str, start_ns: int, end_ns: int | None) -> list[str]:
        """The ids of the legs under way by plan at some time from `start_ns` up to `end_ns` (UTC; None: for ever)."""
        consignment = self.consignment(container_id)
        return [
            leg.id
            for leg in (consignment.leg if consignment else ())
            if datetime_ns(leg.planned_end) > start_ns and (end_ns is None or datetime_ns(leg.planned_start) < end_ns)
        ]

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        """(start ns UTC, id of the leg) by plan, in order of time; "" between legs, as before the first."""
        return self._legs.get(self.container(container_id).consignment or "", ())

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        """U (k = 2) of a channel in its unit by calibration record, of a derived one from those of its inputs.

        The largest of all channels that a glob covers, and of all loggers of the container for ALL_LOGGERS. None when
        there is no record.
        """
        is_all = logger_id == ALL_LOGGERS
        loggers = self.container(container_id).logger if is_all else (self.logger(container_id, logger_id),)
        records = [item for logger in loggers for item in logger.calibration.items()]

        def measured(name: str) -> float | None:
            return max((record.accuracy for of, record in records if covers(name, of)), default=None)

        return accuracy_of(channel, measured)

    def to_json(self) -> bytes:
        """Canonical JSON of everything that changes a result; neither secrets nor paths nor addresses are in it."""
        return canonical_json(self)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """The rules that `to_json` of this version or an earlier one wrote; ConfigError when the text is not that."""
        place = "configuration record"
        try:
            document: Any = json.loads(text)
        except ValueError as error:  # covers both wrong JSON and wrong UTF-8
            raise ConfigError("read rules", place, f"no JSON: {error}") from error
        try:
            return cls.model_validate(document, context=JOURNALLED)
        except ValidationError as error:
            raise ConfigProblems(problems_of(error, cls, document, place)) from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over `to_json`."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @cached_property
    def _plans(self) -> dict[str, Spans]:
        return {key: consignment.phase_spans() for key, consignment in self.consignments.items()}

    @cached_property
    def _custody(self) -> dict[str, Spans]:
        return {consignment.id: consignment.custody_spans() for consignment in self.consignments.values()}

    @cached_property
    def _legs(self) -> dict[str, Spans]:
        return {consignment.id: consignment.leg_spans() for consignment in self.consignments.values()}

    @cached_property
    def _profile_digests(self) -> dict[str, str]:
        profiles = [NO_LIMITS, *self.profiles.values()]
        return {profile.name: hashlib.sha256(canonical_json(profile)).hexdigest() for profile in profiles}

    @cached_property
    def _loggers(self) -> dict[tuple[str, str], Logger]:
        return {(box.id, logger.id): logger for box in self.containers.values() for logger in box.logger}

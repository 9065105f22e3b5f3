"""Warnings: what loads and works, but is probably not meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial

from monitor.config.certificates import UnusableFile
from monitor.config.config import Config
from monitor.config.endings import named_files, soon
from monitor.config.phases import planned_phases
from monitor.config.problems import Problem
from monitor.config.reads import unmeasured
from monitor.config.rules import Rules
from monitor.config.settings import StoreSettings
from monitor.model.arming import is_armed_in
from monitor.model.clock import datetime_ns
from monitor.model.leg import DEFAULT_PHASE, Consignment, Container, Leg, Logger
from monitor.model.limit import Profile, Rule, ShockRule
from monitor.model.operator_book import OperatorBook
from monitor.model.rules.accuracy import propagated


def warnings_of(config: Config, now: dt.datetime | None = None, operators: OperatorBook | None = None) -> list[Problem]:
    """Everything about the configuration that deserves a second look at `now` (aware; by default the present).

    `operators` is what these set, where there is anybody to know it.
    """
    moment = now or dt.datetime.now(dt.UTC)
    rules = config.rules.with_operators(operators or OperatorBook())
    found: list[Problem] = []
    settings_file = config.files.get(("settings", ""), "")
    if not config.rules.containers:
        message = "no container is registered: all loggers are watched under ingest.default_limits"
        found.append(Problem(settings_file, "containers", message))
    if not config.rules.profiles:
        message = "no limits profile is loaded: readings are stored, but nothing is judged"
        found.append(Problem(settings_file, "limits", message))
    for profile in config.rules.profiles.values():
        file = config.files.get(("profiles", profile.name), profile.name)
        found += [Problem(file, key, message) for key, message in _of_profile(config.rules, profile)]
    for number, source in enumerate(config.rules.sources, 1):
        if source.container not in config.rules.containers:
            message = f"{source.container} is not registered; its loggers are watched as unknown ones"
            found.append(Problem(settings_file, f"source[{number}].container", message))
    found += [Problem(settings_file, key, message) for key, message in _of_store(config.store)]
    found += [Problem(settings_file, key, message) for key, message in _of_certificates(config, moment)]
    for container in config.rules.containers.values():
        file = config.files.get(("containers", container.id), container.id)
        found += [Problem(file, key, message) for key, message in _of_container(rules, container, moment)]
    for consignment in config.rules.consignments.values():
        file = config.files.get(("consignments", consignment.id), consignment.id)
        found += [Problem(file, key, message) for key, message in _of_consignment(consignment)]
    return found


def _of_store(store: StoreSettings) -> Iterator[tuple[str, str]]:
    """A copy for long ranges that is gone before what it is made of."""
    kept_s, copied_s = store.retention_s, store.long_retention_s
    if store.copy_name is not None and copied_s is not None and (kept_s is None or copied_s < kept_s):
        yield "store.long_retention", "shorter than retention: pages of long ranges, read from the copy, show less"


def _of_certificates(config: Config, now: dt.datetime) -> Iterator[tuple[str, str]]:
    """Those that end soon, and those of which nobody can say; what is wrong with a file is an error, no warning."""
    for each in named_files(config):
        try:
            ends = each.ends
        except UnusableFile as error:
            if error.is_closed:
                yield each.key, "it cannot be read by this user, who is not told when it ends"
            continue
        words = soon(ends, now) if ends else ""
        if words:
            yield each.key, f"{words}: make it anew, then restart the daemon"


def _of_profile(rules: Rules, profile: Profile) -> Iterator[tuple[str, str]]:
    """Rules that never fire: phases nobody enters, channels nobody measures, places nobody is at; and idle guards."""
    phases = planned_phases(rules)
    loggers = [logger for container in rules.containers.values() for logger in container.logger]
    channels = {channel for logger in loggers for channel in logger.calibration}
    for rule in profile.rule:
        place = f"rule.{rule.id}"
        strange = sorted(set(rule.phases or ()) - phases)
        if strange:
            known = ", ".join(sorted(phases))
            yield (
                f"{place}.phases",
                f"no leg has the phase {', '.join(strange)}: the rule never watches there; known are {known}",
            )
        for key, glob in unmeasured(rule, channels) if channels else ():
            yield f"{place}.{key}", f"no registered logger has a calibration record of {glob}; is the name right?"
        if isinstance(rule, ShockRule) and not _is_placed(rules, profile, rule):
            yield (
                f"{place}.place",
                f"no registered logger stands at {rule.place!r}: the rule never watches; is it right?",
            )
        if rule.guard is not None:
            yield from ((f"{place}.guard", message) for message in _of_guard(rules, profile, rule))


def _is_placed(rules: Rules, profile: Profile, rule: ShockRule) -> bool:
    """Whether the rule judges any logger under this profile, or nobody knows which there will be."""
    watched = [box for box in rules.containers.values() if rules.profile(box.id) is profile]
    places = [logger.place for container in watched for logger in container.logger]
    return not places or any(rule.applies_to(place) for place in places)


def _of_guard(rules: Rules, profile: Profile, rule: Rule) -> Iterator[str]:
    """Where `guard` changes nothing, as nobody can say the uncertainty."""
    if propagated(rule, lambda _: 1.0, _any_channel(rule), volume_m3=1.0) is None:
        yield f"no effect: what this rule of kind {rule.kind} judges states no uncertainty"
        return
    for container in rules.containers.values():
        if container.logger and rules.profile(container.id) is profile:
            guarded = (_uncertainty(rules, container, logger, rule) is not None for logger in container.logger)
            if not any(guarded):
                yield f"no effect in {container.id}: none of its loggers has the calibration records that it needs"


def _any_channel(rule: Rule) -> str:
    return "shock.a" if isinstance(rule, ShockRule) else rule.channel


def _uncertainty(rules: Rules, container: Container, logger: Logger, rule: Rule) -> float | None:
    """U of what the rule judges of this logger, the first channel's that has one; None when none has."""
    judged = [channel for channel in logger.calibration if rule.judges(channel)] or [_any_channel(rule)]
    known = (
        propagated(rule, partial(rules.accuracy, container.id, logger.id), channel, container.free_gas_volume_m3)
        for channel in judged
    )
    return next((uncertainty for uncertainty in known if uncertainty is not None), None)


def _of_container(rules: Rules, container: Container, now: dt.datetime) -> Iterator[tuple[str, str]]:
    if container.limits is None:
        yield "limits", f"not given; watched under the default {rules.profile(container.id).name}"
    consignment = rules.consignment(container.id)
    if consignment is None:
        yield "consignment", f"not given; the phase is always {DEFAULT_PHASE}"
    ahead = [leg for leg in consignment.leg if leg.planned_end > now] if consignment else []
    disarmed = [leg.id for leg in ahead if _is_disarmed_on(rules, container, leg, now)]
    if disarmed:
        by = "by its file" if not container.armed else "by an operator (tcm log list)"
        yield (
            "armed",
            f"disarmed {by} although legs are planned ({', '.join(disarmed)}); alerts are raised as info only",
        )
    end = max(now, consignment.leg[-1].planned_end) if consignment and consignment.leg else now
    for logger in container.logger:
        yield from _of_logger(logger, now.date(), end.date())


def _is_disarmed_on(rules: Rules, container: Container, leg: Leg, now: dt.datetime) -> bool:
    """Whether a container is disarmed at some time of what is left of a leg."""
    start_ns, end_ns = max(datetime_ns(leg.planned_start), datetime_ns(now)), datetime_ns(leg.planned_end)
    spans = rules.armed_spans(container.id)
    return not is_armed_in(spans, start_ns) or any(start_ns < at < end_ns and not armed for at, armed in spans)


def _of_logger(logger: Logger, today: dt.date, end: dt.date) -> Iterator[tuple[str, str]]:
    if not logger.calibration:
        yield f"logger.{logger.id}.calibration", "no record; alerts of this logger state no uncertainty"
    for channel, calibration in logger.calibration.items():
        if calibration.due is None or calibration.due >= end:
            continue
        state = "past" if calibration.due < today else f"runs out before the journey ends on {end}"
        yield f"logger.{logger.id}.calibration.{channel}.due", f"calibration due {calibration.due} {state}"


def _of_consignment(consignment: Consignment) -> Iterator[tuple[str, str]]:
    if not consignment.leg:
        return
    end = consignment.leg[-1].planned_end.astimezone(dt.UTC).date()
    for document in consignment.documents:
        if document.expires is not None and document.expires < end:
            message = (
                f"{document.kind} {document.number} expires on {document.expires}, before the last leg ends on {end}"
            )
            yield "documents", message

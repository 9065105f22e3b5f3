"""Warnings: what loads and works, but is probably not meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from monitor.config.config import Config
from monitor.config.problems import Problem
from monitor.model.leg import DEFAULT_PHASE, Consignment, Container, Logger


def warnings_of(config: Config, now: dt.datetime | None = None) -> list[Problem]:
    """Everything about the configuration that deserves a second look at `now` (aware; by default the present)."""
    moment = now or dt.datetime.now(dt.UTC)
    found: list[Problem] = []
    if not config.rules.containers:
        message = "no container is registered: all loggers are watched under ingest.default_limits"
        found.append(Problem(config.files.get(("settings", ""), ""), "containers", message))
    if not config.rules.profiles:
        message = "no limits profile is loaded: readings are stored, but nothing is judged"
        found.append(Problem(config.files.get(("settings", ""), ""), "limits", message))
    for container in config.rules.containers.values():
        file = config.files.get(("containers", container.id), container.id)
        found += [Problem(file, key, message) for key, message in _of_container(config, container, moment)]
    for consignment in config.rules.consignments.values():
        file = config.files.get(("consignments", consignment.id), consignment.id)
        found += [Problem(file, key, message) for key, message in _of_consignment(consignment)]
    return found


def _of_container(config: Config, container: Container, now: dt.datetime) -> Iterator[tuple[str, str]]:
    if container.limits is None:
        yield "limits", f"not given; watched under the default {config.rules.profile(container.id).name}"
    consignment = config.rules.consignment(container.id)
    if consignment is None:
        yield "consignment", f"not given; the phase is always {DEFAULT_PHASE}"
    ahead = [leg.id for leg in consignment.leg if leg.planned_end > now] if consignment else []
    if ahead and not container.armed:
        yield "armed", f"disarmed although legs are planned ({', '.join(ahead)}); alerts are raised as info only"
    end = max(now, consignment.leg[-1].planned_end) if consignment and consignment.leg else now
    for logger in container.logger:
        yield from _of_logger(logger, now.date(), end.date())


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

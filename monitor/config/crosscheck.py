"""Checks between files: names given twice, references that lead nowhere, limits that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.config.intervals import interval_faults
from monitor.config.problems import Problem
from monitor.config.settings import Settings
from monitor.config.source import M, Source
from monitor.model.leg import Consignment, Container
from monitor.model.limit import LeakRule, Profile
from monitor.model.topic_filter import overlap


@dataclass(frozen=True, slots=True)
class Sources:
    """All files of a configuration, right or wrong."""

    settings: Source[Settings]
    profiles: list[Source[Profile]]
    containers: list[Source[Container]]
    consignments: list[Source[Consignment]]


def check_across(sources: Sources) -> list[Problem]:
    """Everything that is wrong between the files."""
    return [
        *_doubles(_names(sources.profiles, "name")),
        *_doubles(_names(sources.containers, "id")),
        *_doubles(_logger_names(sources.containers)),
        *_doubles(_names(sources.consignments, "id")),
        *_lost_references(sources),
        *_missing_limits(sources),
        *_shared_topics(sources),
        *_strange_loggers(sources),
        *_short_times(sources),
        *_missing_volumes(sources),
    ]


def default_limits(sources: Sources) -> str | None:
    """The profile for containers that name none: the one that is set, else the only one there is."""
    named = _ingest(sources).get("default_limits")
    names = {source.name("name") for source in sources.profiles}
    if named is None and len(names) == 1:
        return names.pop()
    return named if isinstance(named, str) else None


def _ingest(sources: Sources) -> dict[str, Any]:
    table = (sources.settings.document or {}).get("ingest")
    return table if isinstance(table, dict) else {}


def _names(sources: list[Source[M]], key: str) -> Iterator[tuple[str, str, str]]:
    """(file, key, name) of each file that says its name."""
    for source in sources:
        name = source.text(key)
        if name is not None:
            yield source.file, key, name


def _logger_names(containers: list[Source[Container]]) -> Iterator[tuple[str, str, str]]:
    """(file, key, name) of each logger: its name is unique within the gateway."""
    for source in containers:
        for logger in _tables(source.document, "logger"):
            if isinstance(logger.get("id"), str):
                yield source.file, f"logger.{logger['id']}.id", logger["id"]


def _doubles(names: Iterator[tuple[str, str, str]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file, key, name in names:
        if name in first:
            yield Problem(file, key, f"expected a name of its own, {name!r} stands in {first[name]} already")
        first.setdefault(name, file)


def _lost_references(sources: Sources) -> Iterator[Problem]:
    profiles = {source.name("name") for source in sources.profiles}
    consignments = {source.name("id") for source in sources.consignments}
    for source in sources.containers:
        for key, known in (("limits", profiles), ("consignment", consignments)):
            name = source.text(key)
            if name is not None and name not in known:
                yield Problem(source.file, key, f"expected {_one_of(known)}, got {name!r}")
    default = _ingest(sources).get("default_limits")
    if isinstance(default, str) and default not in profiles:
        yield Problem(sources.settings.file, "ingest.default_limits", f"expected {_one_of(profiles)}, got {default!r}")


def _one_of(names: set[str]) -> str:
    return f"one of {', '.join(sorted(names))}" if names else "the name of a file's content, but the folder is empty"


def _missing_limits(sources: Sources) -> Iterator[Problem]:
    """Nobody may travel unwatched by mistake: where there are several profiles, whoever can send needs one of them."""
    if sources.settings.document is None or default_limits(sources) is not None or not sources.profiles:
        return
    who = [
        source.name("id") for source in sources.containers if source.document is not None and not source.text("limits")
    ]
    if _ingest(sources).get("unknown_loggers", "accept") == "accept":
        who.append('loggers not registered (unknown_loggers = "accept")')
    if who:
        names = ", ".join(sorted({source.name("name") for source in sources.profiles}))
        message = f"missing; expected one of {names} as limits of {', '.join(who)}"
        yield Problem(sources.settings.file, "ingest.default_limits", message)


def _tables(document: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The tables `[[key]]` of a file, right or wrong; what is no table stands as an empty one."""
    tables = (document or {}).get(key)
    return [table if isinstance(table, dict) else {} for table in tables] if isinstance(tables, list) else []


def _shared_topics(sources: Sources) -> Iterator[Problem]:
    """A message that two sources take would be two records."""
    seen: list[tuple[int, str]] = []
    for number, table in enumerate(_tables(sources.settings.document, "source"), 1):
        topic = table.get("topic")
        if not isinstance(topic, str):
            continue
        for earlier, other in seen:
            if overlap(topic, other):
                message = f"expected topics of its own, {topic!r} and {other!r} of source[{earlier}] share some"
                yield Problem(sources.settings.file, f"source[{number}].topic", message)
        seen.append((number, topic))


def _strange_loggers(sources: Sources) -> Iterator[Problem]:
    """A source may not send in the name of a logger that belongs to another container."""
    homes = {
        logger.get("id"): source.name("id")
        for source in sources.containers
        for logger in _tables(source.document, "logger")
        if isinstance(logger.get("id"), str)
    }
    for number, table in enumerate(_tables(sources.settings.document, "source"), 1):
        logger, container = table.get("logger"), table.get("container")
        home = homes.get(logger) if isinstance(logger, str) else None
        if home is not None and home != container:
            message = f"expected a logger of {container}, {logger} is registered in container {home}"
            yield Problem(sources.settings.file, f"source[{number}].logger", message)


def _watched(sources: Sources, profile: Source[Profile]) -> Iterator[tuple[Source[Container], Container]]:
    """Each container that is watched under the profile, of the files that are right."""
    default = default_limits(sources)
    for box in sources.containers:
        if box.model is not None and (box.text("limits") or default) == profile.name("name"):
            yield box, box.model


def _short_times(sources: Sources) -> Iterator[Problem]:
    """A window in which no reading falls, or too few, would never judge anything; one line for all loggers."""
    for profile in sources.profiles:
        loggers = [(box.file, logger) for box, container in _watched(sources, profile) for logger in container.logger]
        for rule in profile.model.rule if profile.model is not None else ():
            for key, message in interval_faults(rule, loggers):
                yield Problem(profile.file, f"rule.{rule.id}.{key}", message)


def _missing_volumes(sources: Sources) -> Iterator[Problem]:
    """A leak as a flow is the loss of pressure times the volume of gas."""
    for profile in sources.profiles:
        for rule in profile.model.rule if profile.model is not None else ():
            if not isinstance(rule, LeakRule) or not rule.is_flow:
                continue
            for box, container in _watched(sources, profile):
                if container.free_gas_volume_m3 is None:
                    message = f"missing; rule {rule.id} of {profile.file} limits a leak in {rule.unit}"
                    yield Problem(box.file, "free_gas_volume_m3", message)

"""Checks between files: names given twice, references that lead nowhere, limits that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.config.problems import Problem
from monitor.config.reads import reads, windows
from monitor.config.settings import Settings
from monitor.config.source import M, Source
from monitor.model.channel import covers
from monitor.model.leg import Consignment, Container, Logger
from monitor.model.limit import LeakRule, Profile, Rule
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
        *_short_windows(sources),
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


def _watched(sources: Sources) -> Iterator[tuple[Source[Container], Container, Source[Profile], Rule]]:
    """Each container with each rule that it is watched under, of the files that are right."""
    profiles = {source.name("name"): source for source in sources.profiles}
    for box in sources.containers:
        profile = profiles.get(box.text("limits") or default_limits(sources) or "")
        if box.model is not None and profile is not None and profile.model is not None:
            for rule in profile.model.rule:
                yield box, box.model, profile, rule


def _short_windows(sources: Sources) -> Iterator[Problem]:
    """A window in which no reading falls would never judge anything."""
    for box, container, profile, rule in _watched(sources):
        for key, window_s in windows(rule):
            for logger in container.logger:
                if logger.interval_s is None or logger.interval_s <= window_s or not _reads_any(rule, logger):
                    continue
                where = f"{logger.interval_s:g} s of {logger.id} in {box.file}"
                message = f"expected at least the interval of the loggers, {where}, got {window_s:g} s"
                yield Problem(profile.file, f"rule.{rule.id}.{key}", message)


def _reads_any(rule: Rule, logger: Logger) -> bool:
    return any(covers(glob, channel) for _, glob in reads(rule) for channel in logger.calibration)


def _missing_volumes(sources: Sources) -> Iterator[Problem]:
    """A leak as a flow is the loss of pressure times the volume of gas."""
    for box, container, profile, rule in _watched(sources):
        if isinstance(rule, LeakRule) and rule.is_flow and container.free_gas_volume_m3 is None:
            message = f"missing; rule {rule.id} of {profile.file} limits a leak in {rule.unit}"
            yield Problem(box.file, "free_gas_volume_m3", message)

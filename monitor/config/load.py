"""Loading: monitor.toml and its folders to a Config, or all problems of all files at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from monitor.config.alerting import NotifierSettings
from monitor.config.config import Config
from monitor.config.crosscheck import Sources, check_across, default_limits
from monitor.config.problems import ConfigProblems, Problem
from monitor.config.rules import Rules
from monitor.config.secret import secret_fault
from monitor.config.settings import Settings
from monitor.config.source import M, Source, read_folder, read_source
from monitor.model.leg import Consignment, Container
from monitor.model.limit import Profile

_AS_THEY_ARE: Mapping[Path, Path] = MappingProxyType({})
_SECRETS = {
    ("mqtt", "password_file"): "TCM_MQTT_PASSWORD",
    ("store", "token_file"): "TCM_STORE_TOKEN",
    ("store", "password_file"): "TCM_STORE_PASSWORD",
}


def load_config(path: Path, instead: Mapping[Path, Path] = _AS_THEY_ARE) -> Config:
    """Load `path` (monitor.toml) and the folders it names; ConfigProblems holds everything that is wrong with them.

    `instead` says of files in the folders, there or not, which other file is to be read in their place.
    """
    problems: list[Problem] = []
    path = path.absolute()
    settings = read_source(path, Settings, problems)
    if not os.access(path, os.R_OK):  # nobody knows whose folders these would be
        raise ConfigProblems(problems)
    sources = Sources(
        settings,
        _read_part(settings, "limits", Profile, problems, instead),
        _read_part(settings, "containers", Container, problems, instead),
        _read_part(settings, "consignments", Consignment, problems, instead),
    )
    problems += check_across(sources)
    if settings.model is not None:
        problems += _check_named_files(settings.model, settings.file)
    if problems or settings.model is None:
        raise ConfigProblems(problems)
    return _build(settings.model, sources)


def load_profile(path: Path) -> Profile:
    """Load one limits file; ConfigProblems holds everything that is wrong with it."""
    problems: list[Problem] = []
    source = read_source(path, Profile, problems)
    if source.model is None:
        raise ConfigProblems(problems)
    return source.model


def folder_of(settings: Source[Settings], key: str) -> Path:
    """The folder under `key` of a monitor.toml, or of that name beside it."""
    return (settings.path.parent / (settings.text(key) or key)).resolve()


def _read_part(
    settings: Source[Settings], key: str, model: type[M], problems: list[Problem], instead: Mapping[Path, Path]
) -> list[Source[M]]:
    """Read the folder under `key`; a folder that is not named may be absent."""
    folder = folder_of(settings, key)
    try:
        return read_folder(folder, model, problems, instead)
    except OSError as error:
        if settings.text(key) is not None or not isinstance(error, FileNotFoundError):
            message = f"expected a folder of TOML files, got {folder}: {error.strerror}"
            problems.append(Problem(settings.file, key, message))
        return []


def _check_named_files(settings: Settings, file: str) -> list[Problem]:
    """Whether the files for secrets and TLS can be used, before the first connection finds out."""
    problems = [problem for notifier in settings.notifier for problem in _check_notifier(notifier, file)]
    for (table, key), variable in _SECRETS.items():
        path = getattr(getattr(settings, table), key)
        if path is None or os.environ.get(variable):
            continue
        fault = secret_fault(path, is_token=key == "token_file")
        if fault:
            problems.append(Problem(file, f"{table}.{key}", fault))
    for table, key in (("mqtt", "ca_file"), ("mqtt", "cert_file"), ("mqtt", "key_file"), ("store", "ca_file")):
        path = getattr(getattr(settings, table), key)
        if path is not None and _is_absent(path):
            problems.append(Problem(file, f"{table}.{key}", f"expected a PEM file, there is no {path}"))
    return problems


def _check_notifier(notifier: NotifierSettings, file: str) -> Iterator[Problem]:
    """Whether the secret of a notifier and its file for TLS can be used."""
    place, path = f"notifier.{notifier.name}", notifier.secret_file
    if not os.environ.get(notifier.variable):
        fault = secret_fault(path) if path is not None else ""
        if path is None and notifier.needs_secret:
            fault = f"missing; expected a file with {notifier.needs_secret}, or {notifier.variable}"
        if fault:
            yield Problem(file, f"{place}.secret_file", fault)
    for key in ("ca_file", "cert_file", "key_file"):
        certificate = getattr(notifier, key, None)
        if certificate is not None and _is_absent(certificate):
            yield Problem(file, f"{place}.{key}", f"expected a PEM file, there is no {certificate}")


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return False  # the daemon's own user may see it
    except OSError:
        return True
    return False


def _build(settings: Settings, sources: Sources) -> Config:
    """Put the models together once nothing is wrong any more."""
    ingest = settings.ingest.model_copy(update={"default_limits": default_limits(sources)})
    containers, consignments = _by(sources.containers, _id), _by(sources.consignments, _id)
    rules = Rules(
        instance=settings.instance,
        ingest=ingest,
        alerts=settings.alerts,
        profiles=_by(sources.profiles, lambda profile: profile.name),
        containers=containers,
        consignments=consignments,
        sources=settings.source,
    )
    files = {("containers", source.name("id")): source.file for source in sources.containers}
    files |= {("consignments", source.name("id")): source.file for source in sources.consignments}
    files |= {("profiles", source.name("name")): source.file for source in sources.profiles}
    files["settings", ""] = sources.settings.file
    places = (settings.state_dir, settings.mqtt, settings.store, settings.web, settings.journal, settings.notifier)
    return Config(rules, *places, files=files)


def _id(model: Container | Consignment) -> str:
    return model.id


def _by(sources: list[Source[M]], key: Callable[[M], str]) -> dict[str, M]:
    models = [source.model for source in sources if source.model is not None]
    return {key(model): model for model in models}

"""Where a gateway's daemon and its files are, whatever else is wrong with the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.config.address import LocalPath
from monitor.config.problems import ConfigProblems, Problem
from monitor.config.settings import Settings, WebSettings
from monitor.config.source import read_source
from monitor.model.strict import Strict


class _AccessSettings(Strict, extra="ignore"):
    """The part of monitor.toml that is read; of the rest only that it is TOML matters."""

    state_dir: LocalPath
    web: WebSettings = Settings.model_fields["web"].default


@dataclass(frozen=True)
class Access:
    """What somebody needs who asks the daemon or reads its files; `file` is the monitor.toml that says it."""

    file: Path
    state_dir: Path
    web: WebSettings


def load_access(path: Path) -> Access:
    """Read `state_dir` and `[web]` of a monitor.toml alone; ConfigProblems holds what is wrong with these."""
    problems: list[Problem] = []
    settings = read_source(path.absolute(), _AccessSettings, problems).model
    if settings is None:
        raise ConfigProblems(problems)
    return Access(path, settings.state_dir, settings.web)

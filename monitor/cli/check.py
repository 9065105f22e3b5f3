"""`tcm check`: everything that is wrong with the configuration, at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, tell

if TYPE_CHECKING:
    from monitor.config import Config, Problem
    from monitor.config.alerting import NotifierSettings
    from monitor.model.operator_book import OperatorBook


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also try broker, store and notifiers; nobody is told.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration. Example: tcm check --connect --config config/monitor.toml"""
    from monitor.config import ConfigProblems, Problem, load_config, warnings_of
    from monitor.config.endings import unusable_files

    errors: list[Problem] = []
    warnings: list[Problem] = []
    tried = ""
    try:
        loaded = load_config(config)
        warnings = warnings_of(loaded, operators=_operators(loaded))
        if connect:
            errors, told = _try_servers(loaded, str(config))
            warnings += told
            tried = f"; tried: broker, store, notifiers: {len(loaded.notifiers)}"
        else:  # trying finds them too
            errors = [Problem(str(config), key, str(error)) for key, error in unusable_files(loaded)]
    except ConfigProblems as problems:
        errors = problems.problems
    if as_json:
        document = {"ok": not errors, "errors": [asdict(e) for e in errors], "warnings": [asdict(w) for w in warnings]}
        print_json(document)
    else:
        for kind, problems_found in (("error", errors), ("warning", warnings)):
            for problem in problems_found:
                tell(f"{kind}: {problem}")
        tell(f"errors: {len(errors)}, warnings: {len(warnings)}{tried}")
    sys.exit(2 if errors else 0)


def _operators(config: Config) -> OperatorBook | None:
    """What operators set, None where there is no journal yet or it belongs to somebody else."""
    from monitor.consumers.operators import OperatorReader
    from monitor.journal import JournalReader
    from monitor.model.errors import JournalError

    try:
        with closing(JournalReader(config.state_dir)) as reader:
            return OperatorReader(reader).book()
    except JournalError:
        return None


def _try_servers(config: Config, file: str) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of connecting to broker, store and notifiers once, as the daemon would."""
    from monitor.cli.try_broker import try_broker
    from monitor.cli.try_store import try_store
    from monitor.config import Problem

    errors, warnings = list[Problem](), list[Problem]()
    tables = (("mqtt", try_broker(config)), ("store", try_store(config.store, config.state_dir)))
    for table, findings in tables:
        for finding in findings:
            found = errors if finding.is_error else warnings
            found.append(Problem(file, f"{table}.{finding.key}", finding.cause))
    errors += [problem for settings in config.notifiers for problem in _try_notifier(config, settings, file)]
    return errors, warnings


def _try_notifier(config: Config, settings: NotifierSettings, file: str) -> Iterator[Problem]:
    """Reach a notifier's receiver, without telling anybody."""
    from monitor.cli.notify import open_alone
    from monitor.config import Problem
    from monitor.model.errors import TcmError

    try:
        with closing(open_alone(config, settings)) as transport:
            transport.reach()
    except TcmError as error:
        yield Problem(file, f"notifier.{settings.name}", f"expected a receiver that can be told: {error}")

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

TRY_S = 20.0  # half of it for the connection, and as much until the broker gives the session's own message back


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also try broker, store and notifiers; nobody is told.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration. Example: tcm check --connect --config config/monitor.toml"""
    from monitor.config import ConfigProblems, load_config, warnings_of

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
    from monitor.cli.try_store import try_store
    from monitor.config import Problem

    errors, warnings = list(_try_broker(config, file)), list[Problem]()
    for finding in try_store(config.store, config.state_dir):
        found = errors if finding.is_error else warnings
        found.append(Problem(file, f"store.{finding.key}", finding.cause))
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


def _try_broker(config: Config, file: str) -> Iterator[Problem]:
    """What keeps the broker from serving both sessions: TLS first, which nothing else can say so well."""
    from monitor.cli.try_tls import tls_fault
    from monitor.config import Problem

    mqtt = config.mqtt
    if mqtt.tls:
        fault = tls_fault(mqtt.host, mqtt.port, mqtt.ca_file, mqtt.cert_file, mqtt.key_file)
        if fault is not None:
            yield Problem(file, f"mqtt.{fault.key}", f"expected a broker that TLS can be trusted with: {fault.cause}")
            return
    cause = _try_sessions(config)
    if cause:
        yield Problem(file, "mqtt.url", f"expected a broker that accepts this client: {cause}")


def _try_sessions(config: Config) -> str:
    """Why the broker does not serve both sessions, "" when it does; under client ids of their own."""
    import threading
    import time

    from monitor.ingest import Inbox, Session
    from monitor.model.clock import SystemClock
    from monitor.wire import FILL_FILTER, LIVE_FILTER

    live_filters = (LIVE_FILTER, *(source.topic for source in config.rules.sources))
    inbox, clock, client_id = Inbox(), SystemClock(), f"{config.mqtt.client_id}-check"
    sessions = (
        Session("live", config.mqtt, client_id, live_filters, inbox, clock, is_trial=True),
        Session("fill", config.mqtt, f"{client_id}-fill", (FILL_FILTER,), inbox, clock, is_fill=True, is_trial=True),
    )
    threads = [threading.Thread(target=session.run, daemon=True) for session in sessions]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + TRY_S
    for session in sessions:
        session.tried.wait(max(end_s - time.monotonic(), 0))
    problems = {session.name: session.problem for session in sessions if session.problem}
    inbox.close()
    for session, thread in zip(sessions, threads, strict=True):
        session.stop()
        thread.join(TRY_S)
    return "; ".join(f"{name} session: {problem}" for name, problem in problems.items())

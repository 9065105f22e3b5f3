"""`tcm check`: everything that is wrong with the configuration, at once."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json

if TYPE_CHECKING:
    from monitor.config import Config, Problem

CONNECT_S = 10.0


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    connect: Annotated[bool, typer.Option("--connect", help="Also try the broker and the store.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration. Example: tcm check --connect --config config/monitor.toml"""
    from monitor.config import ConfigProblems, load_config, warnings_of

    errors: list[Problem] = []
    warnings: list[Problem] = []
    try:
        loaded = load_config(config)
        warnings = warnings_of(loaded)
        if connect:
            errors = _try_servers(loaded, str(config))
    except ConfigProblems as problems:
        errors = problems.problems
    if as_json:
        document = {"ok": not errors, "errors": [asdict(e) for e in errors], "warnings": [asdict(w) for w in warnings]}
        print_json(document)
    else:
        for kind, problems_found in (("error", errors), ("warning", warnings)):
            for problem in problems_found:
                print(f"{kind}: {problem}")
        print(f"errors: {len(errors)}, warnings: {len(warnings)}")
    sys.exit(2 if errors else 0)


def _try_servers(config: Config, file: str) -> list[Problem]:
    """Connect to broker and store once, as the daemon would."""
    from monitor.config import Problem
    from monitor.model.errors import TcmError
    from monitor.sinks.opening import open_sink

    problems = []
    fault = _try_broker(config)
    if fault:
        problems.append(Problem(file, "mqtt.url", f"expected a broker that accepts this client: {fault}"))
    try:
        sink = open_sink(config.store, config.state_dir)
        sink.ping()
        sink.close()
    except TcmError as error:
        problems.append(Problem(file, "store.url", f"expected a store that answers: {error}"))
    return problems


def _try_broker(config: Config) -> str:
    """Why the broker does not take a connection, "" when it does; under a client id of its own."""
    import threading

    from monitor.ingest import Inbox, Session
    from monitor.model.clock import SystemClock
    from monitor.wire import LIVE_FILTER

    filters = (LIVE_FILTER, *(source.topic for source in config.rules.sources))
    session = Session(
        "check", config.mqtt, f"{config.mqtt.client_id}-check", filters, Inbox(), SystemClock(), is_trial=True
    )
    thread = threading.Thread(target=session.run, daemon=True)
    thread.start()
    session.tried.wait(CONNECT_S)
    problem = session.problem
    session.stop()
    thread.join(CONNECT_S)
    return problem

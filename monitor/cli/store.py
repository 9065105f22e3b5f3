"""`tcm store`: make what it needs on the server; compare what it holds with what it should."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    console,
    load,
    print_json,
    require_container,
    require_state,
    table,
    tell,
)

if TYPE_CHECKING:
    from monitor.config import StoreSettings
    from monitor.consumers.expected import Period
    from monitor.sinks.opening import Login

app = typer.Typer(help="The store: set it up, audit it.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def store() -> None:
    """The store: set it up, compare it with the journal."""


@app.command("init")
def init(
    config: ConfigOption = DEFAULT_CONFIG,
    token_file: Annotated[
        Path | None, typer.Option(help="v2: the token of who may make buckets; default: the daemon's own.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="v1: an administrator; default: the daemon's own user.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="v1: the administrator's password.")] = None,
    may_shorten: Annotated[
        bool, typer.Option("--shorten", help="Also keep points for less long than before: the server drops older ones.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make database or bucket, mapping, retention and the place of the long-term copy, where they are missing.

    Example: tcm store init --token-file admin.token
    """
    from monitor.model.errors import TcmError
    from monitor.sinks.opening import open_influx
    from monitor.sinks.server import identify
    from monitor.sinks.setup import set_up

    settings = load(config).store
    if settings.kind == "embedded":
        raise TcmError("set up the store", str(config), "the embedded store makes its file itself: nothing to do")
    with closing(open_influx(settings, _login(settings, token_file, username, password_file))) as sink:
        server = identify(sink.client)
        if not as_json:
            tell(f"{server.text} at {settings.url}")
        steps = []
        for step in set_up(sink, server, settings, may_shorten=may_shorten):
            steps.append(step._asdict())
            if not as_json:  # at once: what was done is said also where the next step fails
                tell(f"{step.what}: {step.done}")
    if as_json:
        print_json({"server": server.text, "url": settings.url, "steps": steps})


def _login(
    settings: StoreSettings, token_file: Path | None, username: str | None, password_file: Path | None
) -> Login | None:
    """As whom to set up, None for the daemon's own login; a secret file is read as strictly as the daemon's."""
    from monitor.config.secret import read_secret
    from monitor.sinks.opening import Login

    if settings.dialect == "v1" and token_file is not None:
        raise typer.BadParameter("expected with dialect v2; v1 has --username", param_hint="--token-file")
    if settings.dialect == "v2" and (username or password_file):
        raise typer.BadParameter("expected with dialect v1; v2 has --token-file", param_hint="--username")
    if (username is None) != (password_file is None):
        raise typer.BadParameter("expected both, or neither", param_hint="--username and --password-file")
    if token_file is not None:
        return Login(token=read_secret(token_file))
    if username is not None and password_file is not None:
        return Login(username=username, password=read_secret(password_file))
    return None


@app.command("audit")
def audit(
    config: ConfigOption = DEFAULT_CONFIG,
    begin: Annotated[str | None, typer.Option("--from", help="Only points from this time on, RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Only points before this time, RFC 3339.")] = None,
    container: Annotated[str | None, typer.Option(help="Only points of this container.")] = None,
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare, write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the store with the journal and write again what it lost. Exit 1 when something is still not there.

    Example: tcm store audit --from 2026-11-23T00:00:00Z --to 2026-11-24T00:00:00Z --dry-run
    """
    from rich.console import Console
    from rich.progress import Progress

    from monitor.consumers.audit import Audit
    from monitor.consumers.copy_audit import Copying
    from monitor.journal import StateLock
    from monitor.model.clock import SystemClock
    from monitor.sinks.opening import open_long, open_sink

    period = _period(begin, end, container)
    loaded = load(config)
    require_state(loaded)
    if container is not None:
        require_container(config, "audit", container)
    # The embedded store's file has but one writer; of a server's points the same ones written twice are one.
    lock = StateLock(loaded.state_dir) if loaded.store.kind == "embedded" else nullcontext()
    pair = open_long(loaded.store)
    with (
        lock,
        closing(open_sink(loaded.store, loaded.state_dir)) as sink,
        closing(Copying(*pair)) if pair else nullcontext() as copying,
        Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress,
    ):
        sink.ping()  # whose time-out is a short one: a page of points may take a minute
        task = progress.add_task("audit", total=None)
        told = Audit(
            *(loaded.state_dir, sink, period, SystemClock().now_ns()),
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            copying,
        ).run(is_dry_run=is_dry_run)
    if as_json:
        print_json(told)
    else:
        _show(told)
    sys.exit(0 if told["ok"] else 1)


def _period(begin: str | None, end: str | None, container: str | None) -> Period:
    from monitor.consumers.expected import END_NS, Period
    from monitor.model.clock import parse_rfc3339

    def time_ns(option: str, text: str) -> int:
        try:
            return parse_rfc3339(text)
        except ValueError as error:
            raise typer.BadParameter(f"expected such as 2026-11-23T00:00:00Z: {error}", param_hint=option) from None

    from_ns = time_ns("--from", begin) if begin is not None else 0
    to_ns = time_ns("--to", end) if end is not None else END_NS
    if from_ns >= to_ns:
        raise typer.BadParameter("expected a time behind --from", param_hint="--to")
    return Period(from_ns, to_ns, container)


def _show(told: dict[str, Any]) -> None:
    every = told["measurements"] | {f"{name}, copy": each for name, each in (told["copy"] or {}).items()}
    figures = {name: each for name, each in every.items() if any(each.values())}
    # A column in which nothing stands would take the room of the others.
    names = [name for name in next(iter(every.values())) if any(each[name] != 0 for each in figures.values())]
    listed = table("measurement", *(name.replace("_", " ") for name in names))
    for name, each in figures.items():
        listed.add_row(name, *("?" if each[key] is None else str(each[key]) for key in names))
    console().print(listed)
    if told["dropped_upto"]:
        print(f"payloads up to position {told['dropped_upto']} are gone from the journal: they are not compared")
    if told["refusal"]:
        print(f"the store refuses: {told['refusal']}")
    if not figures:
        print("nothing to compare in this period")
    else:
        print("all is there" if told["ok"] else f"{told['left']} points are not there as they should be")

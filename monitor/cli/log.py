"""`tcm log`: what happened to a container, as operators say: handed over, armed, opened, inspected, sealed, ..."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.entering import AtOption, ByOption, ContainerArgument, NewOption, RemarkOption, enter
from monitor.cli.entries import entry_lines
from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    access,
    ask_daemon,
    console,
    print_json,
    query,
    require_container,
    say,
    tell,
)
from monitor.model.operator_text import described

if TYPE_CHECKING:
    from monitor.config import Access

Details = dict[str, Any]
LoggerArgument = Annotated[str, typer.Argument(help="The logger's id.")]
LoggerOption = Annotated[str | None, typer.Option(help="Only this logger; default: all of the container.")]
AttachOption = Annotated[
    list[Path] | None, typer.Option("--attach", help="A file to keep with it, at most 64 MiB; up to 16 times.")
]

app = typer.Typer(help="What happened to a container: enter it, list it.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def log() -> None:
    """What operators say happened to a container: it is journalled with name, time, remark and attached files."""


def _common(
    at: AtOption = None,
    by: ByOption = None,
    remark: RemarkOption = "",
    attach: AttachOption = None,
    new: NewOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """The options that every type has, after its own."""


def _type(name: str) -> Callable[[Callable[..., Details]], None]:
    """Makes the command of a type of record out of a function that has its own words and returns them as JSON has."""

    def register(details_of: Callable[..., Details]) -> None:
        own, common = (inspect.signature(part, eval_str=True) for part in (details_of, _common))

        def command(container: str, **given: Any) -> None:
            options = {key: given.pop(key) for key in common.parameters}
            _enter({"type": name, "container": container} | details_of(**given), **options)

        first = inspect.Parameter("container", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ContainerArgument)
        parameters = [first, *own.parameters.values(), *common.parameters.values()]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
        command.__doc__ = details_of.__doc__
        app.command(name)(command)

    return register


@_type("phase")
def _phase(phase: Annotated[str, typer.Argument(help="The phase it is in; plan hands back to the plan.")]) -> Details:
    """The container is in another phase (as tcm phase set). Example: tcm log phase C-101 road"""
    return {"phase": phase}


@_type("custody")
def _custody(custodian: Annotated[str, typer.Argument(help="The party; plan hands back to the plan.")]) -> Details:
    """Another party has custody. Example: tcm log custody C-101 owner-b --remark "signed at the gate" """
    return {"custodian": custodian}


@_type("arm")
def _arm(logger: LoggerOption = None) -> Details:
    """Alerts have their severity again; start-up begins. Example: tcm log arm C-101"""
    return {"logger": logger}


@_type("disarm")
def _disarm(until: Annotated[str | None, typer.Option(help="When it is armed again, RFC 3339.")] = None) -> Details:
    """Alerts are raised as info only. Example: tcm log disarm C-101 --until 2026-11-23T12:00:00Z"""
    return {"until": until}


@_type("mount")
def _mount(
    logger: LoggerArgument, place: Annotated[str | None, typer.Option(help="Where it sits now.")] = None
) -> Details:
    """A logger was mounted; its start-up begins. Example: tcm log mount C-101 L-04 --place "base frame" """
    return {"logger": logger, "place": place}


@_type("dismount")
def _dismount(logger: LoggerArgument) -> Details:
    """A logger was taken out. Example: tcm log dismount C-101 L-04"""
    return {"logger": logger}


@_type("open")
def _open() -> Details:
    """The container was opened; its phase stays. Example: tcm log open C-101 --remark customs"""
    return {}


@_type("close")
def _close() -> Details:
    """The container was closed. Example: tcm log close C-101"""
    return {}


@_type("purge")
def _purge() -> Details:
    """The container was purged with dry gas. Example: tcm log purge C-101 --remark "N2, 30 min" """
    return {}


@_type("inspection")
def _inspection() -> Details:
    """The container was looked at. Example: tcm log inspection C-101 --attach lid.jpg"""
    return {}


@_type("functional-check")
def _functional_check(
    result: Annotated[str, typer.Argument(help="pass or fail.")], logger: LoggerOption = None
) -> Details:
    """The loggers, or one, were checked. Example: tcm log functional-check C-101 pass --logger L-01"""
    return {"result": result, "logger": logger}


@_type("seal")
def _seal(number: Annotated[str, typer.Argument(help="What stands on the seal.")]) -> Details:
    """A seal was set. Example: tcm log seal C-101 A-004711"""
    return {"number": number}


@_type("document")
def _document(
    kind: Annotated[str, typer.Argument(help="What it is, such as export-licence.")],
    number: Annotated[str, typer.Argument(help="Its number.")],
) -> Details:
    """A paper belongs to the journey. Example: tcm log document C-101 cmr 4711 --attach cmr.pdf"""
    return {"kind": kind, "number": number}


@app.command("list")
def list_records(
    container: Annotated[str | None, typer.Argument(help="Only of this container.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only records of this type.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List what operators entered, in order of entry. Example: tcm log list C-101 --type custody"""
    from monitor.model.operator_keys import TYPES

    if kind is not None and kind not in TYPES:
        raise typer.BadParameter(f"expected one of {', '.join(TYPES)}", param_hint="--type")
    daemon = access(config)
    rows = ask_daemon(daemon, f"/api/operator{query(container=container, type=kind)}")
    if rows is None:
        rows = _offline(daemon, container, kind)
    if container is not None and not rows:
        require_container(config, "list records", container)
    if as_json:
        print_json(rows)
    else:
        _show(rows)


def _enter(
    content: Details,
    at: str | None,
    by: str | None,
    remark: str,
    attach: list[Path] | None,
    new: bool,
    config: Path,
    as_json: bool,
) -> None:
    common = {"effective_at": at, "by": by, "remark": remark, "new": new}
    said = enter(config, content | common, attach or ())
    if as_json:
        print_json(said)
        return
    since = f"at {said['effective_at']}, entered by {said['by']} as record {said['pos']}"
    tell(f"{said['container']}: {described(said)}, {since}")


def _offline(config: Access, container: str | None, kind: str | None) -> list[Details]:
    from contextlib import closing

    from monitor.consumers.operators import entered_in
    from monitor.journal import JournalReader

    say(f"no daemon is running; read from {config.state_dir}")
    with closing(JournalReader(config.state_dir)) as reader:
        return entered_in(reader, container, kind)


def _show(rows: list[Details]) -> None:
    print("\n".join(entry_lines(rows, console().width)) or "no records")

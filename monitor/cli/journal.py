"""`tcm journal`: is the journal whole, and what can be had back of one that is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, access, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The journal: is it whole; what to do if not.")
MAX_SHOWN = 20  # ranges of positions


@app.callback()
def journal() -> None:
    """The journal: is it whole; what to do if not."""


@app.command("check")
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="A state directory or a backup; default: that of the configuration.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Check the journal, beside the daemon or without it; exit 1 when something is wrong.

    Example: tcm journal check --json
    """
    from monitor.journal.check import check_journal

    folder = folder or access(config).state_dir
    with bar("check") as progress:
        verdict = check_journal(folder, progress)
    document = verdict.document()
    if as_json:
        print_json(document)
    else:
        _show(document)
    sys.exit(0 if document["ok"] else 1)


@app.command("recover")
def recover(
    folder: Annotated[Path, typer.Argument(help="The state directory; its daemon must be stopped.")],
    as_json: JsonOption = False,
) -> None:
    """Make a new journal of what can be read of a damaged one; the damaged file is kept.

    Example: tcm journal recover /var/lib/tcm
    """
    from monitor.consumers.cursors import put_away_unreadable, read_cursors
    from monitor.journal import StateLock
    from monitor.journal.recover import recover_journal
    from monitor.model.clock import SystemClock

    with StateLock(folder):
        put_away = put_away_unreadable(folder)
        document = recover_journal(folder, read_cursors(folder), SystemClock()) | {"put_away": put_away}
    if as_json:
        print_json(document)
    else:
        _show_recovered(document)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing in a pipe; what is printed meanwhile stands above it, or in its file."""
    from rich.console import Console
    from rich.progress import Progress

    console, is_terminal = Console(stderr=True), sys.stderr.isatty()
    redirect = sys.stdout.isatty()
    with Progress(console=console, disable=not is_terminal, transient=True, redirect_stdout=redirect) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show(document: dict[str, Any]) -> None:
    dropped = f", {document['dropped_payloads']} dropped by retention" if document["dropped_payloads"] else ""
    print(
        f"{document['records']} records up to position {document['pos']}, {document['quarantined']} in quarantine; "
        f"{document['checked_payloads']} payloads checked{dropped}"
    )
    for problem in document["problems"]:
        where = "" if problem["position"] is None else f" at position {problem['position']}"
        print(f"{problem['file']}{where}: {problem['problem']}")
    print(
        f"head {document['head']}\nthe journal is whole"
        if document["ok"]
        else "the journal is not whole: see docs/operation.md"
    )


def _show_recovered(document: dict[str, Any]) -> None:
    if document["damaged"] is None:
        print(f"nothing to recover: the journal is whole, head {document['head']}")
    else:
        print(
            f"{document['records']} records and {document['quarantined']} rows of quarantine recovered\n"
            f"the damaged file is kept: {document['damaged']}"
        )
    for key, what in (("missing", "records"), ("missing_quarantine", "rows of quarantine")):
        ranges = document[key]
        if ranges:
            shown = ", ".join(f"{first} to {last}" for first, last in ranges[:MAX_SHOWN])
            more = f" and {len(ranges) - MAX_SHOWN} more ranges" if len(ranges) > MAX_SHOWN else ""
            print(f"{what} that could not be read, by position: {shown}{more}")
    print(f"{document['awaited']} records are awaited from the loggers, as far as they still hold them")
    for name in document["put_away"]:
        print(f"{name} could not be read either and was put away; the daemon makes it anew from the journal")

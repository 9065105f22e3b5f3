"""Putting a limits file in its place: checked, shown, written whole, taken up by the daemon or put back."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.output import ask_daemon, console, print_json, say, tell

if TYPE_CHECKING:
    from monitor.config.limits_file import Placed

RELOAD_S = 40.0  # the daemon reads all files anew, and its journal may be at work
PATH = "/api/reload"


def set_limits(config: Path, file: Path, *, is_dry_run: bool, as_json: bool) -> None:
    """Do it, and say what changed; ConfigError or TcmError when it cannot be done: then nothing is changed."""
    from monitor.cli.limits_text import difference_document, difference_lines
    from monitor.config.difference import difference
    from monitor.config.limits_file import alone, place
    from monitor.config.problems import shown

    with nullcontext() if is_dry_run else alone(config):
        placed = place(config, file)
        differs = difference(placed.before, placed.after)
        if not as_json:
            print("\n".join(difference_lines(differs, console().width)), flush=True)
        taken = None if is_dry_run else _put(placed)
    if as_json:
        document = {"profile": placed.after.name, "file": shown(placed.file), "dry_run": is_dry_run, "daemon": taken}
        print_json(document | difference_document(differs))
    elif is_dry_run:
        tell(f"nothing was written; without --dry-run it goes to {shown(placed.file)}")
    else:
        tell(f"written to {shown(placed.file)}; {_said(taken)}")


def _put(placed: Placed) -> dict[str, Any] | None:
    """Write the file and have the daemon take it up; its answer, None where none runs. Refused, it is put back."""
    from monitor.config.limits_file import put
    from monitor.config.problems import shown
    from monitor.journal import lock_holder
    from monitor.model.errors import NoAnswer, TcmError

    before = put(placed.file, placed.content)
    try:
        taken: dict[str, Any] | None = ask_daemon(placed.config, PATH, b"", RELOAD_S)
    except NoAnswer:
        taken = None  # but it may take them yet: they stay
    except BaseException as error:
        put(placed.file, before)
        say(f"{shown(placed.file)} is as it was before")
        if isinstance(error, TcmError):
            raise TcmError("set limits", placed.after.name, f"the daemon did not take them: {error}") from None
        raise
    if taken is not None and taken["digest"] != placed.config.digest and not taken["restart"]:
        cause = f"written, but the daemon at {placed.config.web.listen} judges by other rules"
        raise TcmError("set limits", shown(placed.file), cause, "was it started with another --config?")
    holder = lock_holder(placed.config.state_dir) if taken is None else None
    if holder is not None:
        cause = f"written, but process {holder}, which holds the state directory, does not answer"
        raise TcmError("set limits", shown(placed.file), cause, f"once it does: kill -HUP {holder}, or restart it")
    return taken


def _said(taken: dict[str, Any] | None) -> str:
    if taken is None:
        return "no daemon is running, the next one takes them up"
    if not taken["changed"]:
        return "the daemon judges by these limits already"
    return f"the daemon judges by them from record {taken['pos']} on"

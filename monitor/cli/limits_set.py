"""Putting a limits file in its place: checked, shown, written whole, taken up by the daemon or put back."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.output import ask_daemon, console, print_json, say, tell

if TYPE_CHECKING:
    from monitor.config.difference import Difference
    from monitor.config.limits_file import Placed

RELOAD_S = 40.0  # the daemon reads all files anew, and its journal may be at work
PATH = "/api/reload"
ALL = -1  # rows: to SQLite a negative limit is none


def set_limits(config: Path, file: Path, *, is_dry_run: bool, is_new: bool, as_json: bool) -> None:
    """Do it, and say what changed; ConfigError or TcmError when it cannot be done: then nothing is changed.

    Unless it `is_new`, a name that no profile has and nothing is watched under is taken for a mistake.
    """
    from monitor.cli.limits_text import difference_document, difference_lines
    from monitor.config.difference import difference
    from monitor.config.limits_file import alone, place
    from monitor.config.problems import shown

    with nullcontext() if is_dry_run else alone(config):
        placed = place(config, file)
        if not is_new:
            _require_known(placed)
        differs = difference(placed.before, placed.after)
        ending = _ending(placed, differs)
        if not as_json:
            print("\n".join(difference_lines(differs, console().width)), flush=True)
            if differs.changed or differs.removed:
                tell(f"changed rules begin anew; open alerts of changed and removed rules, which end: {len(ending)}")
        taken = None if is_dry_run else _put(placed)
    if as_json:
        document = {"profile": placed.after.name, "file": shown(placed.file), "dry_run": is_dry_run, "daemon": taken}
        print_json(document | {"ending": ending} | difference_document(differs))
    elif is_dry_run:
        tell(f"nothing was written; without --dry-run it goes to {shown(placed.file)}")
    else:
        idle = "" if _is_watching(placed) else "; nothing is watched under it yet"
        tell(f"written to {shown(placed.file)}; {_said(taken)}{idle}")


def _is_watching(placed: Placed) -> bool:
    """Whether a container is, or one that names no profile would be, watched under the profile."""
    name, rules = placed.after.name, placed.config.rules
    return rules.ingest.default_limits == name or any(rules.profile(each).name == name for each in rules.containers)


def _require_known(placed: Placed) -> None:
    """UnknownName where a profile of the name is neither there nor wanted by anything."""
    from monitor.model.errors import UnknownName

    if placed.file.exists() or _is_watching(placed):
        return
    others = ", ".join(sorted(placed.config.rules.profiles.keys() - {placed.after.name})) or "none"
    cause = f"no profile of this name is there, and no container names it; profiles are {others}"
    raise UnknownName("set limits", placed.after.name, cause, "--new adds it")


def _ending(placed: Placed, differs: Difference) -> list[str]:
    """Ids of the open alerts that end because their rule is changed or gone, as the files have them now."""
    from monitor.consumers import WatchReader

    state_dir, rules = placed.config.state_dir, placed.config.rules
    if not (state_dir / "watch.db").exists():
        return []
    gone = {*differs.changed, *(rule["id"] for rule in differs.removed)}
    with closing(WatchReader(state_dir)) as watch:
        alerts = watch.book.open_page("", ALL)
    return [
        alert["id"]
        for alert in alerts
        if alert["rule"] in gone and rules.profile(alert["container"]).name == placed.after.name
    ]


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

"""`tcm notify`: who is told of alerts, and whether that works."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    ask_daemon,
    console,
    load,
    print_json,
    say,
    table,
    tell,
)

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.config.alerting import NotifierSettings
    from monitor.notify.opening import Reachable

PLACES = {"mqtt": ("url", "topic"), "webhook": ("url",), "alertmanager": ("url",), "smtp": ("host", "to")}
GLOBS = ("containers", "rules", "parties", "phases")

app = typer.Typer(help="Notifiers: list, test.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def notify() -> None:
    """Who is told of alerts, and whether that works."""


@app.command("list")
def list_notifiers(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """The notifiers of the configuration, and which alerts each is told of. Example: tcm notify list"""
    loaded = load(config)
    notifiers = loaded.notifiers
    _say_unknown(loaded, [each.name for each in notifiers])
    if as_json:
        print_json([_document(each) for each in notifiers])
        return
    if not notifiers:
        print("no notifiers: alerts are on MQTT only; [[notifier]] in monitor.toml adds one")
        return
    listed = table("name", "kind", "to", "told of", "when")
    for each in notifiers:
        listed.add_row(each.name, each.kind, _place(each), _routes(each), _times(each))
    console().print(listed)


@app.command("test")
def test(
    name: Annotated[str, typer.Argument(help="The notifier, as `tcm notify list` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Send a test notification, from here, with a daemon or without. Exit 1 when it is not taken.

    Example: tcm notify test on-call
    """
    from contextlib import closing

    from monitor.model.clock import SystemClock
    from monitor.model.errors import UnknownName
    from monitor.notify import NotTaken, Refused
    from monitor.notify.opening import trial

    loaded = load(config)
    settings = next((each for each in loaded.notifiers if each.name == name), None)
    if settings is None:
        known = ", ".join(each.name for each in loaded.notifiers) or "none are configured"
        raise UnknownName("notify", name, "no such notifier", f"known: {known}")
    _say_unknown(loaded, [name])
    notification, fault = trial(settings, loaded.rules.instance, SystemClock().now_ns()), ""
    with closing(open_alone(loaded, settings)) as transport:
        try:
            transport.send(notification)
        except (NotTaken, Refused) as error:
            fault = str(error)
    if as_json:
        print_json({"ok": not fault, "notifier": name, "id": notification.id, "problem": fault or None})
    else:
        (say if fault else tell)(f"{name}: {fault or f'taken, {notification.title}'}")
    sys.exit(1 if fault else 0)


def open_alone(config: Config, settings: NotifierSettings) -> Reachable:
    """A transport to try, beside the daemon's own; it has nothing to show of alerts."""
    from monitor.model.clock import SystemClock
    from monitor.notify.opening import open_transport

    return open_transport(settings, SystemClock(), config.rules.instance, lambda _: "", lambda _: None)


def _say_unknown(config: Config, names: list[str]) -> None:
    """Say which of these notifiers the running daemon tells nobody by, as it takes them up at its start."""
    from monitor.model.errors import TcmError

    try:
        status = ask_daemon(config, "/api/status")
    except TcmError as error:
        say(f"tcm: {error}")
        return
    known = names if status is None else [each["name"] for each in status["notifiers"]]
    unknown = [name for name in names if name not in known]
    if unknown:
        say(
            f"tcm: the running daemon does not know {', '.join(unknown)} yet and tells nobody by it: restart the daemon"
        )


def _document(settings: NotifierSettings) -> dict[str, Any]:
    """The settings, defaults written out, times in seconds; neither a secret nor what follows the host in a URL."""
    written = {key: str(value) if isinstance(value, Path) else value for key, value in settings.model_dump().items()}
    if "url" in written:
        address = urlsplit(written["url"])
        written["url"] = f"{address.scheme}://{address.netloc}"
    return written


def _place(settings: NotifierSettings) -> str:
    told = _document(settings)
    parts = [told[key] for key in PLACES.get(settings.kind, ())]
    return " ".join(part if isinstance(part, str) else " ".join(part) for part in parts) or "as its secret says"


def _routes(settings: NotifierSettings) -> str:
    limited = {key: " ".join(getattr(settings, key)) for key in GLOBS}
    return "; ".join(
        [" ".join(settings.severities), *(f"{key} {globs}" for key, globs in limited.items() if globs != "*")]
    )


def _times(settings: NotifierSettings) -> str:
    from monitor.alerts.amounts import duration

    keys = {"window_s": "window", "repeat_s": "again every", "escalate_after_s": "unacknowledged for"}
    known = [(text, getattr(settings, key, None)) for key, text in keys.items()]
    return ", ".join(f"{text} {duration(value_s)}" for text, value_s in known if value_s is not None)

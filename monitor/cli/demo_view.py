"""What the demo shows while it runs: a live picture on a terminal, plain lines elsewhere, nothing for a program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor.alerts.query import AlertQuery
from monitor.app import Daemon
from monitor.cli.status import open_alerts
from monitor.model.alert import OPEN_STATES, state_after
from monitor.model.clock import Clock, rfc3339

LINE_EVERY_S = 5.0
MAX_SHOWN_ALERTS = 8
WIDE = 110  # columns from which on there is room for a logger's place
FIXED_LINES = 11  # headline in two lines, heads of two tables with rules and margins, last line
COLUMNS = (
    # channel, heading, factor, digits
    ("temperature.hardware", "hard C", 1.0, 1),
    ("temperature.air", "air C", 1.0, 1),
    ("humidity.air", "%RH", 1.0, 0),
    ("pressure.inside", "hPa", 0.01, 0),
    ("differential.inside", "diff hPa", 0.01, 1),
)
STYLES = {"alarm": "bold red", "warning": "yellow", "info": "cyan"}


class View(Protocol):
    """Is told now and then that time has passed."""

    def update(self, elapsed_s: float) -> None:
        """Show the present state, `elapsed_s` after the start."""

    def close(self) -> None:
        """Leave the screen in order."""


class NoView:
    """For programs, which only want the summary."""

    def update(self, elapsed_s: float) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing was opened."""


class LineView:
    """For pipes and log files: a line at each change of an alert, and one every 5 s."""

    def __init__(self, daemon: Daemon, clock: Clock, say: Callable[[str], None]) -> None:
        self._daemon, self._clock, self._say = daemon, clock, say
        self._told = 0
        self._next_s = 0.0

    def update(self, elapsed_s: float) -> None:
        """Say what is new."""
        for number, _, change, alert in self._daemon.service.changes(self._told):
            self._told = number
            self._say(f"{alert['severity']} {state_after(alert, change)}: {alert['rule']}: {alert['message']}")
        if elapsed_s >= self._next_s:
            self._next_s = elapsed_s + LINE_EVERY_S
            self._say(f"{elapsed_s:3.0f} s  {headline(self._daemon, self._clock)}")

    def close(self) -> None:
        """Nothing is left open."""


class LiveView:
    """For a terminal: containers with their latest readings, alerts, rate and backlog."""

    def __init__(self, daemon: Daemon, clock: Clock) -> None:
        self._daemon, self._clock = daemon, clock
        self._console = Console()
        self._live = Live(self._picture(), console=self._console, refresh_per_second=4)
        self._live.start()

    def update(self, elapsed_s: float) -> None:
        """Draw the present state."""
        self._live.update(self._picture())

    def close(self) -> None:
        """Leave the last picture standing."""
        self._live.update(self._picture(), refresh=True)
        self._live.stop()

    def _picture(self) -> Group:
        alerts = self._daemon.service.alerts(AlertQuery())
        headed = Text(headline(self._daemon, self._clock), style="bold")
        size = self._console.size
        readings = self._readings(alerts, is_wide=size.width >= WIDE)
        room = size.height - readings.row_count - FIXED_LINES
        return Group(headed, _alert_table(alerts, max(min(room, MAX_SHOWN_ALERTS), 1)), readings)

    def _readings(self, alerts: list[dict[str, Any]], *, is_wide: bool) -> Table:
        rules = self._daemon.service.config.rules
        worst = {(a["container"], a["logger"]): a["severity"] for a in alerts if a["state"] in OPEN_STATES}
        table = Table("container", "logger", *(heading for _, heading, _, _ in COLUMNS), "alert", box=box.SIMPLE_HEAD)
        if is_wide:
            table.add_column("place")
        for (container, logger), values in sorted(self._daemon.service.latest().items()):
            cells = [_cell(values.get(channel, math.nan) * factor, digits) for channel, _, factor, digits in COLUMNS]
            severity = worst.get((container, logger), "")
            place = rules.logger(container, logger).place or ""
            row: list[str | Text] = [container, logger, *cells, Text(severity, style=STYLES.get(severity, ""))]
            table.add_row(*row, *([place] if is_wide else []))
        return table


def headline(daemon: Daemon, clock: Clock) -> str:
    """One line on the whole: time and phase, records, rate, backlog, alerts."""
    now_ns = clock.now_ns() // 10**9 * 10**9
    status = daemon.service.status()
    phases = sorted(set(status["phases"].values()))
    ingest, alerts = status["ingest"], status["alerts"]
    backlog = max(consumer["backlog"] for consumer in status["consumers"].values())
    return (
        f"{rfc3339(now_ns)} ({', '.join(phases)})  {ingest['records']} records, {ingest['records_per_s']:.0f}/s, "
        f"backlog {backlog}, quarantined {status['quarantined']}, {open_alerts(alerts)}"
    )


def _alert_table(alerts: list[dict[str, Any]], rows: int) -> Table:
    """The latest alerts, a line each."""
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for heading in ("alert", "state"):
        table.add_column(heading, width=7)  # of "warning", "cleared"
    table.add_column("rule", no_wrap=True)
    table.add_column(f"what ({len(alerts)} alerts in all)", no_wrap=True, ratio=1)
    for alert in alerts[-rows:]:
        is_open = alert["state"] in OPEN_STATES
        style = STYLES[alert["severity"]] if is_open else "dim"
        table.add_row(alert["severity"], alert["state"], alert["rule"], Text(alert["message"]), style=style)
    return table


def _cell(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"

"""A bar on a terminal that shows how far a run is; nothing where there is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from firmware_sim.clock import NS_PER_S
from firmware_sim.runner import Look, Summary


@contextmanager
def progress(start_ns: int, length_s: float | None) -> Iterator[Look]:
    """Yield what shows the run's present state on stderr. length_s: virtual seconds from start_ns; None: no end."""
    if not sys.stderr.isatty():
        yield lambda now_ns, summary: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=length_s)

        def look(now_ns: int, summary: Summary) -> None:
            done_s = max(0.0, (now_ns - start_ns) / NS_PER_S)
            if length_s is not None:
                done_s = min(done_s, length_s)
            bar.update(task, completed=done_s, description=describe(done_s, length_s, summary))

        yield look


def describe(done_s: float, length_s: float | None, summary: Summary) -> str:
    """Return virtual time and counts in words."""
    span = _time(done_s) if length_s is None else f"{_time(done_s)} of {_time(length_s)}"
    return f"{span}: {summary.created} created, {summary.acknowledged} acknowledged, {summary.lost} lost"


def _time(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d}:{rest // 60:02d}" if days else f"{hours:02d}:{rest // 60:02d}"

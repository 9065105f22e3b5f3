"""The picture of an alert's evidence: drawn by matplotlib (extra `plot`) in a child process of bounded time and memory.

The daemon itself never loads matplotlib, and a drawing that goes wrong costs nothing but the picture.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.model.clock import HOUR_NS, MINUTE_NS, NS_PER_S, parse_rfc3339
from monitor.model.errors import TcmError
from monitor.model.extras import how_to_install

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAW_S = 15.0  # a picture takes 1 s; the first of a machine builds the list of its fonts, which takes some more
MAX_MEMORY_BYTES = 512 << 20  # of addresses: a picture takes 185 MB of these, and 73 MB of memory
MAX_PICTURE_BYTES = 1 << 20  # 60 kB as a rule
MAX_INPUT_LINES = 8  # series beside the alert's own
WIDTH_IN, PANEL_IN, DPI = 8.0, 3.6, 120
TITLE_WIDTH = 110  # characters
FEW = 100  # readings: each is a dot too
SHORT_S = 10.0  # below, times are ms: an event
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#999999", "#332288")  # Okabe and Ito
LIMIT_COLOUR = "#222222"
_CHILD = (sys.executable, "-m", "monitor.notify.picture")
_SOURCES = str(Path(__file__).parents[2])


class Pictures:
    """Draws one picture at a time for one thread; `end` may be called by any."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ended = False

    def draw(self, evidence: dict[str, Any]) -> bytes:
        """The PNG of an alert's evidence; TcmError says why there is none."""
        shown = {key: evidence[key] for key in ("alert", "readings", "inputs")}
        if not any(each["times"] for each in (shown["readings"], *shown["inputs"])):
            raise _no_picture("; ".join(evidence["missing"]) or "there are no readings to draw")
        if importlib.util.find_spec("matplotlib") is None:
            raise _no_picture("matplotlib is not installed", how_to_install("plot"))
        drawn, said, status = self._run(json.dumps(shown).encode())
        if status or not 0 < len(drawn) <= MAX_PICTURE_BYTES:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise _no_picture(f"drawing ended with status {status}: {''.join(last)}")
        return drawn

    def end(self) -> None:
        """Give up the picture that is being drawn, and draw no others."""
        self._is_ended = True
        if self._child is not None:
            self._child.kill()

    def _run(self, told: bytes) -> tuple[bytes, bytes, int]:
        """What the child wrote to standard output and error, and its exit status."""
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": _SOURCES}
        try:
            with subprocess.Popen(_CHILD, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment) as child:
                self._child = child
                try:
                    drawn, said = child.communicate(told, 0 if self._is_ended else DRAW_S)
                except subprocess.TimeoutExpired:
                    child.kill()
                    raise
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _no_picture(str(error)) from error
        return drawn, said, child.returncode


def _no_picture(cause: str, hint: str = "") -> TcmError:
    return TcmError("draw the evidence", "", cause, hint)


def _main() -> None:
    """The child: evidence as JSON on standard input, a PNG on standard output."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (round(DRAW_S), round(DRAW_S)))  # also when the parent was killed
    os.nice(10)
    with contextlib.suppress(OSError):  # no Linux; there the child goes before the daemon when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.stdout.buffer.write(_png(json.load(sys.stdin)))


def _png(evidence: dict[str, Any]) -> bytes:
    """A panel for each unit, the alert's own first."""
    from matplotlib.figure import Figure

    alert, own, inputs = evidence["alert"], evidence["readings"], evidence["inputs"][:MAX_INPUT_LINES]
    series = [each for each in (own, *inputs) if each["times"]]
    begin_ns, (unit_ns, unit) = parse_rfc3339(alert["occurred_at"]), _time_unit(series)
    units = list(dict.fromkeys(each["unit"] for each in series))
    figure = Figure(figsize=(WIDTH_IN, PANEL_IN * len(units)), dpi=DPI, layout="constrained")
    panels = dict(zip(units, figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0], strict=True))
    for colour, each in zip(itertools.cycle(COLOURS), series, strict=False):
        times = [(parse_rfc3339(moment) - begin_ns) / unit_ns for moment in each["times"]]
        values = np.array(each["values"], np.float64)  # null is NaN: a gap in the line
        style = {"color": colour, "linewidth": 1.0, "marker": "." if len(times) < FEW else ""}
        panels[each["unit"]].plot(times, values, label=f"{each['channel']} of {each['logger']}", **style)
    for name, axes in panels.items():
        _mark(axes, alert, begin_ns, unit_ns, own["limit"] if name == own["unit"] else None)
        axes.set_ylabel(name)
    axes.set_xlabel(f"{unit} from {alert['occurred_at']}")
    figure.suptitle(_wrapped(alert["message"]), fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


def _time_unit(series: list[dict[str, Any]]) -> tuple[float, str]:
    """What times are told in: ns of the unit, and its name."""
    ends_ns = [parse_rfc3339(each["times"][at]) for each in series for at in (0, -1)]
    span_s = (max(ends_ns) - min(ends_ns)) / NS_PER_S
    if span_s < SHORT_S:
        return NS_PER_S / 1000, "ms"
    return (MINUTE_NS, "min") if span_s < 4 * 3600 else (HOUR_NS, "h")


def _mark(axes: Axes, alert: dict[str, Any], begin_ns: int, unit_ns: float, limit: float | None) -> None:
    """The limit, and when the alert began and ended."""
    if limit is not None:
        axes.axhline(limit, color=LIMIT_COLOUR, linewidth=1.2, linestyle="--", label=f"limit {limit:g}")
    axes.axvline(0.0, color=LIMIT_COLOUR, linewidth=0.8, linestyle=":", label="occurred")
    if alert["cleared_at"] is not None:
        cleared = (parse_rfc3339(alert["cleared_at"]) - begin_ns) / unit_ns
        axes.axvline(cleared, color=LIMIT_COLOUR, linewidth=0.8, linestyle="-.", label="cleared")
    axes.grid(linewidth=0.3)
    axes.margins(x=0)
    axes.legend(fontsize="small", loc="best")


def _wrapped(message: str) -> str:
    return "\n".join(textwrap.wrap(message, TITLE_WIDTH, max_lines=3)).replace(
        "$", r"\$"
    )  # matplotlib reads $ as mathematics


if __name__ == "__main__":
    _main()

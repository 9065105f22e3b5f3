"""Pictures of shock events, with matplotlib (extra `plot`): drawn into a file, no screen and no global state."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.cli.shock_text import at_most, when
from monitor.examine.document import title
from monitor.examine.event import Examined
from monitor.examine.margins import Margin
from monitor.examine.spectrum import EventSpectrum
from monitor.model.errors import TcmError
from monitor.model.extras import how_to_install
from monitor.shock.waveform import AXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png")
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # of x, y, z; told apart by the colour-blind too (Okabe and Ito)
LIMIT_COLOUR = "#222222"
WIDTH_IN, PANEL_IN, DPI = 10.0, 3.2, 120
MAX_VECTOR_SAMPLES = 20_000  # drawn as lines of an SVG, about 300 kB an axis; beyond that as pixels in it
STYLES = ("-", "--", "-.", ":")  # of limits, told apart without colours
LONG = 40  # lengths of the main pulse: in a longer record it cannot be seen
AROUND = 5.0  # lengths of it to both sides
ARROW = 2.0  # its length as a factor of both values
TICKS_APART = 1.3  # as a factor: nearer ones run into each other
SPAN = 10.0  # a damage boundary is drawn so many times beyond its critical values, or the event's


def require_plot(path: Path) -> None:
    """TcmError when no picture could be written there: before anything is worked out."""
    if path.suffix.lower() not in ENDINGS:
        raise TcmError("plot", str(path), f"expected a file that ends in {' or '.join(ENDINGS)}")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise TcmError("plot", str(path), "cannot be written", "name a file in a folder that exists")
    try:
        import matplotlib  # noqa: F401 - whether it is there
    except ModuleNotFoundError:
        raise TcmError("plot", str(path), "matplotlib is not installed", how_to_install("plot")) from None


def plot_event(path: Path, event: Examined) -> None:
    """The waveform (a long one once more around the main pulse), spectrum, envelopes, and damage boundaries."""
    boundaries = [each for each in event.margins if each.rule.damage_boundary is not None and each.measured is not None]
    is_long = event.analysis.waveform.samples > LONG * _pulse_samples(event)
    panels = 2 + is_long + bool(boundaries)
    figure = _figure(panels)
    axes = list(figure.subplots(panels, 1))
    figure.suptitle(f"{_title(event)}\n{event.analysis.kind}" + _faults(event), fontsize="medium")
    _draw_waveform(axes.pop(0), event)
    if is_long:
        _draw_waveform(axes.pop(0), event, AROUND)
    _draw_responses(axes.pop(0), event)
    if boundaries:
        _draw_boundaries(axes.pop(0), boundaries)
    _save(figure, path)


def plot_spectrum(path: Path, spectrum: EventSpectrum) -> None:
    """The larger of the responses along and against each axis."""
    figure = _figure(1)
    axes = figure.subplots()
    figure.suptitle(_title(spectrum.event) + _faults(spectrum.event), fontsize="medium")
    _draw_spectrum(axes, spectrum.frequencies_hz, spectrum.levels, spectrum.sure_hz[1])
    q = "" if spectrum.q is None else f", Q {spectrum.q:g}"
    axes.set_ylabel(f"{spectrum.asked.response}, {spectrum.unit}{q}")
    if spectrum.asked.response == "psd":
        axes.set_xlabel("frequency, Hz")
    if spectrum.asked.response == "acceleration":
        _draw_envelopes(axes, spectrum.event, spectrum.asked.q)
    _legend(axes)
    _save(figure, path)


def _figure(panels: int) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, PANEL_IN * max(panels, 1.5)), dpi=DPI, layout="constrained")


def _title(event: Examined) -> str:
    """Which event, where, when, and out of what."""
    place = f", at {event.place}" if event.place else ""
    source = f" in {event.logger}" if event.offset_s is not None else ""
    return f"event {event.name}{source}, sensor {event.sensor}{place}\n{when(title(event))}"


def _pulse_samples(event: Examined) -> float:
    begin, end = event.analysis.pulse().limits
    return max(end - begin, 1.0)


def _legend(axes: Axes) -> None:
    """Beside the panel: nothing of it is covered."""
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)


def _draw_waveform(axes: Axes, event: Examined, around: float | None = None) -> None:
    """The whole record, or so many lengths of the main pulse to both sides of it."""
    wave, pulse = event.analysis.waveform, event.analysis.pulse()
    times_ms = (np.arange(wave.samples) - wave.pre) * (1e3 / wave.fs_hz)
    for name, colour, accel_g in zip(AXES, COLOURS, event.analysis.dynamic_g, strict=True):
        axes.plot(
            *(times_ms, accel_g), color=colour, linewidth=0.8, label=name, rasterized=wave.samples > MAX_VECTOR_SAMPLES
        )
    begin_ms, end_ms = ((limit - wave.pre) * 1e3 / wave.fs_hz for limit in pulse.limits)
    axes.axvspan(begin_ms, end_ms, color="#999999", alpha=0.3, label=f"main pulse, {pulse.delta_v_m_s:.3g} m/s")
    axes.axvline(0.0, color=LIMIT_COLOUR, linewidth=0.8, linestyle=":", label="trigger")
    axes.set(xlabel="ms from the trigger", ylabel="g, offset and gravity removed")
    axes.margins(x=0)
    if around is not None:
        reach_ms = around * (end_ms - begin_ms)
        axes.set_xlim(max(begin_ms - reach_ms, times_ms[0]), min(end_ms + reach_ms, times_ms[-1]))
    _legend(axes)


def _draw_responses(axes: Axes, event: Examined) -> None:
    spectrum = event.analysis.responses.acceleration
    _draw_spectrum(axes, spectrum.frequencies_hz, spectrum.maximax, event.analysis.reliable_hz)
    _draw_envelopes(axes, event, spectrum.q)
    axes.set_ylabel(f"g, largest response, Q {spectrum.q:g}")
    _legend(axes)


def _draw_spectrum(axes: Axes, frequencies_hz: Any, size: Any, reliable_hz: float) -> None:
    """Log-log; dashed where it is not sure."""
    is_sure = frequencies_hz <= reliable_hz
    last = int(is_sure.sum())  # the dashes begin where the line ends
    for name, colour, values in zip(AXES, COLOURS, size, strict=True):
        shown = np.where(values > 0, values, np.nan)
        axes.plot(frequencies_hz[:last], shown[:last], color=colour, label=name)
        begin = max(last - 1, 0)
        axes.plot(frequencies_hz[begin:], shown[begin:], color=colour, linestyle="--", linewidth=0.9)
    if not is_sure.all():
        axes.axvline(reliable_hz, color="#999999", linewidth=0.8, label=f"unsure above {reliable_hz:.4g} Hz")
    axes.set(xscale="log", yscale="log", xlabel="natural frequency, Hz")
    axes.grid(which="both", linewidth=0.3)


def _draw_envelopes(axes: Axes, event: Examined, q: float) -> None:
    """Those stated for the same Q."""
    envelopes = [each.rule for each in event.margins if each.rule.srs is not None and each.rule.q_factor == q]
    for style, rule in zip(itertools.cycle(STYLES), envelopes, strict=False):
        frequencies_hz, level_g = zip(*(rule.srs or ()), strict=True)
        axes.plot(
            *(frequencies_hz, level_g), color=LIMIT_COLOUR, linewidth=1.4, linestyle=style, label=f"limit {rule.id}"
        )


def _draw_boundaries(axes: Axes, boundaries: list[Margin]) -> None:
    """Velocity change and peak, log-log: damage is possible to the right of and above a boundary's corner.

    An event that may have been more than its record says is an arrow to there.
    """
    drawn = [(each, each.rule.damage_boundary, each.measured) for each in boundaries]
    points = [(limit, at) for _, limit, at in drawn if limit is not None and at is not None]
    x_m_s = [abs(at.delta_v_m_s or 0.0) for _, at in points] + [limit.velocity_change_m_s for limit, _ in points]
    y_g = [abs(at.peak_g) for _, at in points] + [limit.acceleration_g for limit, _ in points]
    right, top = SPAN * max(x_m_s), SPAN * max(y_g)
    for style, margin, (limit, at) in zip(itertools.cycle(STYLES), boundaries, points, strict=False):
        corner = ([limit.velocity_change_m_s] * 2 + [right], [top] + [limit.acceleration_g] * 2)
        axes.plot(*corner, color=LIMIT_COLOUR, linewidth=1.4, linestyle=style, label=f"limit {margin.rule.id}")
        axes.fill_between(corner[0][1:], corner[1][1:], top, color="#cc3311", alpha=0.12)
        event_at = (abs(at.delta_v_m_s or 0.0), abs(at.peak_g))
        if margin.is_bound:
            target = (event_at[0] * ARROW, event_at[1] * ARROW)
            axes.annotate("", target, event_at, arrowprops={"arrowstyle": "->", "color": COLOURS[1], "linewidth": 1.6})
        axes.plot(*event_at, "o", color=COLOURS[1], label=f"event, margin {at_most(at.margin, margin.is_bound)}")
    axes.set(xscale="log", yscale="log", xlabel="velocity change, m/s", ylabel="peak, g")
    _plain_ticks(axes.xaxis, {limit.velocity_change_m_s for limit, _ in points})
    _plain_ticks(axes.yaxis, {limit.acceleration_g for limit, _ in points})
    axes.grid(which="both", linewidth=0.3)
    _legend(axes)


def _plain_ticks(axis: Axis, critical: set[float]) -> None:
    """1, 2, 5, 10 ... and the critical values, as plain numbers; a round one too near to such a value gives way."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    round_values = [step * 10.0**power for power in range(-6, 10) for step in (1, 2, 5)]
    far = [tick for tick in round_values if all(max(tick / each, each / tick) > TICKS_APART for each in critical)]
    axis.set_major_locator(FixedLocator(sorted({*far, *critical})))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _faults(event: Examined) -> str:
    validity = event.analysis.validity
    return "" if validity.is_valid else f"\nNOT VALID: {validity.reason}"


def _save(figure: Figure, path: Path) -> None:
    """Whole or not at all; the same picture is the same bytes."""
    import matplotlib

    drawn, ending = io.BytesIO(), path.suffix.lower().removeprefix(".")
    with matplotlib.rc_context({"svg.hashsalt": "tcm", "svg.fonttype": "none"}):
        figure.savefig(drawn, format=ending, metadata={"Date": None} if ending == "svg" else {"Software": None})
    with _replaced(path) as partial:
        partial.write_bytes(drawn.getvalue())


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place once it is written."""
    partial = path.with_name(f".{path.name}.part")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TcmError("plot", str(path), error.strerror or str(error)) from None

"""Pictures of shock events, with matplotlib (extra `plot`): drawn into a file, no screen and no global state."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.examine.event import Examined
from monitor.examine.spectrum import EventSpectrum
from monitor.model.errors import TcmError
from monitor.shock.waveform import AXES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png")
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # of x, y, z; told apart by the colour-blind too (Okabe and Ito)
LIMIT_COLOUR = "#222222"
WIDTH_IN, PANEL_IN, DPI = 8.0, 3.2, 120
MAX_VECTOR_SAMPLES = 20_000  # drawn as lines of an SVG, about 300 kB an axis; beyond that as pixels in it
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
        raise TcmError("plot", str(path), "matplotlib is not installed", "pip install tcm-monitor[plot]") from None


def plot_event(path: Path, event: Examined) -> None:
    """The waveform, the spectrum against its envelopes, and the damage boundaries with the event in them."""
    boundaries = [each for each in event.margins if each.rule.damage_boundary is not None and each.measured is not None]
    panels = 2 + bool(boundaries)
    figure = _figure(panels)
    axes = figure.subplots(panels, 1)
    figure.suptitle(f"{event.name}: {event.analysis.kind}" + _faults(event), fontsize="medium")
    _draw_waveform(axes[0], event)
    _draw_responses(axes[1], event)
    if boundaries:
        _draw_boundaries(axes[2], boundaries)
    _save(figure, path)


def plot_spectrum(path: Path, spectrum: EventSpectrum) -> None:
    """The larger of the responses along and against each axis."""
    figure = _figure(1)
    axes = figure.subplots()
    figure.suptitle(spectrum.event.name + _faults(spectrum.event), fontsize="medium")
    _draw_spectrum(axes, spectrum.frequencies_hz, spectrum.part("maximax"), spectrum.event.analysis.reliable_hz)
    axes.set_ylabel(f"{spectrum.asked.response}, {spectrum.unit}, Q {spectrum.asked.q:g}")
    if spectrum.asked.response == "acceleration":
        _draw_envelopes(axes, spectrum.event, spectrum.asked.q)
    axes.legend(fontsize="small")
    _save(figure, path)


def _figure(panels: int) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, PANEL_IN * max(panels, 1.5)), dpi=DPI, layout="constrained")


def _draw_waveform(axes: Axes, event: Examined) -> None:
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
    axes.legend(fontsize="small", loc="upper right")


def _draw_responses(axes: Axes, event: Examined) -> None:
    spectrum = event.analysis.responses.acceleration
    _draw_spectrum(axes, spectrum.frequencies_hz, spectrum.maximax, event.analysis.reliable_hz)
    _draw_envelopes(axes, event, spectrum.q)
    axes.set_ylabel(f"g, largest response, Q {spectrum.q:g}")
    axes.legend(fontsize="small")


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
    for margin in event.margins:
        if margin.rule.srs is not None and margin.rule.q_factor == q:
            frequencies_hz, level_g = zip(*margin.rule.srs, strict=True)
            axes.plot(frequencies_hz, level_g, color=LIMIT_COLOUR, linewidth=1.4, label=f"limit {margin.rule.id}")


def _draw_boundaries(axes: Axes, boundaries: list[Any]) -> None:
    """Velocity change and peak, log-log: damage is possible to the right of and above a boundary's corner."""
    for margin in boundaries:
        boundary, measured = margin.rule.damage_boundary, margin.measured
        speed_m_s, size_g = abs(measured.delta_v_m_s), abs(measured.peak_g)
        right = SPAN * max(boundary.velocity_change_m_s, speed_m_s)
        top = SPAN * max(boundary.acceleration_g, size_g)
        corner = ([boundary.velocity_change_m_s] * 2 + [right], [top] + [boundary.acceleration_g] * 2)
        axes.plot(*corner, color=LIMIT_COLOUR, linewidth=1.4, label=f"limit {margin.rule.id}")
        axes.fill_between(corner[0][1:], corner[1][1:], top, color="#cc3311", alpha=0.12)
        axes.plot(speed_m_s, size_g, "o", color=COLOURS[1], label=f"event, margin {measured.margin:.3g}")
    axes.set(xscale="log", yscale="log", xlabel="velocity change, m/s", ylabel="peak, g")
    axes.grid(which="both", linewidth=0.3)
    axes.legend(fontsize="small")


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

"""What is kept of a shock event once its waveform is analysed: a point of measurement `shock`, and its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

Q = 10.0  # of the oscillators of a spectrum: 5 % of critical damping, customary where nothing better is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Container axes, x y z; accelerations in g with the static part removed, signed, `raw` ones as measured.

    `axis_peak_g` are the extremes of the axes, `peak_g` the largest by magnitude, with `duration_ms` and `delta_v_m_s`
    of the pulse that holds it. `drop_height_m` as `monitor.shock.drop.Drop.height_m`; `srs_peak_g` is the largest of
    the spectrum (Q 10, absolute acceleration, all axes), at `srs_peak_hz`. `damage_margin` is the smallest to the
    damage boundaries that apply to the logger. `kind` as `monitor.shock.character.Kind`; `faults` says why an event is
    not valid, "" for a valid one. `spectrum` are (Hz, g) at the stored frequencies.

    Numbers are rounded to float32; None where event or rules do not say, or what they say is no number.
    """

    peak_g: float | None
    peak_raw_g: float | None
    axis_peak_g: tuple[float | None, float | None, float | None]
    resultant_g: float | None
    duration_ms: float | None
    delta_v_m_s: float | None
    drop_height_m: float | None
    srs_peak_g: float | None
    srs_peak_hz: float | None
    damage_margin: float | None
    kind: str
    faults: str
    spectrum: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary(Figures):
    """The figures of an event of the journal, and which it is."""

    pos: int
    container: str
    logger: str
    sensor: str
    boot: int
    seq: int
    trigger_ns: int

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with the record."""
        return not self.faults

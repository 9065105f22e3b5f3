"""One event as rules judge it: its analysis, and what is known of the accelerometer that recorded it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from monitor.detect.rules import RulesView
from monitor.model.batch import Event
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import waveform_of


class Signals:
    """An event on container axes. ValueError when its record is none: no samples, no sampling rate.

    Its analysis holds arrays of the event's size, made when first asked for and once for all rules: let it go then.
    """

    def __init__(self, event: Event, rules: RulesView, lowpass_hz: float | None = None) -> None:
        """`lowpass_hz` is the corner of the sensor's own low-pass, None where nobody says."""
        logger = rules.logger(event.container, event.logger)
        self.event, self.channel, self.place = event, channel_of(event), logger.place
        self.analysis = Analysis(waveform_of(event.shock, np.array(logger.rotation), lowpass_hz))
        self._rules = rules

    @cached_property
    def accuracy_g(self) -> float | None:
        """U (k = 2) of the accelerometer, None when nobody can say."""
        return self._rules.accuracy(self.event.container, self.event.logger, self.channel)

    def time_ns(self, sample: float) -> int:
        """Time of a sample, or of a place between two."""
        return self.event.start_ns + self.analysis.waveform.offset_ns(sample)


def channel_of(event: Event) -> str:
    """The channel of an accelerometer's events."""
    return f"shock.{event.shock.accelerometer}"

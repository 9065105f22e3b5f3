"""Stores of points: InfluxDB (`influx`, imported where it is opened, because it loads slowly) and the embedded one."""

from monitor.sinks.embedded import EmbeddedSink, read_series
from monitor.sinks.line_protocol import lines
from monitor.sinks.sink import ENV, Held, RefusedLines, Sink, TooLarge, Unavailable

__all__ = ["ENV", "EmbeddedSink", "Held", "RefusedLines", "Sink", "TooLarge", "Unavailable", "lines", "read_series"]

"""A daemon whose operators enter phases at given times."""

from __future__ import annotations

import time

from firmware_sim.codec import Stamp
from monitor.model.clock import rfc3339
from tests.fleet import Logger

S = 10**9
LIMITS = """
name = "test"
[[rule]]
id = "hot-on-road"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
severity = "alarm"
phases = ["road"]
"""
START_NS = (time.time_ns() // S - 3600) * S  # an hour ago: what is entered may not lie ahead


class Clocked(Logger):
    """A logger whose clock counts from START_NS."""

    def _stamp(self, t0_ns: int) -> Stamp:
        return Stamp(self.boot, t0_ns, abs(t0_ns - START_NS), self.clk)


def at(minutes: int) -> str:
    return rfc3339(START_NS + minutes * 60 * S)

"""A logger's firmware as plain objects without input or output: they are told the true time and answer with messages.

readings, waveforms ─► record ─► ring (flash) ──► live ─┐
     oscillator: t0, mono, clk ┘   │  ▲                 ├─► in flight ─► settled: freed
                                   │  └ 60 s, want ──► fill ┘
                                   └► overwritten, torn: lost
"""

from firmware_sim.device.identity import Identity, Message, resend_time_s
from firmware_sim.device.logger import Logger
from firmware_sim.device.oscillator import Oscillator
from firmware_sim.device.ring import Fate, Record

__all__ = ["Fate", "Identity", "Logger", "Message", "Oscillator", "Record", "resend_time_s"]

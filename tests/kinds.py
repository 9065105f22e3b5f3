"""Rules of every kind as a limits file has them, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from monitor.config.problems import problems_of
from monitor.model.limit import Profile, Rule

HARDWARE = "temperature.hardware"
THRESHOLD = {"kind": "threshold", "channel": HARDWARE, "above": "25 degC"}
RATE = {"kind": "rate", "channel": HARDWARE, "over": "1 h", "above": "5 K/h"}
TIME = {"kind": "exposure", "channel": HARDWARE, "measure": "time", "above": "25 degC", "limit": "12 h"}
HOURS = TIME | {"measure": "degree-hours", "limit": "20 K h"}
MKT = {"kind": "exposure", "channel": HARDWARE, "measure": "mkt", "limit": "25 degC", "window": "24 h"}
RANGE = {"kind": "cycles", "channel": HARDWARE, "range": "15 K"}
DAMAGE = {"kind": "cycles", "channel": HARDWARE, "damage": 0.1, "min_range": "2 K", "ref_range": "50 K",
          "ref_cycles": 1000, "exponent": 4}  # fmt: skip
SHOCK = {"kind": "shock", "axis": "z", "peak": "2 g"}
COUNT = SHOCK | {"count": 5, "within": "1 h"}
DOSE = {"kind": "shock", "axis": "z", "dose": 3.0, "ref": "2 g", "exponent": 4, "floor": "0.5 g"}
VELOCITY = {"kind": "shock", "velocity_change": "150 cm/s", "lowpass": "100 Hz"}
BOUNDARY = {"kind": "shock", "damage_boundary": {"acceleration": "15 g", "velocity_change": "1.5 m/s"}}
ENVELOPE = {"kind": "shock", "srs": [["10 Hz", "20 g"], ["100 Hz", "5 g"]]}
DROP = {"kind": "shock", "drop_height": "30 cm"}
CONDENSATION = {"kind": "condensation", "below": "5 K"}
LEAK = {"kind": "leak", "above": "300 Pa/d"}
STUCK = {"kind": "health", "check": "stuck", "for": "1 h"}
BATTERY = {"kind": "health", "check": "battery", "below": "20 %"}
ZSCORE = {"kind": "statistic", "method": "z-score", "channel": HARDWARE, "window": "24 h", "above": 6}
DISAGREE = {"kind": "statistic", "method": "disagreement", "channel": HARDWARE, "above": "1 K"}
FORECAST = {"kind": "forecast", "channel": HARDWARE, "above": "25 degC", "within": "6 h"}


def rule(**keys: Any) -> Any:
    return TypeAdapter(Rule).validate_python({"id": "r", "severity": "warning", **keys})


def faults(**keys: Any) -> dict[str, str]:
    """Key -> message of what is wrong with one rule, as `tcm check` says it."""
    document = {"name": "p", "rule": [{"id": "r", "severity": "warning", **keys}]}
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate(document)
    found = problems_of(caught.value, Profile, document, "p.toml")
    return {problem.key.removeprefix("rule.r").removeprefix("."): problem.message for problem in found}

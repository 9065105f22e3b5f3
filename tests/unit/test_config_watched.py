"""Rules held against the loggers that they watch: what cannot fit is refused, what watches nothing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import load_config, warnings_of
from tests.configs import PROFILE, problems, write
from tests.examples import BEFORE_JOURNEY, change, least


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The least that loads: required keys and one limits profile."""
    return least(tmp_path)


FAST = """
[[rule]]
id = "fast"
kind = "rate"
channel = "temperature.*"
over = "30 s"
above = "1 K/min"
severity = "warning"
[[rule]]
id = "mean"
kind = "exposure"
channel = "temperature.hardware"
measure = "mkt"
window = "30 s"
limit = "25 degC"
severity = "warning"
[[rule]]
id = "flow"
kind = "leak"
above = "0.01 Pa m3/s"
severity = "warning"
"""
BOX = """
id = "C-1"
[[logger]]
id = "L-1"
interval = "60 s"
calibration."temperature.air" = {accuracy = "0.3 K"}
"""


def test_rules_that_do_not_fit_what_they_watch(minimal: Path) -> None:
    """A window shorter than the interval of a logger that it is for, and a flow out of a container of unknown size."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + FAST)
    write(minimal.parent / "containers" / "a.toml", BOX)
    found = problems(minimal)
    assert found.keys() == {("basic.toml", "rule.fast.over"), ("a.toml", "free_gas_volume_m3")}
    assert found["basic.toml", "rule.fast.over"].startswith(
        "expected at least the interval of the loggers, 60 s of L-1"
    )
    assert "rule flow" in found["a.toml", "free_gas_volume_m3"] and "Pa m3/s" in found["a.toml", "free_gas_volume_m3"]
    write(
        minimal.parent / "containers" / "a.toml",
        BOX.replace("60 s", "30 s").replace("[[", "free_gas_volume_m3 = 1\n[["),
    )
    assert load_config(minimal).rules.logger("C-1", "L-1").interval_s == 30.0


SHORT = """
[[rule]]
id = "stuck"
kind = "health"
check = "stuck"
for = "59 s"
severity = "info"
[[rule]]
id = "silent"
kind = "health"
check = "silent"
for = "89 s"
severity = "info"
[[rule]]
id = "clock"
kind = "health"
check = "clock"
severity = "info"
[[rule]]
id = "outlier"
kind = "statistic"
method = "z-score"
channel = "temperature.air"
window = "29 min"
above = 6
severity = "info"
[[rule]]
id = "soon"
kind = "forecast"
channel = "temperature.air"
within = "30 min"
above = "25 degC"
severity = "info"
[[rule]]
id = "elsewhere"
kind = "forecast"
channel = "humidity.air"
within = "1 min"
above = "60 %"
severity = "info"
"""


def test_times_too_short_for_the_loggers_have_one_line(minimal: Path) -> None:
    """With the longest interval and how many more; of health too, and of windows that need 30 readings."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + SHORT)
    second = '[[logger]]\nid = "L-2"\ninterval = "90 s"\n'
    write(minimal.parent / "containers" / "a.toml", BOX + second)
    found = {key: message for (file, key), message in problems(minimal).items() if file == "basic.toml"}
    where = str(minimal.parent / "containers" / "a.toml")
    assert found == {
        "rule.stuck.for": f"expected at least the interval of the loggers, 60 s of L-1 in {where}, got 59 s",
        "rule.silent.for": f"expected at least the interval of the loggers, 90 s of L-2 in {where}, got 89 s",
        "rule.outlier.window": "expected at least 30 intervals (1800 s) of the loggers, "
        f"60 s of L-1 in {where}, got 1740 s",
    }
    change(minimal.parent / "containers" / "a.toml", '"90 s"', '"120 s"')
    change(minimal.parent / "limits" / "basic.toml", '"89 s"', '"50 s"')
    message = problems(minimal)["basic.toml", "rule.silent.for"]
    assert f"120 s of L-2 in {where} and 1 more, got 50 s" in message


GUARDED = """
[[rule]]
id = "guarded"
kind = "threshold"
channel = "humidity.air"
above = "50 %"
guard = "accuracy"
severity = "warning"
[[rule]]
id = "damp"
kind = "condensation"
below = "5 K"
severity = "warning"
[[rule]]
id = "dew"
kind = "threshold"
channel = "dew_point.air"
above = "10 degC"
severity = "warning"
[[rule]]
id = "stuck"
kind = "health"
check = "stuck"
for = "1 h"
guard = "accuracy"
severity = "info"
"""


def test_rules_that_watch_nothing_are_warned_about(minimal: Path) -> None:
    """Of every kind: what nobody measures, derived channels by their inputs, and a guard without an uncertainty."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + GUARDED)
    write(minimal.parent / "containers" / "a.toml", BOX)
    change(minimal.parent / "limits" / "basic.toml", 'id = "warm"', 'id = "warm"\nphases = ["road", "raod"]')
    found = [warning for warning in warnings_of(load_config(minimal), BEFORE_JOURNEY) if "rule." in warning.key]
    assert {Path(warning.file).name for warning in found} == {"basic.toml"}
    of_rules = [(warning.key.removeprefix("rule."), warning.message) for warning in found]
    known = "air, handling, open, road, storage"
    unknown = "no registered logger has a calibration record of {}; is the name right?"
    assert of_rules == [
        ("warm.phases", f"no leg has the phase raod: the rule never watches there; known are {known}"),
        ("guarded.channel", unknown.format("humidity.air")),
        ("guarded.guard", "no effect in C-1: none of its loggers has the calibration records that it needs"),
        ("damp.air", unknown.format("humidity.air")),
        ("damp.surface", unknown.format("temperature.hardware")),
        ("dew.channel", unknown.format("humidity.air")),
        ("stuck.guard", "no effect: what this rule of kind health judges states no uncertainty"),
    ]


PLACED = """
[[rule]]
id = "forward"
kind = "shock"
peak = "2 g"
place = "hardware interface, f*"
severity = "alarm"
[[rule]]
id = "anywhere"
kind = "shock"
drop_height = "0.3 m"
place = "*"
severity = "alarm"
"""


def test_a_shock_rule_for_a_place_where_no_logger_is(minimal: Path) -> None:
    """A slip in the place would leave the hardware unwatched; without any logger nobody knows which will come."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + PLACED)
    boxes = {
        'id = "C-1"': [],
        BOX: ["no registered logger stands at 'hardware interface, f*': the rule never watches; is it right?"],
        BOX.replace('id = "L-1"', 'id = "L-1"\nplace = "hardware interface, forward"'): [],
    }
    for box, expected in boxes.items():
        write(minimal.parent / "containers" / "a.toml", box)
        warnings = warnings_of(load_config(minimal), BEFORE_JOURNEY)
        found = [(warning.key, warning.message) for warning in warnings if warning.key.startswith("rule.")]
        assert found == [("rule.forward.place", message) for message in expected]

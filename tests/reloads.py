"""A configuration that is loaded anew."""

from __future__ import annotations

from pathlib import Path

from monitor.config import Config, load_config

SETTINGS = """
instance = "one"
state_dir = "var"
[mqtt]
url = "mqtt://127.0.0.1:1883"
[ingest]
default_limits = "test"
"""
LIMITS = """
name = "test"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.air"
above = "25 degC"
severity = "alarm"
"""


def loaded(folder: Path, settings: str = SETTINGS, limits: str = LIMITS) -> Config:
    (folder / "limits").mkdir(exist_ok=True)
    (folder / "limits" / "test.toml").write_text(limits)
    (folder / "monitor.toml").write_text(settings)
    return load_config(folder / "monitor.toml")

"""A scenario: which loggers there are, what their containers go through, and what goes wrong; from a TOML file."""

from firmware_sim.scenario.load import ScenarioError, load, parse, shipped_names
from firmware_sim.scenario.model import Scenario

__all__ = ["Scenario", "ScenarioError", "load", "parse", "shipped_names"]

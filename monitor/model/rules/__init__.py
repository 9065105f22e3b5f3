"""Rules: one file for each kind, what they share in `base`, and how far each kind's value may be wrong in `accuracy`.

A rule is a table `[[rule]]` of a limits file. Values are text with their unit there and floats in the unit inside here.
"""

from typing import Annotated

from pydantic import Field

from monitor.model.rules.base import RuleBase
from monitor.model.rules.condensation import CondensationRule
from monitor.model.rules.cycles import CyclesRule
from monitor.model.rules.exposure import ExposureRule
from monitor.model.rules.forecast import ForecastRule
from monitor.model.rules.health import HealthRule
from monitor.model.rules.leak import LeakRule
from monitor.model.rules.rate import RateRule
from monitor.model.rules.shock import ShockRule
from monitor.model.rules.statistic import StatisticRule
from monitor.model.rules.threshold import ThresholdRule

Rule = Annotated[
    ThresholdRule
    | RateRule
    | ExposureRule
    | CyclesRule
    | ShockRule
    | CondensationRule
    | LeakRule
    | HealthRule
    | StatisticRule
    | ForecastRule,
    Field(discriminator="kind"),
]

__all__ = [
    "CondensationRule",
    "CyclesRule",
    "ExposureRule",
    "ForecastRule",
    "HealthRule",
    "LeakRule",
    "RateRule",
    "Rule",
    "RuleBase",
    "ShockRule",
    "StatisticRule",
    "ThresholdRule",
]

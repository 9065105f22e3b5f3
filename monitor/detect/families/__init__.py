"""The families of rules that judge readings, each kind of rule in one of them."""

from monitor.detect.families.climate import Damages, Exposures, Kinetics, Ranges, Rates
from monitor.detect.families.leaks import Leaks
from monitor.detect.families.sensors import Missing, Reach, Stuck
from monitor.detect.families.statistic import Cusums, Forecasts, ZScores
from monitor.detect.families.thresholds import Thresholds

FAMILIES = (
    *(Thresholds, Rates, Exposures, Kinetics, Ranges, Damages, Leaks),
    *(Stuck, Missing, Reach),
    *(ZScores, Cusums, Forecasts),
)

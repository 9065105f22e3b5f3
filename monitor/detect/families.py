"""The families of rules that judge readings, each kind of rule in one of them."""

from monitor.detect.climate import Damages, Exposures, Kinetics, Ranges, Rates
from monitor.detect.leaks import Leaks
from monitor.detect.sensors import Missing, Reach, Stuck
from monitor.detect.statistic import Cusums, Forecasts, ZScores
from monitor.detect.thresholds import Thresholds

FAMILIES = (
    *(Thresholds, Rates, Exposures, Kinetics, Ranges, Damages, Leaks),
    *(Stuck, Missing, Reach),
    *(ZScores, Cusums, Forecasts),
)

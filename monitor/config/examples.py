"""An example of each kind of rule, as it stands in a limits file; each form that a kind has is shown once."""

EXAMPLES = {
    "threshold": """
[[rule]]
id = "temperature-high"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
clear = "24 degC"
for = "10 min"
severity = "warning"
phases = ["road", "handling", "air", "storage"]
""",
    "rate": """
[[rule]]
id = "temperature-fall"
kind = "rate"
channel = "temperature.hardware"
over = "1 h"
below = "-5 K/h"
clear = "-4 K/h"
for = "10 min"
severity = "warning"
""",
    "exposure": """
[[rule]]
id = "warm-hours"
kind = "exposure"
channel = "temperature.hardware"
measure = "time"
above = "25 degC"
limit = "12 h"
per = "journey"
severity = "alarm"

[[rule]]
id = "cold-dose"
kind = "exposure"
channel = "temperature.hardware"
measure = "degree-hours"
below = "10 degC"
limit = "20 K h"
per = "leg"
severity = "warning"

[[rule]]
id = "kinetic-mean"
kind = "exposure"
channel = "temperature.air"
measure = "mkt"
limit = "25 degC"
window = "30 d"
severity = "warning"
""",
    "cycles": """
[[rule]]
id = "temperature-swing"
kind = "cycles"
channel = "temperature.hardware"
range = "15 K"
severity = "warning"

[[rule]]
id = "solder-fatigue"
kind = "cycles"
channel = "temperature.hardware"
damage = 0.01
min_range = "2 K"
ref_range = "50 K"
ref_cycles = 1000
exponent = 2.65
severity = "alarm"
""",
    "shock": """
[[rule]]
id = "shock-z"
kind = "shock"
axis = "z"
peak = "2 g"
lowpass = "100 Hz"
min_duration = "5 ms"
severity = "alarm"

[[rule]]
id = "pushed-hard"
kind = "shock"
velocity_change = "1.5 m/s"
lowpass = "100 Hz"
severity = "warning"

[[rule]]
id = "damage-forward"
kind = "shock"
damage_boundary = { acceleration = "15 g", velocity_change = "1.5 m/s" }
place = "hardware interface*"
severity = "alarm"

[[rule]]
id = "shock-spectrum"
kind = "shock"
srs = [["10 Hz", "5 g"], ["100 Hz", "20 g"], ["1 kHz", "20 g"]]
q = 10
severity = "alarm"

[[rule]]
id = "dropped"
kind = "shock"
drop_height = "0.3 m"
severity = "alarm"

[[rule]]
id = "rough-hour"
kind = "shock"
axis = "resultant"
peak = "1.2 g"
lowpass = "100 Hz"
count = 20
within = "1 h"
severity = "warning"

[[rule]]
id = "shock-dose"
kind = "shock"
axis = "resultant"
lowpass = "100 Hz"
dose = 3.0
ref = "2 g"
exponent = 4
floor = "0.5 g"
severity = "warning"
""",
    "condensation": """
[[rule]]
id = "condensation"
kind = "condensation"
air = "air"
surface = ["temperature.hardware", "temperature.wall_*"]
scope = "container"
below = "5 K"
clear = "6 K"
for = "5 min"
max_age = "10 min"
every = "1 min"
severity = "warning"
""",
    "leak": """
[[rule]]
id = "leak-pressure"
kind = "leak"
pressure = "pressure.inside"
temperature = "temperature.air"
differential = "differential.inside"
cracking = "30 hPa"
above = "300 Pa/d"
clear = "200 Pa/d"
window = "24 h"
severity = "warning"
phases = ["storage"]

[[rule]]
id = "leak-flow"
kind = "leak"
above = "0.01 Pa m3/s"
window = "48 h"
severity = "alarm"
phases = ["storage"]
""",
    "health": """
[[rule]]
id = "sensor-stuck"
kind = "health"
check = "stuck"
channel = "temperature.*"
tolerance = "0.02 K"
for = "1 h"
severity = "warning"

[[rule]]
id = "sensor-range"
kind = "health"
check = "range"
channel = "temperature.*"
least = "-40 degC"
most = "85 degC"
severity = "warning"

[[rule]]
id = "sensor-nan"
kind = "health"
check = "nan"
above = "50 %"
for = "1 h"
severity = "warning"

[[rule]]
id = "clock"
kind = "health"
check = "clock"
step = "2 s"
for = "1 h"
severity = "warning"

[[rule]]
id = "clipped"
kind = "health"
check = "clipped"
severity = "warning"

[[rule]]
id = "invalid"
kind = "health"
check = "invalid"
severity = "warning"

[[rule]]
id = "battery"
kind = "health"
check = "battery"
below = "20 %"
clear = "30 %"
severity = "warning"

[[rule]]
id = "memory"
kind = "health"
check = "memory"
above = "90 %"
clear = "80 %"
severity = "warning"

[[rule]]
id = "trigger"
kind = "health"
check = "trigger"
severity = "warning"

[[rule]]
id = "calibration"
kind = "health"
check = "calibration"
severity = "info"

[[rule]]
id = "silence"
kind = "health"
check = "silent"
for = "2 h"
severity = "alarm"
phases = ["road", "handling", "storage", "open"]
""",
    "statistic": """
[[rule]]
id = "outlier"
kind = "statistic"
method = "z-score"
channel = "pressure.inside"
window = "24 h"
above = 8
for = "10 min"
severity = "info"

[[rule]]
id = "drift"
kind = "statistic"
method = "cusum"
channel = "differential.inside"
window = "24 h"
above = 10
slack = 0.5
severity = "info"

[[rule]]
id = "sensors-disagree"
kind = "statistic"
method = "disagreement"
channel = "temperature.hardware"
above = "1 K"
for = "10 min"
severity = "info"
""",
    "forecast": """
[[rule]]
id = "warm-soon"
kind = "forecast"
channel = "temperature.hardware"
above = "25 degC"
within = "6 h"
window = "3 h"
severity = "info"
""",
}

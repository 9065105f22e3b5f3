"""How well the detector judges: simulated journeys whose truth is known, scored rule by rule.

    drive ─► loggers of a scenario, in process, at virtual time ─► gateway (intake, journal) ─► replay ─► alerts
      └────► truth (free of noise) ─► bounds: what each rule's value is at least and at most ─► score ◄──┘

Run as `python -m benchmarks.quality --seeds FIRST-LAST [--scenarios a,b] [--json]`. `gateway.py` is the only file that
knows the monitor; the formulas of the scorer are its own, and it reads the limits from their TOML itself.

How to read the figures: see `docs/definitions.md`. An exceedance MUST be found when the truth lies beyond the limit by
the uncertainty for the rule's `for` and two intervals more, in readings that reached the journal. An alert is FALSE
when it touches no time at which the truth may have been seen beyond the limit. All between is `indeterminate`.
"""

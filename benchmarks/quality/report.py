"""From verdicts to figures: by kind, and over all limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from scipy.stats import beta

from benchmarks.quality import bounds, pulses
from benchmarks.quality.score import EXCLUDED, FALSE, FOUND, FOUND_BY_ORDER, ILL_TIMED, MISSED, OPEN

Counts = Mapping[tuple[str, str, str], int]  # kind, rule, verdict

LIMIT_KINDS = ("threshold", "rate", "exposure", "cycles", "shock", "condensation", "leak")
OWN_KINDS = ("health", "statistic", "forecast")
CONFIDENCE = 0.95
PER_DAYS = 1000.0
MAX_DETAILS = 1000  # of misses and false alarms
SHOWN = 40  # of them in the table for people
_SECONDS = re.compile(r"(-?\d+) s (?:after|ahead)")


def is_told(row: Mapping[str, Any]) -> bool:
    """Whether a verdict is more than a number: what went wrong, and what has a time or a reason to be told."""
    return row["verdict"] in (MISSED, FALSE, ILL_TIMED, EXCLUDED) or row["kind"] in OWN_KINDS


def figures_of(counts: Counts, rows: Sequence[Mapping[str, Any]], logger_days: float) -> dict[str, Any]:
    """All figures: verdicts by kind, rule and verdict, and those that are told, as rows of `Verdict.to_json`."""
    kinds = {kind: _limit_figures(_rules_of(counts, kind), logger_days) for kind in LIMIT_KINDS}
    own = {kind: _own_figures(_rules_of(counts, kind), _of_kind(rows, kind), logger_days) for kind in OWN_KINDS}
    n, found, false, ill_timed = (
        sum(figures[name] for figures in kinds.values()) for name in ("n", "found", "false_alarms", "ill_timed")
    )
    wrong = [row for row in rows if row["verdict"] in (MISSED, FALSE, ILL_TIMED)]
    reasons = Counter(row["note"] for row in _of_kind(rows, "shock") if row["verdict"] == EXCLUDED)
    return {
        "recall": _share(found, n),
        "false_alarms": false,
        "n": n,
        "recall_least": least(found, n),
        "false_per_1000_logger_days": _per_days(false, logger_days),
        "ill_timed": ill_timed,
        "logger_days": round(logger_days, 1),
        "kinds": kinds | own,
        "used": used(),
        "unseen_shocks": dict(reasons.most_common()),
        "details": wrong[:MAX_DETAILS],
    }


def used() -> dict[str, str]:
    """What is reckoned with for the sensors."""
    return {
        "bias": "U of the calibration, on either side; none in differences between readings of one sensor",
        "noise": f"{bounds.NOISES:g} standard deviations and half a resolution step",
        "lag": f"least and greatest truth of the last {bounds.SETTLED:g} time constants",
        "leak": f"{bounds.LEAK_PA_D:g} Pa/d",
        "dew point": f"corners of both sensors' errors, {bounds.MAGNUS_K:g} K for the constants",
        "shock": f"{pulses.SHARE:.0%} of the peak and {pulses.NOISE_G:g} g, {pulses.PEAKS:g} x RMS of vibration",
    }


def least(found: int, n: int) -> float | None:
    """What the share is at least with 95 % confidence (Clopper-Pearson, one-sided); None without cases."""
    if n == 0:
        return None
    return 0.0 if found == 0 else round(float(beta.ppf(1 - CONFIDENCE, found, n - found + 1)), 4)


def table(figures: Mapping[str, Any]) -> str:
    """The figures for people."""
    columns = (
        "n", "found", "missed", "late_records", "ill_timed", "recall", "recall_least", "false_alarms", "indeterminate",
        "excluded",
    )  # fmt: skip
    lines = [f"{'':<14}" + "".join(f"{name:>15}" for name in columns)]
    for kind in LIMIT_KINDS:
        row = figures["kinds"][kind]
        lines.append(f"{kind:<14}" + "".join(f"{_text(row[name]):>15}" for name in columns))
    lines += [
        f"{kind}: " + ", ".join(f"{k} {_text(v)}" for k, v in figures["kinds"][kind].items()) for kind in OWN_KINDS
    ]
    heads = ("recall", "recall_least", "n", "false_alarms", "false_per_1000_logger_days", "ill_timed", "logger_days")
    lines.append(", ".join(f"{name} {_text(figures[name])}" for name in heads))
    lines += [f"{name}: {text}" for name, text in figures["used"].items()]
    lines += [f"shock in no record: {count} {reason}" for reason, count in figures["unseen_shocks"].items()]
    for row in figures["details"][:SHOWN]:
        lines.append(" ".join(f"{key}={value}" for key, value in row.items()))
    return "\n".join(lines)


def _of_kind(rows: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["kind"] == kind]


def _rules_of(counts: Counts, kind: str) -> dict[str, dict[str, int]]:
    """Verdicts by rule."""
    found: dict[str, dict[str, int]] = {}
    for (of, rule, verdict), count in sorted(counts.items()):
        if of == kind:
            found.setdefault(rule, {})[verdict] = count
    return found


def _limit_figures(rules: Mapping[str, Mapping[str, int]], logger_days: float) -> dict[str, Any]:
    count = sum((Counter(verdicts) for verdicts in rules.values()), Counter[str]())
    found = count[FOUND] + count[FOUND_BY_ORDER] + count[ILL_TIMED]
    n = found + count[MISSED]
    return {
        "n": n,
        "found": found,
        "missed": count[MISSED],
        "late_records": count[FOUND_BY_ORDER],
        "ill_timed": count[ILL_TIMED],
        "recall": _share(found, n),
        "recall_least": least(found, n),
        "starts_within": _share(found - count[ILL_TIMED], found),
        "false_alarms": count[FALSE],
        "false_per_1000_logger_days": _per_days(count[FALSE], logger_days),
        "indeterminate": count[OPEN],
        "excluded": count[EXCLUDED],
        "by_rule": rules,
    }


def _own_figures(
    rules: Mapping[str, Mapping[str, int]], rows: Sequence[Mapping[str, Any]], logger_days: float
) -> dict[str, Any]:
    """Injected faults found or exceedances announced, the median of their delay or lead, and what was told wrongly."""
    count = sum((Counter(verdicts) for verdicts in rules.values()), Counter[str]())
    n = count[FOUND] + count[MISSED]
    times_s = [int(match[1]) for row in rows if row["verdict"] == FOUND and (match := _SECONDS.match(row["note"]))]
    return {
        "n": n,
        "found": count[FOUND],
        "share": _share(count[FOUND], n),
        "share_least": least(count[FOUND], n),
        "median_s": median(times_s) if times_s else None,
        "false_alarms": count[FALSE],
        "false_per_1000_logger_days": _per_days(count[FALSE], logger_days),
        "came": count[OPEN],  # of forecasts; the false alarms are those that did not
        "excluded": count[EXCLUDED],
        "by_rule": rules,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _per_days(count: int, logger_days: float) -> float | None:
    return round(count * PER_DAYS / logger_days, 3) if logger_days else None


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)

"""What each kind of rule means and which keys it has, from the models themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from monitor.config.examples import EXAMPLES
from monitor.config.phases import KNOWN_PHASES
from monitor.model.limit import Rule, RuleBase
from monitor.model.quantity import SCALES
from monitor.model.rules.health import KEYS

MEANINGS = {
    "threshold": "a channel is beyond a limit, for some time",
    "rate": "a channel changes faster than a limit, taken over a window",
    "exposure": "what accumulates is beyond a limit: time or degree-hours beyond a base, mean kinetic temperature",
    "cycles": "swings of a channel (rainflow): the largest range, or the fatigue damage of all of them",
    "shock": (
        "what a shock event did: peak, velocity change, damage boundary, response spectrum or drop height; "
        "the number of such events in a window, or the cumulated dose of their peaks"
    ),
    "condensation": "the coldest surface comes near the dew point (below 0 degC the frost point) of the air",
    "leak": "gas is lost: the slope of pressure over temperature in whole days",
    "health": "a sensor or logger is in doubt: stuck, out of range, silent, its clock, battery, calibration, ...",
    "statistic": "a channel departs from its own past or from the channels beside it",
    "forecast": "the trend of a channel reaches a limit within some time",
}
CHECKS = {
    # check of kind health: what is wrong
    "stuck": "a channel shows no change for as long as `for`",
    "range": "a reading lies outside least to most",
    "nan": "too large a share of the readings is missing",
    "clock": "the logger's clock steps or is not synchronised",
    "clipped": "a shock is beyond what the accelerometer can measure",
    "invalid": "the record of a shock is not what the hardware felt: clipped, drop-out, spikes, truncated, ...",
    "battery": "the charge is low",
    "memory": "the logger's memory is nearly full",
    "trigger": "trigger, range or sampling rate of the accelerometer do not fit the shock rules",
    "calibration": "the calibration of a channel is past its due date",
    "silent": "nothing has come from the logger for as long as `for`",
}
GUARDED = {"exposure": "only with measure mkt", "cycles": "only with range", "shock": "only without count and dose"}
UNGUARDED = ("health", "statistic")  # nobody can say an uncertainty of what they judge
_TIMES = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a rule; `unit` is "" of text and numbers, `default` "" where there is none or `meaning` says it."""

    key: str
    meaning: str
    unit: str
    is_required: bool
    default: str
    example: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of kind health says, and its keys beside those of every rule."""

    check: str
    meaning: str
    keys: tuple[str, ...]


def models() -> dict[str, type[RuleBase]]:
    """The model of each kind, in the order of the documentation."""
    union = get_args(Rule)[0]
    by_kind = {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(union)}
    return {kind: by_kind[kind] for kind in MEANINGS}


def keys_of(kind: str) -> list[Key]:
    """All keys of a kind, `kind` itself and what every rule has first; KeyError for a kind that is none."""
    fields = models()[kind].model_fields
    return [_key(kind, name, field) for name, field in fields.items() if not field.exclude]


def checks() -> list[Check]:
    """The checks of kind health."""
    return [Check(check, CHECKS[check], keys) for check, keys in KEYS.items()]


def example_of(kind: str) -> str:
    """Rules of the kind as they stand in a limits file."""
    return EXAMPLES[kind].lstrip()


def _key(kind: str, name: str, field: FieldInfo) -> Key:
    example = f'"{kind}"' if name == "kind" else str((field.examples or [""])[0])
    extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = ", ".join(SCALES["time"]) if extra.get("unit") == "time" else str(extra.get("unit", ""))
    meaning = _meaning(kind, name, field)
    return Key(field.alias or name, meaning, unit, field.is_required(), _default(field, extra.get("unit")), example)


def _meaning(kind: str, name: str, field: FieldInfo) -> str:
    """What the key says, and what of it depends on the kind."""
    if name == "kind":
        return "kind of the rule"
    if name == "phases":
        return f"{field.description} ({', '.join(KNOWN_PHASES)}, and those of your legs)"
    if name == "guard" and kind in UNGUARDED:
        return "no effect: what a rule of this kind judges states no uncertainty"
    limited = f"; {GUARDED[kind]}" if name == "guard" and kind in GUARDED else ""
    return f"{field.description}{_choices(field)}{limited}"


def _choices(field: FieldInfo) -> str:
    """The words that may stand there, "" where any may."""
    words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f" ({', '.join(words)})" if words else ""


def _default(field: FieldInfo, unit: object) -> str:
    if field.is_required() or field.default_factory is not None or field.default is None:
        return ""
    if unit == "time":
        return _time(field.default)
    if isinstance(field.default, tuple):
        return "[" + ", ".join(f'"{item}"' for item in field.default) + "]"
    return f'"{field.default}"' if isinstance(field.default, str) else f"{field.default:g}"


def _time(seconds: float) -> str:
    """A time in the largest unit in which it is whole."""
    size, unit = next(((size, unit) for size, unit in _TIMES if seconds and seconds % size == 0), (1.0, "s"))
    return f'"{seconds / size:g} {unit}"'

"""Units and colours of this project by Grafana's names for them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMapping, ValueMappingResult

from dashboards.limits import COLOURS, GRAVITY
from monitor.model.channel import unit_of

UNITS = {
    "degC": "celsius",
    "K": "kelvin",
    "%RH": "humidity",
    "Pa": "pressurepa",
    "g": "accG",
    "g/m3": "congm3",
    "deg": "degree",
    "lx": "lux",
    "V": "volt",
    "m/s": "velocityms",
    "m": "lengthm",
    "s": "s",
    "ms": "ms",
    "Hz": "hertz",
    "%": "percent",
    "bytes": "bytes",
    "records/s": "rps",
    "": "none",  # a plain number: 12345
    "count": "short",  # a large number: 12.3 K
    "text": "string",
    "ago": "dateTimeFromNow",
}


def grafana_unit(unit: str) -> str:
    """Grafana's id of a unit of this project; KeyError for one that no panel has used yet."""
    return UNITS[unit]


def channel_unit(channel: str) -> str:
    """The unit of a channel, as the project writes it; KeyError when there is no such channel."""
    unit = unit_of(channel)
    if not unit:
        raise KeyError(f"no unit is known of channel {channel}")
    return unit


def severities() -> list[ValueMapping]:
    """Field `worst` of measurement `container` in words and colours: 0 nothing open, 1 info, 2 warning, 3 alarm."""
    words = dict(zip(("nothing open", *list(COLOURS)[1:]), COLOURS.values(), strict=True))
    return in_words({str(number): pair for number, pair in enumerate(words.items())})


def severity_names() -> list[ValueMapping]:
    """The names of severities, as `alert` has them, in their colours."""
    return in_words({name: (name, COLOURS[name]) for name in GRAVITY})


def yes_no(yes: str, no: str, *, good: bool = True) -> list[ValueMapping]:
    """A flag in words; the good one is green, the other one orange."""
    colours = (COLOURS["ok"], COLOURS["warning"])
    on, off = colours if good else colours[::-1]
    return in_words({"true": (yes, on), "false": (no, off), "1": (yes, on), "0": (no, off)})


def none_named(word: str) -> list[ValueMapping]:
    """A text that is "", in words: there is none, such as a leg."""
    return in_words({"": (word, "gray")})


def in_words(words: dict[str, tuple[str, str]]) -> list[ValueMapping]:
    """Values -> (what is shown instead, its colour)."""
    results = {
        value: ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [ValueMap(options=results)]

"""Which alerts somebody wants to see, the same for a daemon's API and for who reads its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self, get_args

from monitor.model.alert import STATES
from monitor.model.errors import WireError
from monitor.model.operator_keys import time_ns
from monitor.model.strict import Severity

MAX_LISTED = 10_000
MAX_PATTERN = 100  # characters
OPEN = "open"  # in place of a state: firing or acknowledged
ASKED_STATES = (OPEN, *STATES)


class AlertQuery(NamedTuple):
    """The latest `limit` alerts, by occurrence, for which everything that is given holds.

    `state` is that of an alert or OPEN; `container` and `rule` are globs (* ? [ ]); `since_ns` (ns UTC) is the earliest
    time of occurrence.
    """

    state: str | None = None
    container: str | None = None
    severity: str | None = None
    rule: str | None = None
    since_ns: int | None = None
    limit: int = MAX_LISTED

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """The query of a URL or command line, where "" stands for nothing; WireError names the key that is wrong."""
        strange = sorted(set(given) - set(KEYS))
        if strange:
            raise WireError(f"{strange[0][:MAX_PATTERN]!r}: expected one of the keys {', '.join(KEYS)}")
        return cls(
            state=_one_of(given, "state", ASKED_STATES),
            container=_pattern(given, "container"),
            severity=_one_of(given, "severity", get_args(Severity)),
            rule=_pattern(given, "rule"),
            since_ns=time_ns(given, "since") if given.get("since") else None,
            limit=_limit(given),
        )


KEYS = ("state", "container", "severity", "rule", "since", "limit")


def _one_of(given: Mapping[str, str], key: str, allowed: tuple[str, ...]) -> str | None:
    word = given.get(key) or None
    if word is not None and word not in allowed:
        raise WireError(f"{key}: expected one of {', '.join(allowed)}, got {word[:MAX_PATTERN]!r}")
    return word


def _pattern(given: Mapping[str, str], key: str) -> str | None:
    text = given.get(key) or None
    if text is not None and len(text) > MAX_PATTERN:
        raise WireError(f"{key}: expected at most {MAX_PATTERN} characters, got {len(text)}")
    return text


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit") or str(MAX_LISTED)
    if not (text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_LISTED):
        raise WireError(f"limit: expected a whole number from 1 to {MAX_LISTED}, got {text[:MAX_PATTERN]!r}")
    return int(text)

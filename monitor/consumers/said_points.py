"""How containers, loggers and the daemon itself stand, as points: what dashboards show of the present.

Unlike readings and results they do not follow from the journal: they say what was so when they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from monitor.config import Rules
from monitor.consumers.points import one_point
from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S, parse_rfc3339
from monitor.model.leg import DEFAULT_PHASE, Logger
from monitor.model.phase import phase_in, word_in

NO_CONSIGNMENT = "-"  # the tag of a container without one: InfluxDB has no empty tags
SEVERITIES = ("info", "warning", "alarm")  # their numbers in `worst` are 1, 2, 3; 0 is nothing open
LOGGER_FIELDS = (
    "place",
    "serial",
    "other_serial",
    "model",
    "calibration_due",
    "state",
    "lag_s",
    "gap_records",
    "silent_s",
)
SAID = frozenset(("logger", name) for name in LOGGER_FIELDS)  # beside what follows from the journal
NO_KEY = 0  # of a point that comes from no record
MAX_STAGES = 200  # of a container, the newest: a journey of 60 legs with a pause behind each has 120

Document = dict[str, Any]


class Stage(NamedTuple):
    """A part of a journey, from `start_ns` (UTC) until the next one: neither phase, leg nor custodian changes in it.

    `leg` and `custodian` are "" where there is none.
    """

    start_ns: int
    phase: str
    leg: str
    custodian: str

    @property
    def text(self) -> str:
        """All of it in a line."""
        named = (("leg", self.leg), ("custodian", self.custodian))
        return ", ".join((self.phase, *(f"{what} {name}" for what, name in named if name)))


NOT_BEGUN = Stage(0, DEFAULT_PHASE, "", "")  # how it is before the first


def container_fields(rules: Rules, described: Document, n_loggers: int, n_silent: int, now_ns: int) -> Document:
    """How a container stands at `now_ns` (UTC); text that there is none of is "", so that the last one says so."""
    alerts, container = described["alerts"], described["container"]
    return {
        "title": described["title"],
        "marking": described["marking"],
        "limits": described["limits"],
        "phase": described["phase"],
        "leg": word_in(rules.leg_spans(container), now_ns, ""),
        "custodian": described["custodian"] or "",
        "armed": described["armed"],
        "worst": float(max((n for n, severity in enumerate(SEVERITIES, 1) if alerts[severity]), default=0)),
        "open_alerts": float(sum(alerts.values())),
        "silent_loggers": float(n_silent),
        "loggers": float(n_loggers),
    }


def container_point(described: Document, fields: Document, now_ns: int) -> Points:
    """A point of `container`."""
    tags = (("consignment", described["consignment"] or NO_CONSIGNMENT), ("container", described["container"]))
    return one_point(NO_KEY, "container", tags, now_ns, fields)


def stages(rules: Rules, container: str, now_ns: int) -> list[Stage]:
    """What of a container's journey has begun by `now_ns` (UTC), as plan and operators have it, the latest last."""
    phases, legs, custody = rules.phase_spans(container), rules.leg_spans(container), rules.custody_spans(container)
    starts_ns = {start_ns for spans in (phases, legs, custody) for start_ns, _ in spans if start_ns <= now_ns}
    found = [NOT_BEGUN]
    for start_ns in sorted(starts_ns):
        leg, custodian = word_in(legs, start_ns, ""), word_in(custody, start_ns, "")
        stage = Stage(start_ns, phase_in(phases, start_ns), leg, custodian)
        if stage[1:] != found[-1][1:]:
            found.append(stage)
    return found[1:][-MAX_STAGES:]


def stage_point(container: str, stage: Stage) -> Points:
    """A point of `journey`, at the beginning of a stage."""
    fields = {"phase": stage.phase, "leg": stage.leg, "custodian": stage.custodian, "text": stage.text}
    return one_point(NO_KEY, "journey", (("container", container),), stage.start_ns, fields)


def logger_point(rules: Rules, logger: Document, newest_ns: int | None, now_ns: int) -> Points:
    """A point of `logger` that says which one it is, and how far behind.

    `silent_s` is the time since it was heard, `lag_s` the age of its newest reading, at `newest_ns`; both are left out
    while there is none.
    """
    container, name, seen_at = logger["container"], logger["logger"], logger["last_seen_at"]
    registered = rules.logger(container, name)
    values = (
        registered.place or "",
        registered.serial or "",
        logger["other_serial"] or "",
        registered.model or "",
        _calibration_due(registered),
        logger["state"] or "never heard",
        None if newest_ns is None else (now_ns - newest_ns) / NS_PER_S,
        float(logger["gap_records"]),
        None if seen_at is None else max(now_ns - parse_rfc3339(seen_at), 0) / NS_PER_S,
    )
    tags = (("container", container), ("logger", name))
    return one_point(NO_KEY, "logger", tags, now_ns, dict(zip(LOGGER_FIELDS, values, strict=True)))


def _calibration_due(logger: Logger) -> str:
    """The first day on which a calibration of the logger runs out, as 2027-03-02; "" where none says so."""
    return min((each.due.isoformat() for each in logger.calibration.values() if each.due), default="")


def _of_copy(consumers: Document) -> Document:
    """How far the copy by the minute is, nothing where there is none; it counts hours of loggers."""
    if "copy" not in consumers:
        return {}
    return {"copy_backlog": consumers["copy"]["backlog"], "copy_lag_s": consumers["copy"]["lag_s"]}


def monitor_points(status: Document, disk_free_bytes: int, rss_bytes: int, now_ns: int) -> Iterator[Points]:
    """The daemon by its status document, and each of its notifiers."""
    instance, consumers, loggers = ("instance", status["instance"]), status["consumers"], status["loggers"]
    numbers = {
        "records": status["ingest"]["records"],
        "duplicates": status["ingest"]["duplicates"],
        "quarantined": status["quarantined"],
        "journal_pos": status["journal"]["pos"],
        "watch_backlog": consumers["watch"]["backlog"],
        "watch_lag_s": consumers["watch"]["lag_s"],
        "store_backlog": consumers["store"]["backlog"],
        "store_lag_s": consumers["store"]["lag_s"],
        "notify_backlog": consumers["notify"]["backlog"],
        "notify_lag_s": consumers["notify"]["lag_s"],
        **_of_copy(consumers),
        "gap_records": status["gaps"]["open"] + status["gaps"]["requested"],
        "budget_used_pct": 100 * status["journal"]["used_bytes"] / status["budget_bytes"],
        "disk_free_bytes": disk_free_bytes,
        "loggers": len(loggers),
        "loggers_online": sum(logger["state"] == "online" for logger in loggers),
        "alerts_open": sum(status["alerts"].values()),
        "rss_bytes": rss_bytes,
    }
    yield one_point(NO_KEY, "monitor", (instance,), now_ns, numbers)
    for each in status["notifiers"]:
        told = {
            "backlog": each["backlog"],
            "failing": each["failing_since"] is not None,
            "told": each["told"],
            "refused": each["refused"],
        }
        numbers = {name: float(value) for name, value in told.items()}
        yield one_point(NO_KEY, "notifier", (instance, ("notifier", each["name"])), now_ns, numbers)

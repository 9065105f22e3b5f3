"""What the daemon says of itself: the status document and Prometheus metrics made of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from monitor.config import Rules
from monitor.consumers import WatchReader
from monitor.consumers.acted import alert_as_acted
from monitor.consumers.operators import OperatorReader
from monitor.consumers.silences import Silences
from monitor.journal import JournalReader
from monitor.journal.room import used_bytes
from monitor.journal.statuses import last_serial, last_status
from monitor.model.clock import NS_PER_S, rfc3339

RATE_WINDOW_S = 10.0
MAX_LOOKS = 100
UNSAID = ("other_serial", "state", "armed", "battery_pct", "memory_pct", "last_seen_at", "boot", "clock")

Document = dict[str, Any]


class StateReader:
    """The part of the status that lies in the files, the same with and without a running daemon."""

    def __init__(self, state_dir: Path) -> None:
        self.journal = JournalReader(state_dir)
        self.watch = WatchReader(state_dir)
        self.operators = OperatorReader(self.journal)
        self._silences = Silences(self.journal)
        self._files = (state_dir / "journal.db", state_dir / "journal.db-wal")

    def document(self, rules: Rules, now_ns: int) -> Document:
        """Journal, quarantine, gaps, loggers, open alerts, and how each container stands at `now_ns`."""
        pos, head = self.journal.head()
        containers = self.containers(rules, now_ns)
        return {
            "journal": {
                "pos": pos,
                "bytes": _size_bytes(*self._files),
                "head": head,
                "used_bytes": used_bytes(self.journal.connection),
            },
            "quarantined": self.journal.quarantined(),
            "gaps": self.journal.gaps(),
            "loggers": list(self._loggers(rules)),
            "alerts": self.watch.book.open_counts(),
            "phases": {name: container["phase"] for name, container in containers.items()},
            "containers": containers,
        }

    def containers(self, rules: Rules, now_ns: int) -> dict[str, Document]:
        """Of each container its phase, custodian, whether it is armed, and its silences that are or will be."""
        self._silences.refresh()
        return {
            name: standing | {"silences": [one.document(now_ns) for one in self._silences.coming(now_ns, name)]}
            for name, standing in self.operators.containers(rules, now_ns).items()
        }

    def silences(self, now_ns: int) -> list[Document]:
        """All silences in the order of their entry, also those that are over."""
        self._silences.refresh()
        return [one.document(now_ns) for one in self._silences.all()]

    def alert(self, key: str) -> Document | None:
        """The alert of an id with what operators did about it, None where there is none."""
        return alert_as_acted(self.watch, self.journal, key)

    def close(self) -> None:
        """Give the files back."""
        self.journal.close()
        self.watch.close()

    def _loggers(self, rules: Rules) -> Iterator[Document]:
        silent = {(box.id, logger.id) for box in rules.containers.values() for logger in box.logger}
        for row in self.journal.loggers():
            known = last_status(self.journal, row["logger"])
            said = known.serial if known and known.serial else last_serial(self.journal, row["logger"])
            serial = rules.logger(row["container"], row["logger"]).serial or said
            silent.discard((row["container"], row["logger"]))
            yield {
                "container": row["container"],
                "logger": row["logger"],
                "registered": rules.is_registered(row["container"], row["logger"]),
                "serial": serial,
                "other_serial": said if said != serial else None,
                "state": known.state if known else None,
                "armed": known.armed if known else None,
                "battery_pct": known.battery_pct if known else None,
                "memory_pct": known.memory_pct if known else None,
                "last_seen_at": rfc3339(row["seen_ns"] // NS_PER_S * NS_PER_S) if row["seen_ns"] else None,
                "boot": row["boot"],
                "upto": row["upto"],
                "next": row["next"],
                "gap_records": row["gap_records"],
                "clock": row["clk"],
                "waiting": row["waiting"],
            }
        for container, logger in sorted(silent):
            known_by = {"registered": True, "serial": rules.logger(container, logger).serial}
            numbers = {"upto": -1, "next": 0, "gap_records": 0, "waiting": 0}
            yield {"container": container, "logger": logger} | known_by | dict.fromkeys(UNSAID) | numbers


class Rate:
    """How fast a number grows, over the last RATE_WINDOW_S; somebody has to look at it again and again."""

    def __init__(self, count: int) -> None:
        self._looks: list[tuple[float, int]] = [(time.monotonic(), count)]

    def look(self, count: int) -> None:
        """Note the number as it is now."""
        now_s = time.monotonic()
        kept = [look for look in self._looks[-MAX_LOOKS:] if now_s - look[0] <= RATE_WINDOW_S]
        self._looks = [*kept, (now_s, count)]

    def per_s(self) -> float:
        """Growth per second from the oldest look that still counts to the last one."""
        looks = self._looks  # whoever looks puts another list in its place
        (first_s, first_count), (last_s, last_count) = looks[0], looks[-1]
        return round((last_count - first_count) / (last_s - first_s), 1) if last_s - first_s > 0.1 else 0.0


def _size_bytes(*files: Path) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


def metrics(status: Document) -> bytes:
    """The status document in Prometheus' text form; every name begins with `tcm_`."""
    registry = CollectorRegistry()
    registry.register(_Collector(status))
    return generate_latest(registry)


class _Collector:
    def __init__(self, status: Document) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        status = self._status
        ingest, journal = status["ingest"], status["journal"]
        yield _gauge("tcm_ready", "1 when every part moves", float(not status["problems"]))
        yield _labelled(
            "tcm_part_stalled", "1 when work waits for the part and nothing moves", "part", status["stalled"]
        )
        conditions = Counter(condition["rule"] for condition in status["conditions"])
        yield _labelled("tcm_conditions", "conditions of the gateway that somebody has to see", "rule", conditions)
        yield _gauge("tcm_connected", "1 when both sessions are subscribed", float(ingest["connected"]))
        yield _gauge("tcm_records", "env and shock records in the journal", ingest["records"])
        yield _gauge("tcm_duplicates", "deliveries since the start that were journalled before", ingest["duplicates"])
        yield _gauge("tcm_dropped", "messages not taken from the network; those of QoS 1 come again", ingest["dropped"])
        yield _gauge("tcm_queue_messages", "messages waiting for the journal", ingest["queue"])
        yield _gauge("tcm_journal_pos", "position of the last record", journal["pos"])
        yield _gauge("tcm_journal_bytes", "size of journal.db", journal["bytes"])
        yield _gauge("tcm_journal_used_bytes", "pages of journal.db in use", journal["used_bytes"])
        yield _gauge("tcm_journal_budget_bytes", "what they may come to", status["budget_bytes"])
        yield _gauge("tcm_quarantined", "deliveries in quarantine", status["quarantined"])
        yield _labelled("tcm_gap_records", "records in gaps", "state", status["gaps"])
        unreadable = status["consumers"]["watch"]["unreadable"]
        yield _gauge("tcm_unreadable_records", "records that this program cannot decode, passed over", unreadable)
        is_compiled = float(status["kernel"] == "compiled")
        yield _gauge("tcm_kernel_compiled", "1 when compiled code works out the spectra of events", is_compiled)
        waiting = float(sum(logger["waiting"] for logger in status["loggers"]))
        yield _gauge("tcm_waiting_records", "records without a set clock that cannot be placed in time yet", waiting)
        yield _labelled("tcm_alerts", "open alerts", "state", status["alerts"])
        for key, text in (("backlog", "journal positions a consumer has yet to pass"), ("lag_s", "age of its work")):
            values = {name: consumer[key] for name, consumer in status["consumers"].items()}
            yield _labelled(f"tcm_consumer_{key}", text, "consumer", values)
        backlogs = {each["name"]: each["backlog"] for each in status["notifiers"]}
        yield _labelled("tcm_notifier_backlog", "changes of alerts and notifications that wait", "notifier", backlogs)
        failing = {each["name"]: float(each["failing_since"] is not None) for each in status["notifiers"]}
        yield _labelled("tcm_notifier_failing", "1 while the receiver takes nothing", "notifier", failing)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family

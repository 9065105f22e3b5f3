"""Latency of alerts while the daemon takes half of what it can, while memories are filled in, and amid a storm."""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

from benchmarks.load import LOGGERS, back_fill, messages
from benchmarks.sender import Sender
from benchmarks.site import Site, Status, backlog, quantiles, site
from tests.processes import wait_until

WARM_UP = 10  # samples that do not count
SUPPLY = 100_000  # records to send from, some minutes at the most that a daemon takes
SETTLED_S, MEASURED_S = 5.0, 20.0  # until it goes on evenly, and for how long that is measured
FILLING = 300  # loggers
FILL_LIMIT_S = 7200.0


def half_load(samples: int) -> dict[str, float]:
    """Samples while records come at half of the rate that the daemon was measured to sustain just before."""
    with site(LOGGERS) as place, place.running():
        sender = Sender(place.broker.port, place.daemon, messages(SUPPLY, LOGGERS))
        with sender.going_on():
            time.sleep(SETTLED_S)
            before = _passed(place)
            time.sleep(MEASURED_S)
            most_per_s = before.per_s_until(_passed(place))
        wait_until(partial(_is_through, place), MEASURED_S, "the daemon to be through")
        with sender.going_on(most_per_s / 2), place.probe() as probe:
            place.sample(probe, WARM_UP)
            before = _passed(place)
            samples_ms = place.sample(probe, samples)
            half_per_s = before.per_s_until(_passed(place))
    figures = {"max_records_per_s": most_per_s, "half_load_records_per_s": half_per_s}
    return quantiles("half_load", samples_ms) | figures


def fill(records: int) -> dict[str, float]:
    """Samples while FILLING loggers send so many records each from memory, until all of it is settled."""
    with site(FILLING) as place, place.running():
        sender = Sender(place.broker.port, place.daemon, back_fill(records, FILLING))
        with place.probe() as probe:
            place.sample(probe, WARM_UP)
            before_mb, start_s = place.daemon.peak_rss_mb(), time.monotonic()
            with sender.going_on():
                samples_ms = place.sample_until(probe, lambda status: _is_filled(sender, status), FILL_LIMIT_S)
        taken_s = time.monotonic() - start_s
        rss_mb = place.daemon.peak_rss_mb()
    return quantiles("fill", samples_ms) | {
        "fill_samples": len(samples_ms),
        "fill_records": sender.sent,
        "fill_s": taken_s,
        "fill_rss_mb": rss_mb,
        "fill_growth_mb": rss_mb - before_mb,
    }


class _Passed(NamedTuple):
    """The position that every consumer has passed, and when (monotonic)."""

    pos: int
    at_s: float

    def per_s_until(self, later: _Passed) -> float:
        """Records a second from then on."""
        return (later.pos - self.pos) / (later.at_s - self.at_s)


def _passed(place: Site) -> _Passed:
    status = place.daemon.status()
    if status is None:
        raise RuntimeError("the daemon does not answer")
    return _Passed(min(int(status["consumers"][name]["pos"]) for name in ("watch", "store")), time.monotonic())


def _is_through(place: Site) -> bool:
    status = place.daemon.status()
    return status is not None and not any(backlog(status, name) for name in ("watch", "store"))


def _is_filled(sender: Sender, status: Status) -> bool:
    """Whether all was sent, taken, judged, and judged again in order."""
    is_through = not any(backlog(status, name) for name in ("watch", "store"))
    return sender.is_done and is_through and status["ingest"]["records"] >= sender.sent and not status["provisional"]

"""Parts of several pages that show what the daemon says of itself, a value or a line for each instance."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.page import AT_END
from dashboards.parts import Step, beyond, from_good, last_word, lines, number, with_steps
from dashboards.query import Query, series

SILENT = "the daemon said nothing in this time"
LATE: tuple[Step, ...] = ((60, "warning"), (600, "alarm"))  # s: a minute is a server's restart, ten are an outage


def own_last_word() -> Stat:
    """How long ago the daemon said anything."""
    words = "When the daemon last said how it is, which it does every 10 s. If that is minutes ago, nobody watches."
    return last_word("Monitor's last word", words, _last("records"), nothing="silent for a day")


def own_number(title: str, words: str, field: str, unit: str = "", steps: ThresholdsConfig | None = None) -> Stat:
    """A field of `monitor` at the end of the time range."""
    return number(title, words, _last(field), unit=unit, nothing="nothing told", steps=steps)


def store_behind() -> Stat:
    """How far InfluxDB is behind."""
    words = "How long the oldest record waits that InfluxDB has not confirmed: so much later everything here may be."
    return own_number("Store behind", words, "store_lag_s", "s", from_good(*LATE))


def received(width: int) -> TimeSeries:
    """How fast records come."""
    words = (
        "Records taken into the journal, of all loggers. A plateau at 0 while loggers are online: is the broker "
        "reachable?"
    )
    queries = [over_time("records", "records", 'non_negative_derivative(max("{}"), 1s)')]
    return own_lines("Records received", words, queries, "records/s", width=width)


def own_lines(
    title: str, words: str, queries: list[Query], unit: str, *, steps: Sequence[Step] = (), width: int
) -> TimeSeries:
    """Fields of `monitor` over time; it has a point every 10 s."""
    drawn = lines(title, words, queries, unit=unit, nothing=SILENT, width=width).interval("10s")
    return with_steps(drawn, beyond(*steps)) if steps else drawn


def over_time(field: str, word: str, what: str = 'max("{}")') -> Query:
    """A field of `monitor` over time, the worst of each interval."""
    text = f"""SELECT {what.format(field)} FROM "monitor" WHERE $timeFilter
               GROUP BY time($__interval), "instance" fill(none)"""
    return series(text, f"{word} ($tag_instance)")


def _last(field: str) -> Query:
    return series(f'SELECT last("{field}") FROM "monitor" WHERE {AT_END} GROUP BY "instance"', "$tag_instance")

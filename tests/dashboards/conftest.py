"""The journey that all pages are tried on: it takes half a minute, so there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboards.journey import Journey, watched_journey
from tests.servers import Influxd, mosquitto


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory, influx_server: Influxd) -> Iterator[Journey]:
    """Two days of the return journey in InfluxDB; with a broker of its own, as its daemon runs while others do."""
    with (
        mosquitto() as broker,
        watched_journey(tmp_path_factory.mktemp("journey"), broker, influx_server) as watched,
    ):
        yield watched

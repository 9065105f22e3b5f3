"""Fixtures that several folders share: real servers, one each for the session, and who signs certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.authority import Authority
from tests.servers import Influxd, Mosquitto, VictoriaMetrics, influxd, mosquitto, victoria_metrics

# How long an example takes says how busy the machine is: on none a law is broken by that.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def influx_server() -> Iterator[Influxd]:
    """An InfluxDB 1.x server that all tests share; each uses a database of its own."""
    with influxd() as server:
        yield server


@pytest.fixture(scope="session")
def metrics_server() -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics server that all tests share; each uses loggers of its own."""
    with victoria_metrics() as server:
        yield server


@pytest.fixture(scope="session")
def mosquitto_server() -> Iterator[Mosquitto]:
    """A broker that all tests share; each uses topics and client ids of its own."""
    with mosquitto() as server:
        yield server


@pytest.fixture
def own_influx_server() -> Iterator[Influxd]:
    """An InfluxDB 1.x server for a test that stops it."""
    with influxd() as server:
        yield server


@pytest.fixture
def own_mosquitto_server() -> Iterator[Mosquitto]:
    """A broker for a test that stops it."""
    with mosquitto() as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority, one for each file of tests."""
    return Authority(tmp_path_factory.mktemp("authority"))

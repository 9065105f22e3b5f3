"""`tcm demo`: broker, simulated consignment, daemon with the embedded store and a view, in one command."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from monitor.app import Daemon
    from monitor.cli.demo_broker import Broker
    from monitor.cli.demo_view import View
    from monitor.config import Config
    from monitor.model.clock import AcceleratedClock

SPEED = 600.0  # a leg of 5 h takes 30 s
SCENARIO = "departure"
FRAME_S = 0.25
DRAIN_S = 15.0


def demo(
    for_: Annotated[str | None, typer.Option("--for", help='How long, such as "60s"; default: until Ctrl-C.')] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a simulated consignment leave Turin, 600 times as fast as real. Example: tcm demo --for 60s"""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # before anything is started: Ctrl-C may come at any moment
        signal.signal(number, lambda *_: stopping.set())
    limit_s = _limit_s(for_)
    began_s = time.monotonic()

    import logging
    import tempfile

    from monitor.cli.demo_broker import start_broker

    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(message)s")
    folder = Path(tempfile.mkdtemp(prefix="tcm-demo-"))
    broker = start_broker(folder, stopping.is_set)
    try:
        summary = _run(folder, broker, stopping, lambda: time.monotonic() - began_s >= limit_s, as_json)
    finally:
        broker.stop()
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


def example_config() -> Path:
    """The example configuration: inside the installed package, or beside it in a checkout."""
    import monitor

    package = Path(monitor.__file__).parent
    packaged = package / "example" / "monitor.toml"
    return packaged if packaged.exists() else package.parent / "config" / "monitor.toml"


def _run(
    folder: Path, broker: Broker, stopping: threading.Event, is_over: Callable[[], bool], as_json: bool
) -> dict[str, Any]:
    """Daemon and loggers under one accelerated clock until told to stop; the summary."""
    from monitor.app import Daemon
    from monitor.cli.demo_broker import end

    config = _config(folder, broker)
    clock, start, real_start_s = _clock(config)
    daemon = Daemon(config, clock)
    try:
        daemon.start()
        loggers = _start_loggers(folder, broker, start, real_start_s)
        view = _view(daemon, clock, broker, as_json)
        try:
            while not stopping.is_set() and not is_over() and not daemon.wait(0):
                view.update(time.time() - real_start_s)
                _check_loggers(loggers, folder)
                stopping.wait(FRAME_S)
        finally:
            end(loggers)
            daemon.drain(DRAIN_S)
            view.update(time.time() - real_start_s)
            view.close()
        return _summary(daemon, folder)
    finally:
        daemon.stop()


def _limit_s(text: str | None) -> float:
    from monitor.model.quantity import parse_quantity

    try:
        return float("inf") if text is None else parse_quantity(text, "time")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None


def _config(folder: Path, broker: Broker) -> Config:
    """The example configuration, with the demo's broker, a state directory of its own and a free port."""
    from dataclasses import replace

    from monitor.config import MqttSettings, StoreSettings, WebSettings, load_config

    return replace(
        load_config(example_config()),
        state_dir=folder / "var",
        mqtt=MqttSettings(url=broker.url, protocol="5" if broker.protocol == "5" else "3.1.1"),
        store=StoreSettings(),
        web=WebSettings(listen="127.0.0.1:0"),
    )


def _clock(config: Config) -> tuple[AcceleratedClock, str, float]:
    """The accelerated clock, the time at which the first leg starts, and the real time (s) at which it is that."""
    from monitor.model.clock import AcceleratedClock, datetime_ns, rfc3339

    start_ns = min(datetime_ns(c.leg[0].planned_start) for c in config.rules.consignments.values() if c.leg)
    real_start_s = time.time()
    return AcceleratedClock(start_ns, SPEED, real_start_s), rfc3339(start_ns), real_start_s


def _start_loggers(folder: Path, broker: Broker, start: str, real_start_s: float) -> Any:
    from monitor.cli.demo_broker import spawn

    options = {
        "--broker": broker.url,
        "--protocol": broker.protocol,
        "--speed": f"{SPEED:g}",
        "--start": start,
        "--real-start": f"{real_start_s:.6f}",
        "--for": "40h",  # 1 000 days at the demo's speed, within what a scenario may last
    }
    command = [sys.executable, "-m", "firmware_sim", "run", SCENARIO]
    return spawn(command + [part for option in options.items() for part in option], folder / "loggers.log")


def _check_loggers(loggers: Any, folder: Path) -> None:
    from monitor.model.errors import TcmError

    if loggers.poll() is not None:
        log = (folder / "loggers.log").read_text(errors="replace")[-500:]
        raise TcmError("run simulated loggers", str(folder / "loggers.log"), f"they ended by themselves: {log}")


def _view(daemon: Daemon, clock: AcceleratedClock, broker: Broker, as_json: bool) -> View:
    from monitor.cli.demo_view import LineView, LiveView, NoView

    if as_json:
        return NoView()
    print(f"broker {broker.name} at {broker.url}, status at http://{daemon.address}/api/status, Ctrl-C ends")
    if sys.stdout.isatty():
        return LiveView(daemon, clock)
    return LineView(daemon, clock, lambda line: print(line, flush=True))


def _summary(daemon: Daemon, folder: Path) -> dict[str, Any]:
    from monitor.alerts.query import AlertQuery

    status = daemon.service.status()
    return {
        "records": status["ingest"]["records"],
        "readings": daemon.parts.watch.readings,
        "events": daemon.parts.watch.events,
        "alerts": daemon.service.alerts(AlertQuery()),
        "quarantined": status["quarantined"],
        "gaps": status["gaps"],
        "state_dir": str(folder / "var"),
    }


def _print_summary(summary: dict[str, Any]) -> None:
    counts = ", ".join(f"{summary[key]} {key}" for key in ("records", "readings", "events", "quarantined"))
    gaps = summary["gaps"]
    print(
        f"\n{counts}, {gaps['open'] + gaps['requested']} missing, {gaps['lost']} lost; {len(summary['alerts'])} alerts:"
    )
    for alert in summary["alerts"]:
        print(f"  {alert['severity']:8} {alert['state']:8} {alert['rule']}: {alert['message']}")
    print(f"state kept in {summary['state_dir']}; look again with: {_again(summary['state_dir'])}")


def _again(state_dir: str) -> str:
    """The command for another look, called as this one was: `tcm` need not be on the PATH."""
    called = sys.argv[0]
    program = [sys.executable, "-m", "monitor"] if Path(called).name == "__main__.py" else [called]
    return shlex.join([*program, "replay", state_dir])

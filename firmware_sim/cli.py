"""`tcm-sim`: simulated loggers on a command line.

What a command needs is imported inside it, so that `--help` answers at once.
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO, TypeVar

import typer

from firmware_sim.publish.broker import CONNECTIONS, MAX_CONNECTIONS

if TYPE_CHECKING:
    import threading

    from firmware_sim.publish.broker import Broker
    from firmware_sim.recorder.truth import Truth
    from firmware_sim.runner import Summary

MAX_LOGGERS = 100_000  # all of them in memory; 10 000 take 0.6 GB

T = TypeVar("T")

app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, add_completion=False, help="Simulated loggers over MQTT."
)

BrokerUrl = Annotated[str, typer.Option(help="mqtt://host:port or mqtts://host:port")]
Protocol = Annotated[str, typer.Option(help="MQTT version: 5 (falls back to 3.1.1 when that is refused) or 3.1.1")]
Username = Annotated[str | None, typer.Option(help="MQTT user name")]
PasswordFile = Annotated[Path | None, typer.Option(help="file with the password, readable by its owner only")]
AsJson = Annotated[bool, typer.Option("--json", help="print the summary as JSON")]


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="name of a shipped scenario (see tcm-sim list) or path of a TOML file"),
    ],
    broker: BrokerUrl,
    speed: Annotated[float | None, typer.Option(help="virtual seconds in a real one; default: the scenario's")] = None,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for",
            help='real time such as "60s"; default: the scenario\'s; the first record comes with its first full block',
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="default: the scenario's", min=0, max=2**63 - 1)] = None,
    start: Annotated[
        str | None, typer.Option(help='virtual start, RFC 3339 or "now"; default: the scenario\'s')
    ] = None,
    real_start: Annotated[
        float | None, typer.Option(help="Unix seconds at which virtual time was the start; default: now")
    ] = None,
    drain: Annotated[str, typer.Option(help="real time to wait at the end until everything is settled")] = "10s",
    loggers: Annotated[
        int | None,
        typer.Option(
            help="how many; default: the scenario's, beyond those come copies of them", min=1, max=MAX_LOGGERS
        ),
    ] = None,
    connections: Annotated[
        int,
        typer.Option(
            help="MQTT connections at most; one that several loggers share has no last will: "
            "their offline statuses are published when they leave, and nobody does it if tcm-sim is killed",
            min=1,
            max=MAX_CONNECTIONS,
        ),
    ] = CONNECTIONS,
    truth: Annotated[
        Path | None,
        typer.Option(help="folder for what really happened; a name with an ending, truth.jsonl: one file, lines only"),
    ] = None,
    json_: AsJson = False,
    protocol: Protocol = "5",
    username: Username = None,
    password_file: PasswordFile = None,
) -> None:
    """Run a scenario's loggers against a broker; exit status 1 if not all was settled in time that could be.

    Example: tcm-sim run departure --broker mqtt://127.0.0.1:1883 --for 60s
    """
    from firmware_sim import recorder
    from firmware_sim import scenario as scenarios
    from firmware_sim.clock import MAX_DURATION_S, NS_PER_S, VirtualClock, parse_duration_s, parse_time_ns
    from firmware_sim.progress import progress
    from firmware_sim.runner import Limits, Run, simulate
    from firmware_sim.scenario.model import MAX_SPEED, MIN_SPEED

    try:
        link = _broker(broker, protocol, username, password_file)
        loaded = scenarios.load(scenario)
        changes = {"seed": seed, "speed": speed}
        loaded = loaded.model_copy(update={key: value for key, value in changes.items() if value is not None})
        if not MIN_SPEED <= loaded.speed <= MAX_SPEED:
            raise ValueError(f"--speed {loaded.speed}: expected a number from {MIN_SPEED:g} to {MAX_SPEED:g}")
        given_ns = None if start is None else _option("--start", parse_time_ns, start)
        start_ns = given_ns or loaded.start_ns() or time.time_ns()
        for_s = None if for_ is None else _option("--for", parse_duration_s, for_)
        drain_s = _option("--drain", parse_duration_s, drain)
        clock = VirtualClock(start_ns, loaded.speed, time.time() if real_start is None else real_start)
        _check_span(loaded.speed, clock.real_start_s, for_s or 0.0, drain_s)
    except (ValueError, OSError) as error:
        _fail(error)
    told = _truth(truth)
    length_s = loaded.duration if for_s is None else for_s * loaded.speed
    end_ns = start_ns + round((loaded.duration or MAX_DURATION_S) * NS_PER_S) if for_s is None else None
    with told, progress(start_ns, length_s) as look:
        try:
            plans = recorder.plan(loaded, start_ns, loaded.speed, loggers, told)
        except (ValueError, OSError) as error:
            _fail(error)
        stop = _stop_on_signal()
        told.stops(stop)
        fleet = Run(plans, link, clock, told, stop, connections, look)
        summary, is_settled = simulate(fleet, clock, Limits(for_s, end_ns, drain_s))
    _print(summary, json_)
    if told.failure is not None:
        _fail(told.failure)
    if not is_settled and not stop.is_set():
        raise typer.Exit(1)


@app.command()
def replay(
    recording: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="folder with environment.csv and accel_<name>.csv.gz")
    ],
    broker: BrokerUrl,
    container: Annotated[str, typer.Option(help="container the records are sent for")],
    logger: Annotated[str, typer.Option(help="logger that sends them")],
    start: Annotated[str, typer.Option(help='when the recording began, RFC 3339 or "now"')] = "now",
    drain: Annotated[str, typer.Option(help="real time within which everything has to be settled")] = "60s",
    json_: AsJson = False,
    protocol: Protocol = "5",
    username: Username = None,
    password_file: PasswordFile = None,
) -> None:
    """Send a real recording as its logger would have; exit status 1 if not all of it was settled in time.

    Example: tcm-sim replay tests/data/recordings/ssx70065 --broker mqtt://127.0.0.1:1883 --container C-9 --logger L-9
    """
    from firmware_sim.clock import parse_duration_s, parse_time_ns
    from firmware_sim.recording import read, recording_identity
    from firmware_sim.runner import replay as send

    try:
        link = _broker(broker, protocol, username, password_file)
        start_ns = _option("--start", parse_time_ns, start)
        drain_s = _option("--drain", parse_duration_s, drain)
        pieces = read(recording)
        identity = recording_identity(pieces, recording, container, logger)
    except (ValueError, OSError) as error:
        _fail(error)
    stop = _stop_on_signal()
    summary = send(pieces, identity, link, start_ns, drain_s, stop)
    _print(summary, json_)
    if summary.acknowledged < len(pieces) and not stop.is_set():
        raise typer.Exit(1)


@app.command("list")
def list_() -> None:
    """Print the names and titles of the scenarios that come with the program."""
    from firmware_sim import scenario as scenarios

    for name in sorted(scenarios.shipped_names()):
        typer.echo(f"{name:<16} {scenarios.load(name).title}")


def main() -> None:
    """Entry point of `tcm-sim`."""
    import logging

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a run takes it: nothing to tidy up, nothing to tell

    class Stderr(logging.StreamHandler[TextIO]):
        """Writes to what sys.stderr is at the moment: a progress bar puts itself in its place."""

        def emit(self, record: logging.LogRecord) -> None:
            self.stream = sys.stderr
            super().emit(record)

    logging.basicConfig(format="tcm-sim: %(message)s", handlers=[Stderr()])
    app(prog_name="tcm-sim")


def _option(name: str, parse: Callable[[str], T], text: str) -> T:
    """Return what an option says; its name stands in the message of the ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_span(speed: float, real_start_s: float, for_s: float, drain_s: float) -> None:
    """Raise ValueError for a run that is, or already was, too long in virtual time for the simulated world."""
    from firmware_sim.clock import MAX_DURATION_S

    days = MAX_DURATION_S / 86400
    if not abs(time.time() - real_start_s) * speed <= MAX_DURATION_S:
        raise ValueError(f"--real-start {real_start_s:g}: expected Unix seconds, at most {days:.0f} virtual d from now")
    if (for_s + drain_s) * speed > MAX_DURATION_S:
        raise ValueError(f"--for, --drain: expected at most {days:.0f} virtual d in all, at {speed:g} virtual s in a s")


def _truth(path: Path | None) -> "Truth":
    """Return the truth that goes to `path`; end the program when nothing can be written there."""
    from firmware_sim.recorder.truth import Truth

    try:
        return Truth(path)
    except OSError as error:
        why = f"cannot be written ({error.strerror}), expected a folder, or a file in one that exists"
        _fail(ValueError(f"--truth {path}: {why}"))


def _broker(url: str, protocol: str, username: str | None, password_file: Path | None) -> "Broker":
    from firmware_sim.publish.broker import parse_broker

    return parse_broker(url, protocol, username, None if password_file is None else _secret(password_file))


def _secret(path: Path) -> str:
    """Return the first line of a file that no one but its owner can read; raise ValueError otherwise."""
    if path.stat().st_mode & 0o077:
        raise ValueError(f"--password-file {path}: others can read it; run: chmod 600 {path}")
    return path.read_text(encoding="utf-8").partition("\n")[0]


def _stop_on_signal() -> "threading.Event":
    """Return an event that SIGINT and SIGTERM set, so that a run ends with its summary."""
    import threading

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _fail(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(2)


def _print(summary: "Summary", as_json: bool) -> None:
    content = asdict(summary)
    line = json.dumps(content) if as_json else ", ".join(f"{name} {value}" for name, value in content.items())
    typer.echo(line)

"""`tcm-sim`: simulated loggers on a command line.

What a command needs is imported inside it, so that `--help` answers at once.
"""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from firmware_sim.publish.broker import CONNECTIONS, MAX_CONNECTIONS

if TYPE_CHECKING:
    import threading

    from firmware_sim.runner import Run, Summary

MAX_LOGGERS = 100_000  # all of them in memory; 10 000 take 0.6 GB

app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, add_completion=False, help="Simulated loggers over MQTT."
)

BrokerUrl = Annotated[str, typer.Option(help="mqtt://host:port or mqtts://host:port")]
Protocol = Annotated[str, typer.Option(help="MQTT version: 5 (falls back to 3.1.1 when that is refused) or 3.1.1")]
Username = Annotated[str | None, typer.Option(help="MQTT user name")]
PasswordFile = Annotated[Path | None, typer.Option(help="file with the password, readable by its owner only")]
CaFile = Annotated[
    Path | None,
    typer.Option(help="certificate of the broker's authority; default: that of --certificates, or this machine's"),
]
Certificates = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="as deploy/make-certificates leaves it: each logger shows its own certificate, on a connection of its own",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print the summary as JSON")]

ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="name of a shipped scenario (see tcm-sim list) or path of a TOML file")
]
Speed = Annotated[float | None, typer.Option(help="virtual seconds in a real one; default: the scenario's")]
For = Annotated[
    str | None,
    typer.Option(
        "--for",
        help='real time such as "60s"; default: the scenario\'s; the first record comes with its first full block',
    ),
]
Seed = Annotated[int | None, typer.Option(help="default: the scenario's", min=0, max=2**63 - 1)]
Start = Annotated[str | None, typer.Option(help='virtual start, RFC 3339 or "now"; default: the scenario\'s')]
RealStart = Annotated[float | None, typer.Option(help="Unix seconds at which virtual time was the start; default: now")]
Drain = Annotated[str, typer.Option(help="real time to wait at the end until everything is settled")]
Loggers = Annotated[
    int | None,
    typer.Option(help="how many; default: the scenario's, beyond those come copies of them", min=1, max=MAX_LOGGERS),
]
Connections = Annotated[
    int,
    typer.Option(
        help="MQTT connections at most; one that several loggers share has no last will: "
        "their offline statuses are published when they leave, and nobody does it if tcm-sim is killed",
        min=1,
        max=MAX_CONNECTIONS,
    ),
]
TruthPath = Annotated[
    Path | None,
    typer.Option(help="folder for what really happened; a name with an ending, truth.jsonl: one file, lines only"),
]


@app.command()
def run(
    scenario: ScenarioName,
    broker: BrokerUrl,
    speed: Speed = None,
    for_: For = None,
    seed: Seed = None,
    start: Start = None,
    real_start: RealStart = None,
    drain: Drain = "10s",
    loggers: Loggers = None,
    connections: Connections = CONNECTIONS,
    truth: TruthPath = None,
    json_: AsJson = False,
    protocol: Protocol = "5",
    username: Username = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    certificates: Certificates = None,
) -> None:
    """Run a scenario's loggers against a broker; exit status 1 if one never got in, or not all was settled in time.

    Example: tcm-sim run departure --broker mqtt://127.0.0.1:1883 --for 60s
    """
    from firmware_sim import options, recorder
    from firmware_sim.progress import progress
    from firmware_sim.runner import Run, simulate

    with _wrong_use_told():
        link = options.broker(broker, protocol, username, password_file, ca_file, certificates)
        course = options.course(scenario, speed, seed, start, real_start, for_, drain)
        told = options.truth(truth)
    clock = course.clock
    with told, progress(clock.start_ns, course.length_s) as look:
        with _wrong_use_told():
            plans = recorder.plan(course.scenario, clock.start_ns, clock.speed, loggers, told)
            stop = _stop_on_signal()
            fleet = Run(plans, link, clock, told, stop, connections, look)
        told.stops(stop)
        summary, is_settled = simulate(fleet, clock, course.limits)
    _print(summary, json_)
    if told.failure is not None:
        _fail(told.failure)
    if not stop.is_set():
        _judge(fleet, is_settled=is_settled)


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
    ca_file: CaFile = None,
    certificates: Certificates = None,
) -> None:
    """Send a real recording as its logger would have; exit status 1 if not all of it was settled in time.

    Example: tcm-sim replay tests/data/recordings/ssx70065 --broker mqtt://127.0.0.1:1883 --container C-9 --logger L-9
    """
    from firmware_sim import options
    from firmware_sim.recording import read, recording_identity
    from firmware_sim.runner import make_replay
    from firmware_sim.runner import replay as send

    with _wrong_use_told():
        link = options.broker(broker, protocol, username, password_file, ca_file, certificates)
        start_ns = options.read_start_ns(start)
        drain_s = options.read_drain_s(drain)
        pieces = read(recording)
        identity = recording_identity(pieces, recording, container, logger)
        stop = _stop_on_signal()
        device = make_replay(pieces, identity, link, start_ns, stop)
    summary = send(device, start_ns, len(pieces), drain_s)
    _print(summary, json_)
    if not stop.is_set():
        _judge(device, is_settled=summary.acknowledged == len(pieces))


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


def _stop_on_signal() -> "threading.Event":
    """Return an event that SIGINT and SIGTERM set, so that a run ends with its summary."""
    import threading

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _wrong_use_told() -> Iterator[None]:
    """End the program with one message when what is asked for cannot be."""
    try:
        yield
    except (ValueError, OSError) as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(2)


def _judge(fleet: "Run", *, is_settled: bool) -> None:
    """End the program with status 1 unless every logger came through, and so did all that it had to say."""
    unreached = fleet.unreached()
    if unreached is not None:
        typer.echo(unreached, err=True)
    if unreached is not None or not is_settled:
        raise typer.Exit(1)


def _print(summary: "Summary", as_json: bool) -> None:
    content = asdict(summary)
    line = json.dumps(content) if as_json else ", ".join(f"{name} {value}" for name, value in content.items())
    typer.echo(line)

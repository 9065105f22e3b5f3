"""`tcm shock`: what events say, out of the journal or a recording."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from monitor.cli.journal import bar
from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, access, print_json

if TYPE_CHECKING:
    from monitor.examine import Events, Examined, Wanted

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Shock events: list, report, spectrum.")
SOURCE = "A state directory, a recording (CSV file, its folder, or .IDE file); default: the configured state directory."
EVENT = (
    "container/logger/boot/seq, logger/boot/seq, or the id of its alert; in a recording the number that list shows, "
    "by default the strongest."
)
RESPONSE = (
    "Response of oscillators: absolute acceleration, or relative to the base; psd: density of the record, g2/Hz, at "
    "its own frequencies and without oscillators; vrs: Grms of oscillators from that."
)
SourceArgument = Annotated[Path | None, typer.Argument(help=SOURCE)]
EventArgument = Annotated[str | None, typer.Argument(help=EVENT)]
LimitsOption = Annotated[
    Path | None, typer.Option("--limits", help="Limits file to hold events against; default: the journal's.")
]
LevelOption = Annotated[
    str | None, typer.Option("--level", help='In a recording, how far from rest an event is: "2 g".')
]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="Draw it too: FILE.svg or FILE.png.")]
Response = Literal["acceleration", "displacement", "pseudo-velocity", "psd", "vrs"]
PlaceOption = Annotated[
    str | None, typer.Option("--place", help="Of a recording: where its sensor sat, for rules with a place.")
]


class Against(NamedTuple):
    """What events are held against: a limits file, and of a recording the level of an event and the sensor's place."""

    limits: Path | None
    level: str | None
    place: str | None


@app.callback()
def shock() -> None:
    """Shock events: what each of them says, and how far it is from the limits."""


@app.command("list")
def list_events(
    source: SourceArgument = None,
    container: Annotated[str | None, typer.Option(help="Only events of this container.")] = None,
    logger: Annotated[str | None, typer.Option(help="Only events of this logger.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only impact, rattle, vibration, free-fall, quiet or unknown.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Only events from this time on, RFC 3339.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only events before this time, RFC 3339.")] = None,
    limits: LimitsOption = None,
    level: LevelOption = None,
    place: PlaceOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List events in order of arrival, with the rules that each is beyond.

    The damage margin is that to the damage boundary of the rules, above 1 is within; - where they have none.

    Example: tcm shock list --kind impact --from 2026-11-23T06:00:00Z
    """
    from monitor.examine import Wanted

    wanted = Wanted(container, logger, _kind(kind), _time_ns("--from", from_), _time_ns("--to", to))
    with _open(source, config, Against(limits, level, place)) as events:
        (_list_json if as_json else _list_table)(events, wanted)


@app.command("show")
def show(
    event: EventArgument = None,
    source: SourceArgument = None,
    limits: LimitsOption = None,
    level: LevelOption = None,
    place: PlaceOption = None,
    plot: PlotOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """One event's report, with its margins to limits. A path alone is taken as SOURCE.

    Example: tcm shock show C-101/L-01/71/902 --plot event.svg
    """
    from monitor.cli.shock_report import report_lines
    from monitor.examine.document import report

    _require_plot(plot)
    with _open_event(event, source, config, Against(limits, level, place)) as found:
        if plot is not None:
            from monitor.cli.shock_plot import plot_event

            plot_event(plot, found)
        if as_json:
            print_json(report(found))
        else:
            print("\n".join(report_lines(found)))


@app.command("srs")
def srs(
    event: EventArgument = None,
    source: SourceArgument = None,
    q: Annotated[float, typer.Option("--q", help="Quality factor of the oscillators, above 0.5.")] = 10.0,
    per_octave: Annotated[int, typer.Option("--per-octave", min=1, max=96, help="Frequencies an octave.")] = 12,
    from_hz: Annotated[float, typer.Option("--from-hz", help="The first frequency.")] = 5.0,
    to_hz: Annotated[
        float | None, typer.Option("--to-hz", help="The last; default: 2 kHz, or half the sampling rate.")
    ] = None,
    response: Annotated[Response, typer.Option(help=RESPONSE)] = "acceleration",
    limits: LimitsOption = None,
    level: LevelOption = None,
    place: PlaceOption = None,
    plot: PlotOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """One event's shock response spectrum, or that of vibration. A path alone is taken as SOURCE.

    Example: tcm shock srs 1 drop.csv.gz --q 25 --to-hz 1000 --plot srs.png
    """
    from monitor.cli.shock_text import spectrum_lines
    from monitor.examine.spectrum import Asked, spectrum_of

    asked = Asked(q, per_octave, from_hz, to_hz, response)
    _require_plot(plot)
    with _open_event(event, source, config, Against(limits, level, place)) as found:
        spectrum = spectrum_of(found, asked)
        if plot is not None:
            from monitor.cli.shock_plot import plot_spectrum

            plot_spectrum(plot, spectrum)
        if as_json:
            print_json(spectrum.document())
        else:
            print("\n".join(spectrum_lines(spectrum)))


def _list_table(events: Events, wanted: Wanted) -> None:
    """A line as soon as an event is looked at, so that a long journal needs no more memory than a short one."""
    from monitor.cli.shock_text import LIST_HEADER, row_lines
    from monitor.examine.document import row

    number = 0
    with bar("events") as progress:
        for number, event in enumerate(events.events(wanted, progress), start=1):
            print("\n".join((*(LIST_HEADER if number == 1 else ()), *row_lines(row(event)))))
    passed_over = {"dropped by retention": events.dropped, "unreadable": events.unreadable}
    said = "".join(f", {count} passed over: {why}" for why, count in passed_over.items() if count)
    print(f"{number or 'no'} event{'' if number == 1 else 's'}{said}")


def _list_json(events: Events, wanted: Wanted) -> None:
    """One document, an event a line."""
    from monitor.examine.document import row

    before = '{"events": ['
    with bar("events") as progress:
        for event in events.events(wanted, progress):
            print(before, json.dumps(row(event), ensure_ascii=False), sep="\n", end="")
            before = ","
    print("" if before == "," else before)
    print(f'], "dropped": {events.dropped}, "unreadable": {events.unreadable}}}')


@contextmanager
def _open(source: Path | None, config: Path, against: Against) -> Iterator[Events]:
    import numpy as np

    from monitor.examine import open_events
    from monitor.model.errors import TcmError

    if source is None:
        source = access(config).state_dir
        if not (source / "journal.db").exists():
            raise TcmError("read state", str(source), "there is no journal yet", "start the daemon with: tcm run")
    opened = open_events(source, against.limits, _level_g(against.level), against.place)
    with closing(opened) as events, np.errstate(all="ignore"):  # absurd samples are shown for what they say
        yield events


@contextmanager
def _open_event(event: str | None, source: Path | None, config: Path, against: Against) -> Iterator[Examined]:
    path = None if event is None or source is not None else Path(event)
    if path is not None and path.exists():
        event, source = None, path
    with _open(source, config, against) as events:
        yield events.event(event)


def _require_plot(plot: Path | None) -> None:
    """What a picture needs is there, before anything is worked out."""
    if plot is not None:
        from monitor.cli.shock_plot import require_plot

        require_plot(plot)


def _kind(kind: str | None) -> str | None:
    from typing import get_args

    from monitor.shock.character import Kind

    if kind is not None and kind not in get_args(Kind):
        raise typer.BadParameter(f"expected one of {', '.join(get_args(Kind))}, got {kind!r}", param_hint="--kind")
    return kind


def _time_ns(option: str, text: str | None) -> int | None:
    from monitor.model.clock import parse_rfc3339

    try:
        return None if text is None else parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"expected a time such as 2026-11-23T06:00:00Z: {error}", param_hint=option) from None


def _level_g(text: str | None) -> float | None:
    from monitor.model.quantity import parse_quantity

    if text is None:
        return None
    try:
        level_g = parse_quantity(text, "acceleration")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--level") from None
    if not level_g > 0:
        raise typer.BadParameter(f"expected a level above 0, got {text!r}", param_hint="--level")
    return level_g

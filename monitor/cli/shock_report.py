"""The report of one shock event, as an engineer reads it: what was it, is it sure, how far is it from the limits."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from monitor.cli.shock_text import INDENT, WIDTH, at_least, at_most, level_at, short, unplaced_line, when, why_unsure
from monitor.examine.document import report
from monitor.examine.event import Examined
from monitor.model.rules import ShockRule
from monitor.model.rules.shock import FIELDS
from monitor.shock.waveform import AXES

NAME_WIDTH = 22  # of a rule's id; a longer one has a line of its own


def report_lines(event: Examined) -> Iterator[str]:
    """The lines of the report, none longer than WIDTH."""
    said = report(event)
    of = said["analysis"]
    parts = (_title(said, of), _axes(of), _pulse(of), _drop(of["drop"]), _spectrum(event, said), _limits(event, said))
    for part in parts:
        for line in part:
            yield from textwrap.wrap(line, WIDTH, subsequent_indent=INDENT) or [""]


def _title(said: dict[str, Any], of: dict[str, Any]) -> Iterator[str]:
    record = of["record"]
    yield f"event      {said['event']}"
    yield f"trigger    {when(said)}" + (f", phase {said['phase']}" if said["phase"] else "")
    where = f"{said['container']}, logger {said['logger']}, sensor {said['sensor']}"
    yield f"where      {where}" + (f", at {said['place']}" if said["place"] else "")
    span = f"{short(record['from_ms'])} to {short(record['to_ms'])} ms around the trigger"
    yield f"record     {record['samples']} samples at {short(record['fs_hz'])} Hz: {span}"
    known = {"level_g": "trigger level {} g", "rail_g": "full scale {} g", "lowpass_hz": "own low-pass {} Hz"}
    sensor = [text.format(short(record[key])) for key, text in known.items() if record[key] is not None]
    if sensor:
        yield f"sensor     {', '.join(sensor)}"
    yield f"validity   {_validity(said)}"
    yield f"kind       {said['kind']}, most energy at {short(of['dominant_hz'])} Hz"


def _validity(said: dict[str, Any]) -> str:
    if said["valid"]:
        return "valid"
    bound = "; peak and velocity change are at least what they read" if said["lower_bound"] else ""
    return f"NOT VALID: {said['faults']}{bound}"


def _axes(of: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield "axis         peak g as measured g     rest g      Grms   largest SRS g at Hz"
    for axis, rest_g in zip(AXES, of["static"]["vector_g"], strict=True):
        row = of["axes"][axis]
        strongest = level_at(row["srs_peak_g"], row["srs_peak_hz"], of["reliable_hz"])
        yield (
            f"{axis:<9}{short(row['peak_g'], '+'):>10}{short(row['peak_raw_g'], '+'):>14}{short(rest_g, '+'):>11}"
            f"{short(row['grms_g']):>10}{strongest:>22}"
        )
    is_estimated = of["static"]["is_estimated"]
    yield f"resultant{short(of['resultant_g']):>10}" + (" (rest is but estimated)" if is_estimated else "")


def _pulse(of: dict[str, Any]) -> Iterator[str]:
    pulse = of["pulse"]
    lasts = f"{short(pulse['duration_ms'])} ms at 10 % of that, rises in {short(pulse['rise_ms'])} ms"
    yield ""
    bound = ">= " if of["validity"]["is_lower_bound"] else ""
    yield f"main pulse {bound}{pulse['axis']} {short(pulse['peak_g'], '+')} g, {lasts}"
    yield f"direction  {_vector(pulse['direction'])}"
    change = at_least(pulse["delta_v_m_s"], of["validity"]["is_lower_bound"])
    yield f"velocity   change {change} m/s: {_vector(pulse['velocity_change_m_s'])}"
    cut = ", where the record cuts it" if pulse["is_cut"] else ""
    yield f"{INDENT}integrated from {short(pulse['from_ms'])} to {short(pulse['to_ms'])} ms{cut}"


def _drop(drop: dict[str, Any]) -> Iterator[str]:
    if drop["height_m"] is None:
        yield "drop       none seen"
        return
    heading = "drop       "
    if drop["by_fall_m"] is not None:
        low_m, high_m = drop["by_fall_m"]
        at_most = "" if high_m is None else f" and at most {short(high_m)} m"
        cut = f"at least {short(low_m)} m{at_most}: the record does not hold the whole fall"
        seen = f"{short(low_m)} to {short(high_m)} m" if drop["is_whole"] else cut
        yield f"{heading}free fall of {short(drop['fall_ms'])} ms: {seen}"
        heading = INDENT
    if drop["by_impact_m"] is not None:
        low_m, high_m = drop["by_impact_m"]
        dead, lively = drop["restitutions"]
        span = f"at least {short(low_m)} m" if high_m is None else f"{short(low_m)} to {short(high_m)} m"
        yield f"{heading}by the impact {span}, for restitutions of {lively:g} to {dead:g}"
    if drop["is_contradictory"]:
        yield f"{INDENT}the impact was harder than this fall explains"


def _spectrum(event: Examined, said: dict[str, Any]) -> Iterator[str]:
    if said["srs_peak_g"] is None:
        yield "spectrum   none"
        return
    mark = "*" if said["srs_peak_hz"] > event.analysis.reliable_hz else ""
    yield f"spectrum   largest {short(said['srs_peak_g'])} g at {short(said['srs_peak_hz'])}{mark} Hz (Q 10, all axes)"
    yield f"{INDENT}* above {short(event.analysis.reliable_hz)} Hz: {why_unsure(event)}"


def _limits(event: Examined, said: dict[str, Any]) -> Iterator[str]:
    yield ""
    if event.margins:
        yield f"{'rule':<{NAME_WIDTH}} severity event            limit       margin"
    else:
        yield "limits     no rule on single shocks applies"
    for row, margin in zip(said["margins"], event.margins, strict=True):
        yield from _margin(row, margin.rule, event.analysis.reliable_hz)
    if event.unplaced:
        yield unplaced_line(len(event.unplaced), is_recording=event.offset_s is not None)


def _margin(said: dict[str, Any], rule: ShockRule, reliable_hz: float) -> Iterator[str]:
    unit, is_bound = FIELDS[rule.quantity][1], said["at_most"]
    if len(said["rule"]) > NAME_WIDTH:
        yield said["rule"]
    name = "" if len(said["rule"]) > NAME_WIDTH else said["rule"]
    text = (at_most if rule.damage_boundary else at_least)(said["value"], is_bound)
    star = "*" if (said["at_hz"] or 0.0) > reliable_hz else ""
    value = text if said["value"] is None else f"{text} {unit}{star}"
    limit = f"{short(said['limit'])} {unit}"
    is_told = said["margin_db"] is not None and (said["verdict"] == "beyond" or not is_bound)
    db = f" ({said['margin_db']:+.1f} dB)" if is_told else ""
    ratio = "" if said["reason"] else f"{at_most(said['margin'], is_bound)}{db}"
    yield f"{name:<{NAME_WIDTH}} {said['severity']:<8} {value:<16} {limit:<11} {ratio}".rstrip()
    yield f"  {', '.join(_details(said, rule, star))}"


def _verdict(said: dict[str, Any]) -> Iterator[str]:
    if said["verdict"] == "beyond":
        yield "BEYOND, but not to be relied upon" if said["doubtful"] else "BEYOND"
    elif said["verdict"] == "not known" and not said["reason"]:
        yield "not known to be within"
    if said["reason"]:
        yield said["reason"]


def _details(said: dict[str, Any], rule: ShockRule, star: str) -> Iterator[str]:
    yield from _verdict(said)
    yield said["quantity"].replace("_", " ") + (f" on {said['axis']}" if said["quantity"] != "drop_height" else "")
    if rule.lowpass_hz is not None:
        yield f"low-pass {rule.lowpass_hz:g} Hz"
    if said["at_hz"] is not None:
        yield f"closest at {short(said['at_hz'])}{star} Hz, Q {rule.q_factor:g}"
    if said["unjudged_hz"] is not None:
        first_hz, last_hz = said["unjudged_hz"]
        yield f"nothing known from {first_hz:g} to {last_hz:g} Hz, above half the sampling rate"
    if rule.damage_boundary is not None and said["value"] is not None:
        boundary = rule.damage_boundary
        yield f"{at_least(said['peak_g'], said['at_most'])} of {boundary.acceleration_g:g} g"
        yield f"{at_least(said['delta_v_m_s'], said['at_most'])} of {boundary.velocity_change_m_s:g} m/s"
    if rule.min_duration_s > 0 and said["above_s"] is not None:
        yield f"above it for {said['above_s'] * 1e3:.3g} ms ({rule.min_duration_s * 1e3:g} ms needed)"
    if rule.count is not None:
        yield f"counts towards {rule.count}"
    if not said["in_phase"]:
        yield f"only in phase {' or '.join(rule.phases or ())}"


def _vector(values: Sequence[float | None]) -> str:
    return ", ".join(f"{axis} {short(value, '+')}" for axis, value in zip(AXES, values, strict=True))

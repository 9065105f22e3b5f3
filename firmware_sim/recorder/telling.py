"""What the truth tells of a scenario, its loggers, shocks and faults, as plain content for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from firmware_sim.clock import NS_PER_S, rfc3339
from firmware_sim.device import Identity
from firmware_sim.device.accelerometer import Capture
from firmware_sim.physics.impact import Impact
from firmware_sim.physics.sensor import ACCURACY
from firmware_sim.recorder.journey import vibrations
from firmware_sim.recorder.sampling import Post, grid_columns
from firmware_sim.recorder.truth import GRID_PARTS, who
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.faults import Fault


def scenario(content: Scenario, start_ns: int, speed: float, loggers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what scenario.json holds."""
    return {
        "title": content.title,
        "seed": content.seed,
        "start": rfc3339(start_ns),
        "start_ns": start_ns,
        "duration_s": content.duration,
        "speed": speed,
        "legs": _legs(content, start_ns),
        "vibration": _vibration(content, start_ns),
        "loggers": list(loggers),
    }


def _legs(content: Scenario, start_ns: int) -> list[dict[str, Any]]:
    """Return each container's legs with their times."""
    told = []
    for container in content.container:
        at_ns = start_ns
        for leg in content.legs_of(container):
            end_ns = at_ns + round(leg.length * NS_PER_S)
            span = {"begin": rfc3339(at_ns), "end": rfc3339(end_ns)}
            told.append({"container": container.id, "leg": leg.id, "phase": leg.phase} | span)
            at_ns = end_ns
    return told


def _vibration(content: Scenario, start_ns: int) -> list[dict[str, Any]]:
    """Return the spans in which each container's floor vibrates: Grms of each axis, in front of any isolation."""
    return [
        {
            "container": container.id,
            "begin": rfc3339(start_ns + round(span.begin_s * NS_PER_S)),
            "end": rfc3339(start_ns + round(span.end_s * NS_PER_S)),
            "grms": span.grms,
            "psd": span.psd,
        }
        for container in content.container
        for span in vibrations(content, container)
    ]


def logger(post: Post, identity: Identity, drift_ppm: float) -> dict[str, Any]:
    """Return who a logger is, how far its sensors and its clock err, and where its quantities stand, None: nowhere."""
    device = post.device
    sensors = {
        channel: asdict(sensor) | {"accuracy": ACCURACY[channel.partition(".")[0]]}
        for channel, sensor in post.sensors.items()
    }
    columns = grid_columns(device)
    grid = {"file": f"quantities/{identity.logger}.npy", "columns": columns, "step_s": device.interval / GRID_PARTS}
    return who(identity) | {
        "serial": identity.serial,
        "interval_s": device.interval,
        "block": device.block,
        "isolation": device.isolation,
        "drift_ppm": round(drift_ppm, 4),
        "flash_bytes": device.flash_bytes,
        "accelerometers": {name: part.model_dump() for name, part in device.accelerometer.items()},
        "sensors": sensors,
        "grid": None if post.grid is None else grid,
    }


def fault(start_ns: int, identity: Identity, content: Fault) -> dict[str, Any]:
    """Return an injected fault at one logger, with its times."""
    told = who(identity)
    told |= content.model_dump(exclude={"at", "length", "containers", "loggers"})
    told["at"] = rfc3339(start_ns + round(content.at * NS_PER_S))
    length_s = getattr(content, "length", None)
    if length_s is not None:
        told["until"] = rfc3339(start_ns + round((content.at + length_s) * NS_PER_S))
    return told


def shock(post: Post, identity: Identity, acc: str, impact: Impact) -> dict[str, Any]:
    """Return the truth of a shock at a logger's place: free of noise, behind its isolation, in container axes."""
    share = post.device.isolation
    return _where(post, identity, acc, impact.at_s) | {
        "cause": impact.cause,
        "shape": impact.shape,
        "axis": list(impact.axis_unit),
        "peak_g": round(impact.peak_g * share, 4),
        "duration_ms": round(impact.duration_ms, 4),
        "delta_v_m_s": round(impact.delta_v_m_s * share, 5),
        "drop_height_m": impact.drop_height_m,
    }


def caught(post: Post, identity: Identity, acc: str, found: Capture) -> list[tuple[float, dict[str, Any]]]:
    """Return the shocks that a record shows, each with its time in s since the start.

    One that vibration alone triggered has no impact behind it.
    """
    if found.impacts:
        impacts = [post.impacts[index] for index in found.impacts]
        return [(impact.at_s, shock(post, identity, acc, impact)) for impact in impacts]
    told = _where(post, identity, acc, found.t0_s) | {"cause": "vibration", "peak_g": round(found.peak_true_g, 4)}
    return [(found.t0_s, told)]


def _where(post: Post, identity: Identity, acc: str, at_s: float) -> dict[str, Any]:
    at = rfc3339(post.start_ns + round(at_s * NS_PER_S))
    return who(identity) | {"acc": acc, "at": at}

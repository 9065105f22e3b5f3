"""Reading a scenario: every error of the file at once, each with file, key and what was expected."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from firmware_sim.scenario.contradictions import contradictions, names_used_twice
from firmware_sim.scenario.model import Scenario
from firmware_sim.scenario.words import explain

MAX_FILE_BYTES = 1 << 20
MAX_ERRORS = 100


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message has one line for each thing wrong: file, key, what was expected."""


def load(name: str) -> Scenario:
    """Return a scenario by the name of a shipped one or by path. Raise ScenarioError with everything that is wrong."""
    shipped = files("firmware_sim") / "scenarios" / f"{name}.toml"
    path = Path(str(shipped)) if "/" not in name and shipped.is_file() else Path(name)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1).decode("utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with a zero byte
        known = ", ".join(sorted(shipped_names()))
        raise ScenarioError(f"{path}: cannot be read ({error}); expected a file or one of: {known}") from error
    if len(text) > MAX_FILE_BYTES:
        raise ScenarioError(f"{path}: expected a file of at most {MAX_FILE_BYTES} bytes")
    return parse(text, str(path))


def shipped_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    folder = files("firmware_sim") / "scenarios"
    return [entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")]


def parse(text: str, file: str) -> Scenario:
    """Return the scenario in `text`; `file` stands in the messages of ScenarioError."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"{file}: not TOML: {error}") from error
    twice = list(names_used_twice(content))
    own = _give_devices(content)
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        lines = dict.fromkeys(line for detail in error.errors() if (line := _describe(detail, own)))
        raise ScenarioError("\n".join(f"{file}: {line}" for line in [*lines, *twice][:MAX_ERRORS])) from error
    wrong = [*twice, *contradictions(scenario)]
    if wrong:
        raise ScenarioError("\n".join(f"{file}: {line}" for line in wrong[:MAX_ERRORS]))
    return scenario


def _give_devices(content: dict[str, Any]) -> dict[tuple[int, int], set[str]]:
    """Complete each logger's own keys by the scenario's [device]; return the own keys by place in the file."""
    own: dict[tuple[int, int], set[str]] = {}
    common = content.get("device", {})
    common = common if isinstance(common, dict) else {}  # the error is told of [device] alone
    containers = content.get("container")
    for i, container in enumerate(containers if isinstance(containers, list) else ()):
        loggers = container.get("logger") if isinstance(container, dict) else None
        for j, logger in enumerate(loggers if isinstance(loggers, list) else ()):
            if isinstance(logger, dict):
                keys = {key: logger.pop(key) for key in list(logger) if key not in ("id", "serial")}
                logger["device"] = common | keys
                own[i, j] = set(keys)
    return own


def _describe(detail: ErrorDetails, own: dict[tuple[int, int], set[str]]) -> str:
    """Return the error as key and expectation; "" for one of [device] that a logger only inherits, or an echo."""
    place = list(detail["loc"])
    if len(place) > 5 and place[0] == "container" and place[4] == "device":
        if str(place[5]) not in own.get((int(place[1]), int(place[3])), ()):
            return ""
        del place[4]
    if place[:1] == ["fault"] and len(place) > 2:
        del place[2]  # the kind, by which the table was chosen
    elif detail["type"].startswith("union_tag"):
        place.append("kind")
    key = ".".join(str(part) for part in place)
    message = explain(detail)
    return f"{key}: {message}" if message else ""

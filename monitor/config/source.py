"""Source files: TOML to a document and, when it is right, to a model; what is wrong goes to a list."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from monitor.config.problems import Problem, problems_of, shown
from monitor.model.limit import Strict
from monitor.model.regular_file import open_regular

M = TypeVar("M", bound=Strict)
_LINE = re.compile(r"(.*) \(at (.*)\)")


@dataclass(frozen=True, slots=True)
class Source(Generic[M]):
    """One file: its document (None: no TOML) and its model (None: something in it is wrong).

    The checks between files read the document, so that a mistake in one key does not hide those in others.
    """

    path: Path
    document: dict[str, Any] | None
    model: M | None

    @property
    def file(self) -> str:
        """The path as people read it."""
        return shown(self.path)

    def text(self, key: str) -> str | None:
        """The text that stands under `key`, None for anything else."""
        value = (self.document or {}).get(key)
        return value if isinstance(value, str) else None

    def name(self, key: str) -> str:
        """What the file calls itself under `key`; of a file without it the stem is the likely intention."""
        return self.text(key) or self.path.stem


def read_source(path: Path, model: type[M], problems: list[Problem]) -> Source[M]:
    """Read one file and add everything that is wrong with it to `problems`."""
    try:
        return _read(path, model, problems)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists hundreds deep
        problems.append(Problem(shown(path), "", f"expected TOML that can be taken in: {error}"))
        return Source(path, None, None)


def _read(path: Path, model: type[M], problems: list[Problem]) -> Source[M]:
    document = _read_toml(path, problems)
    if document is None:
        return Source(path, None, None)
    try:
        return Source(path, document, model.model_validate(document, context={"folder": path.parent}))
    except ValidationError as error:
        problems += problems_of(error, model, document, shown(path))
        return Source(path, document, None)


def read_folder(folder: Path, model: type[M], problems: list[Problem], instead: Mapping[Path, Path]) -> list[Source[M]]:
    """Read the folder's TOML files in order of their names; OSError when there is no such folder.

    `instead` says which other file is read in the place of one that is or would be there.
    """
    paths = sorted(path for path in {*folder.iterdir(), *instead} if is_of(path, folder))
    return [read_source(instead.get(path, path), model, problems) for path in paths]


def is_of(path: Path, folder: Path) -> bool:
    """Whether a file of this path is read with the folder's."""
    return path.parent == folder and path.suffix == ".toml" and not path.name.startswith(".")


def _read_toml(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    try:
        with open_regular(path) as file:
            return tomllib.loads(file.read().decode())
    except OSError as error:
        problems.append(Problem(shown(path), "", f"expected a readable file, got: {error.strerror}"))
    except UnicodeDecodeError as error:
        problems.append(Problem(shown(path), "", f"expected UTF-8 text, got byte {error.object[error.start]:#04x}"))
    except tomllib.TOMLDecodeError as error:
        match = _LINE.fullmatch(str(error))
        cause, place = (match[1], match[2]) if match else (str(error), "")
        problems.append(Problem(shown(path), place, f"expected TOML: {cause}"))
    return None

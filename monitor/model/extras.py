"""What a plain installation leaves out, and how it is added."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """What to do where a package of an extra of pyproject.toml is missing; the program is in no package registry."""
    pinned = "demo" if extra == "demo" else "full"
    return f"in the source folder: pip install '.[{extra}]', or -r requirements/{pinned}.txt"

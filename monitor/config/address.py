"""What several tables of monitor.toml have: text, paths and addresses."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

HTTP = ("http", "https")
Text = Annotated[str, Field(min_length=1)]


def _resolve(path: Path, info: ValidationInfo) -> Path:
    """Make a path absolute from the folder of the file it stands in, which the loader hands over as context."""
    return (info.context["folder"] / path).resolve() if info.context else path


LocalPath = Annotated[Path, AfterValidator(_resolve)]


def split_address(url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Take an address apart; ValueError says what was expected."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0  # a wrong port raises
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"expected an address such as {example}, got {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"expected an address such as {example}; name and password have keys of their own")
    return parts


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine, so that nothing sent there can be read on the way."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""How far a part is, by which it is told whether it is stuck."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """`position` grows with the work that is done, `target` is where it would be without any that waits."""

    position: int
    target: int

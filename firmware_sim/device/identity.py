"""Who a logger is and how it is built, and the messages it sends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CAPACITY_BYTES = 8 * 2**20  # the flash of a logger; 25 000 blocks of five readings, which is 87 days
WINDOW_RECORDS = 256  # in flight; an acknowledgement a second then lets through 256 records a second
RESEND_S = 60.0
BATTERY_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a logger is and what it declares at birth.

    accs: for each accelerometer fs (Hz), range_g, level_g and what else the birth says of it. seed: of boot numbers.
    instance: tells a logger from another one with the same names (a clone has 1). capacity_bytes: of the flash.
    window_records: at most so many are sent and not settled. resend_s: virtual seconds without settlement before a
    record is sent again. sync: what sets the clock: the network's time, `now` of acknowledgements, or nothing.
    battery_s: how long a full battery lasts; battery_pct: how full it is at the first power-up.
    """

    container: str
    logger: str
    serial: str
    model: str
    interval_us: int
    accs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fw: str = "sim-1"
    seed: int = 0
    instance: int = 0
    capacity_bytes: int = CAPACITY_BYTES
    window_records: int = WINDOW_RECORDS
    resend_s: float = RESEND_S
    sync: Literal["network", "ack", "never"] = "network"
    battery_s: float = BATTERY_S
    battery_pct: float = 100.0

    @property
    def topic(self) -> str:
        """Return the prefix of the logger's topics."""
        return f"tcm/v1/{self.container}/{self.logger}"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


def resend_time_s(speed: float) -> float:
    """Return the virtual seconds after which an unsettled record is sent again.

    60 s, but never less than 2 real seconds: under an accelerated clock the link and the monitor stay as fast as
    they are, and an acknowledgement comes at most once a real second.
    """
    return max(RESEND_S, 2.0 * speed)

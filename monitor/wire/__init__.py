"""Bytes to records: topics, CBOR messages of version 1, acknowledgements, and other formats that become the same."""

from monitor.wire.cbor import decode, decode_once, encode_ack
from monitor.wire.derived import owner_of
from monitor.wire.sources import Source, Sources
from monitor.wire.topic import (
    FILL_FILTER,
    FILL_PROBE,
    LIVE_FILTER,
    LIVE_PROBE,
    Topic,
    ack_topic,
    alert_topic,
    parse_topic,
)

__all__ = [
    "FILL_FILTER",
    "FILL_PROBE",
    "LIVE_FILTER",
    "LIVE_PROBE",
    "Source",
    "Sources",
    "Topic",
    "ack_topic",
    "alert_topic",
    "decode",
    "decode_once",
    "encode_ack",
    "owner_of",
    "parse_topic",
]

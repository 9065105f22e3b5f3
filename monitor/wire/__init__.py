"""Bytes to records: topics, CBOR messages of version 1, acknowledgements."""

from monitor.wire.cbor import decode, encode_ack
from monitor.wire.topic import FILL_FILTER, LIVE_FILTER, Topic, ack_topic, alert_topic, parse_topic

__all__ = [
    "FILL_FILTER",
    "LIVE_FILTER",
    "Topic",
    "ack_topic",
    "alert_topic",
    "decode",
    "encode_ack",
    "parse_topic",
]

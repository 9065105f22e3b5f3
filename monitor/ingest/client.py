"""paho's client with fewer system calls: read many packets at once, acknowledge many messages at once.

As it comes paho asks the kernel four times for each packet (whether there is one, its kind, its length, its rest) and
once more for each acknowledgement, which is half of what a message costs. This file alone knows paho's inside.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.matcher import MQTTMatcher

READ_BYTES = 64 << 10  # of one call: 60 blocks of 60 readings
MAX_PACKETS = 200  # handled before paho looks at its timers and at what is to be sent
PUBACK = 0x40
_PUBACK_PACKET = struct.Struct("!BBH")  # kind, length of the rest, packet id; no reason means success


class BufferedSocket:
    """A socket that reads ahead; everything else is the socket's own."""

    def __init__(self, raw: Any) -> None:
        self._raw, self._buffer, self._at = raw, b"", 0
        self.fileno, self.close, self.send, self.setblocking = raw.fileno, raw.close, raw.send, raw.setblocking
        self.setsockopt = raw.setsockopt

    def recv(self, size_bytes: int) -> bytes:
        """At most `size_bytes`; b"" at the end of the connection, BlockingIOError while nothing has come."""
        if self._at == len(self._buffer):
            if size_bytes >= READ_BYTES:
                return self._raw.recv(size_bytes)  # type: ignore[no-any-return]  # bytes, as of any socket
            self._buffer, self._at = self._raw.recv(READ_BYTES), 0
        taken = self._buffer[self._at : self._at + size_bytes]
        self._at += len(taken)
        return taken

    def pending(self) -> int:
        """Bytes that are read but not taken, and those that TLS holds: paho does not wait while there are any."""
        held = self._raw.pending() if hasattr(self._raw, "pending") else 0
        return len(self._buffer) - self._at + int(held)


def _send_at_once(_client: paho.Client, _data: Any, raw: Any) -> None:
    """Without this an alert or an acknowledgement waits up to 40 ms for the answer to the packet before it (Nagle)."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _NoFilters(MQTTMatcher):
    """No topic has a callback of its own; paho's look for one leaves six objects that refer to each other."""

    def iter_match(self, _topic: str) -> Iterable[Any]:
        """None."""
        return ()


class Client(paho.Client):
    """What a session uses in place of paho's own client.

    `on_look` is called while connected, at least once in each round of the network thread: every second.
    """

    on_look: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._on_message_filtered = _NoFilters()  # type: ignore[no-untyped-call]  # as paho's matcher
        self.on_socket_open = _send_at_once
        # With a write callback paho leaves all sending to the network thread: two threads that write could interleave.
        self.on_socket_register_write = lambda *_: None
        # That thread has to be woken for it, else a message waits until `loop_forever` looks again, up to a second;
        # only `loop_start` makes the pair of sockets for it.
        self._sockpairR, self._sockpairW = socket.socketpair()
        self._sockpairR.setblocking(False)
        self._sockpairW.setblocking(False)

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACK for messages of QoS 1 in this order."""
        packets = b"".join(_PUBACK_PACKET.pack(PUBACK, 2, mid) for mid in mids)
        self._packet_queue(PUBACK, packets, mids[-1], 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle the packets that one read brought."""
        for _ in range(MAX_PACKETS):
            result = super().loop_read(max_packets)
            sock: Any = self._sock
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS or sock is None or not sock.pending():
                break
        return result

    def cut(self) -> None:
        """End the connection, inside a callback; the loop connects anew."""
        self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)

    def loop_misc(self) -> MQTTErrorCode:
        """Look at what time makes due."""
        self.on_look()
        return super().loop_misc()

    def _create_socket(self) -> Any:
        return BufferedSocket(super()._create_socket())

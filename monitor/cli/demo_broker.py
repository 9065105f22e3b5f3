"""The demo's broker: mosquitto when it is on PATH, else amqtt in a child process."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from monitor.model.errors import TcmError
from monitor.model.extras import how_to_install

HOST = "127.0.0.1"
START_S = 15.0
END_S = 5.0
_AMQTT = """\
listeners: {{default: {{type: tcp, bind: "{host}:{port}"}}}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker in a child process; `protocol` is the newest MQTT that it speaks."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    protocol: str

    def stop(self) -> None:
        """End the child."""
        end(self.process)


def start_broker(folder: Path, is_cancelled: Callable[[], bool]) -> Broker:
    """Start a broker on a free port of loopback, its files in `folder`; returns once it takes connections."""
    port = _free_port()
    mosquitto = shutil.which("mosquitto")
    if mosquitto is None and importlib.util.find_spec("amqtt") is None:
        mosquitto = shutil.which("mosquitto", path="/usr/sbin")  # where Debian keeps it, off an ordinary user's PATH
    config = folder / "broker.conf"
    if mosquitto:
        name, protocol = "mosquitto", "5"
        config.write_text(f"listener {port} {HOST}\nallow_anonymous true\nmax_queued_messages 0\n")
        command = [mosquitto, "-c", str(config)]
    elif importlib.util.find_spec("amqtt"):
        name, protocol = "amqtt", "3.1.1"
        config.write_text(_AMQTT.format(host=HOST, port=port))
        command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)]
    else:
        hint = f"install mosquitto (Debian: apt-get install mosquitto), or {how_to_install('demo')}"
        raise TcmError("start broker", "", "neither mosquitto nor the Python package amqtt is there", hint)
    process = spawn(command, folder / "broker.log")
    end_s = time.monotonic() + START_S
    while not _answers(port) and not is_cancelled():
        if process.poll() is not None or time.monotonic() > end_s:
            end(process)
            raise TcmError("start broker", name, (folder / "broker.log").read_text(errors="replace")[-500:])
        time.sleep(0.05)
    return Broker(name, process, f"mqtt://{HOST}:{port}", protocol)


def spawn(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches only the parent, which ends it in order."""
    with output.open("wb") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to end, and make it when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False

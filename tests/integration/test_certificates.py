"""What `tcm check --connect` and a running daemon say of certificates: which of them, and what to do."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.cli.try_tls import Finding, speaks_tls, tls_fault
from monitor.config.certificates import read_certificate
from tests.authority import EXPIRED, NOT_YET, Authority, ending_in
from tests.checked import check
from tests.daemon import DaemonProcess
from tests.deployed import run, unprivileged
from tests.processes import HOST, free_port
from tests.servers import Mosquitto, influxd, mosquitto

CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
ENDS = "monitor.certificate-ends"
Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def brokers_files(authority: Authority) -> Files:
    return authority.issue("broker", ending_in(30))


@pytest.fixture(scope="module")
def broker(authority: Authority, brokers_files: Files) -> Iterator[Mosquitto]:
    """It wants certificates, keeps no list of revoked ones, and has one that is about to end."""
    with mosquitto(*tls_lines(authority, brokers_files)) as server:
        yield server


def tls_lines(authority: Authority, files: Files) -> tuple[str, ...]:
    """Of the broker's configuration."""
    certificate, key = files
    return f"certfile {certificate}", f"keyfile {key}", f"cafile {authority.ca_file}", "require_certificate true"


def fault_of(broker: Mosquitto, authority: Authority, files: Files) -> Finding | None:
    return tls_fault(HOST, broker.port, authority.ca_file, *files)


def end_of(files: Files) -> str:
    return f"{read_certificate(files[0]).ends:%Y-%m-%d}"


def login(authority: Authority, files: Files) -> str:
    """Lines of [mqtt]."""
    return f'ca_file = "{authority.ca_file}"\ncert_file = "{files[0]}"\nkey_file = "{files[1]}"\n'


def test_both_are_about_to_end(tmp_path: Path, authority: Authority, broker: Mosquitto, brokers_files: Files) -> None:
    """Warnings with the day, ours and the broker's; everything works meanwhile."""
    files = authority.issue("gateway", ending_in(40))
    answer = check(tmp_path, f"mqtts://{HOST}:{broker.port}", mqtt=login(authority, files))
    assert answer.errors == {}
    assert f"ends on {end_of(files)}" in answer.warnings["mqtt.cert_file"]
    assert f"its certificate ends on {end_of(brokers_files)}" in answer.warnings["mqtt.url"]


def test_the_stores_is_about_to_end(tmp_path: Path, authority: Authority, mosquitto_server: Mosquitto) -> None:
    files = authority.issue("store", ending_in(20))
    with influxd(tls=files) as server:
        store = f'kind = "influxdb"\nurl = "https://{HOST}:{server.port}"\ndialect = "v1"\ndatabase = "tcm"\n'
        answer = check(tmp_path, mosquitto_server.url, f'{store}ca_file = "{authority.ca_file}"')
    assert answer.errors == {}
    assert f"its certificate ends on {end_of(files)}" in answer.warnings["store.url"]


def test_ours_counts_at_another_time(authority: Authority, broker: Mosquitto) -> None:
    """The broker says of both no more than that it does not like them."""
    for valid, words in ((EXPIRED, "our certificate has expired: renew it"), (NOT_YET, "not valid before 2080-01-01")):
        fault = fault_of(broker, authority, authority.issue("gateway", valid))
        assert fault is not None
        assert fault.key == "cert_file"
        assert words in fault.cause


def test_the_list_of_revoked_ones_has_ended(authority: Authority) -> None:
    """It is told in the words for a certificate, and ours is not to blame."""
    authority.list_revoked(EXPIRED)
    lines = tls_lines(authority, authority.issue("broker with a list"))
    with mosquitto(*lines, f"crlfile {authority.revoked_file}") as server:
        fault = fault_of(server, authority, authority.issue("gateway"))
    assert fault is not None
    assert fault.key == "url"
    assert "our certificate is valid until 2090-01-01: its list of revoked ones has ended" in fault.cause


def test_a_file_that_only_others_may_read(authority: Authority, broker: Mosquitto) -> None:
    """It is named, with its key."""
    certificate, key = authority.issue("closed")
    key.chmod(0)
    program = (
        "import sys; from pathlib import Path; from monitor.cli.try_tls import tls_fault\n"
        f"print(tls_fault('{HOST}', {broker.port}, *map(Path, sys.argv[1:])))"
    )
    done = run(*unprivileged(sys.executable, "-c", program, authority.ca_file, certificate, key))
    assert "key='key_file'" in done.stdout, done.stderr
    assert f"{key}: Permission denied" in done.stdout


def test_the_key_of_another_certificate(authority: Authority, broker: Mosquitto) -> None:
    mixed = (authority.issue("gateway")[0], authority.issue("other")[1])
    fault = fault_of(broker, authority, mixed)
    assert fault is not None
    assert fault.key == "key_file"
    assert str(mixed[1]) in fault.cause


def test_who_speaks_tls(broker: Mosquitto, mosquitto_server: Mosquitto) -> None:
    """One that wants certificates does, too."""
    assert speaks_tls(HOST, broker.port)
    assert not speaks_tls(HOST, mosquitto_server.port)
    assert not speaks_tls(HOST, free_port())


def test_who_ends_the_connection_without_a_word() -> None:
    """At our first message, with TLS's own way to say that nothing follows and no reason."""
    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(1) as pool:
        fault = pool.submit(tls_fault, HOST, listener.getsockname()[1], None)
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(CLOSE_NOTIFY)
            found = fault.result(10)
    assert found is not None
    assert found.key == "url"
    assert "closed the connection without a word: does it speak TLS on this port?" in found.cause


def test_without_tls_to_a_port_with_tls(tmp_path: Path, broker: Mosquitto) -> None:
    errors = check(tmp_path, f"mqtt://{HOST}:{broker.port}").errors
    assert "it speaks TLS on this port: use mqtts://" in errors["mqtt.url"]


def test_a_running_daemon_says_it_until_a_restart(tmp_path: Path, authority: Authority, broker: Mosquitto) -> None:
    """A new file alone does not help: connections go on with what was read at the start."""
    old, new = authority.issue("gateway", ending_in(30)), authority.issue("gateway anew")
    daemon = DaemonProcess(tmp_path, f"mqtts://{HOST}:{broker.port}")
    daemon.config.write_text(daemon.config.read_text().replace("[store]", f"{login(authority, old)}[store]"))

    def told() -> list[str]:
        conditions = daemon.get("/api/status")[1]["conditions"]
        return [one["text"] for one in conditions if one["rule"] == ENDS]

    with daemon:
        daemon.start()
        (text,) = told()
        assert f"mqtt.cert_file ends on {end_of(old)}" in text
        for path, made in zip(old, new, strict=True):
            path.write_bytes(made.read_bytes())
        assert told()
        assert daemon.stop() == 0
        daemon.start()
        assert told() == []

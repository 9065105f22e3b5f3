"""What `tcm check --connect` and a running daemon say of certificates: which of them, and what to do.

And that deploy/make-certificates leaves what works until it has something better, whatever comes between.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.cli.try_tls import Finding, speaks_tls, tls_fault
from monitor.config.certificates import read_certificate
from tests.authority import EXPIRED, NOT_YET, Authority, ending_in
from tests.daemon import DaemonProcess
from tests.deployed import DEPLOY, make_certificates, run, unprivileged
from tests.integration.test_check_connect import check
from tests.processes import HOST, free_port
from tests.servers import Mosquitto, influxd, mosquitto

CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
ENDS = "monitor.certificate-ends"
Files = tuple[Path, Path]
HOSTS = ("gateway.example.org", "10.0.0.3")
SCRIPT = DEPLOY / "make-certificates"


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


def containers(folder: Path, *ids: str) -> Path:
    """A configuration's folder of containers, with one that has these loggers."""
    (folder / "containers").mkdir(exist_ok=True)
    (folder / "containers" / "C-1.toml").write_text("".join(f'[[logger]]\nid = "{one}"\n' for one in ids))
    return folder / "containers"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of an authority, whose broker has two more names, and a logger."""
    hosts = [word for host in HOSTS for word in ("--host", host)]
    make_certificates("--containers", containers(tmp_path, "L-01"), *hosts, tmp_path / "made it")
    return tmp_path / "made it"


def refused(*arguments: str | Path) -> str:
    """What the script says where it does nothing."""
    done = run(SCRIPT, *arguments)
    assert done.returncode == 2
    return done.stderr


def content(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def names(made: Path) -> list[str]:
    """Whom the broker's certificate is for, beside this machine; it and its key are a pair."""
    server = made / "broker" / "server.pem"
    ssl.create_default_context().load_cert_chain(server, server.with_suffix(".key"))
    text = run("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", server).stdout
    return re.findall(r"(?:DNS|IP Address):([^,\s]+)", text)[3:]


def test_without_its_key_nothing_is_lost(made: Path, tmp_path: Path) -> None:
    """It is kept elsewhere, as it should be: what needs it is refused, all else goes on."""
    away = (made / "authority").rename(tmp_path / "away")
    before = content(made)
    for option, name in (("--renew", "server"), ("--renew", "gateway"), ("--revoke", "L-01")):
        assert f"{made}/authority/ca.key is missing" in refused(option, name, made)
    assert make_certificates("--containers", tmp_path / "containers", made).stderr == ""
    assert content(made) == before
    away.rename(made / "authority")
    make_certificates("--renew", "server", made)
    assert names(made) == list(HOSTS)


def test_a_renewal_that_is_killed(made: Path, tmp_path: Path) -> None:
    """Wherever that was, the next run has a pair again, for the same names, and nothing is left lying about."""
    left, program, files = tmp_path / "left", tmp_path / "bin" / "mv", sorted(content(made))
    program.parent.mkdir()
    program.write_text(f'''#!/bin/sh
n=$(cat "{left}")
[ "$n" -gt 0 ] || {{ kill -9 "$PPID"; exit; }}
echo $((n - 1)) >"{left}"
exec /bin/mv "$@"
''')
    program.chmod(0o755)
    env = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    for moves in range(20):
        left.write_text(f"{moves}")
        status = run(SCRIPT, "--renew", "server", made, env=env).returncode
        make_certificates("--containers", tmp_path / "containers", made)
        assert names(made) == list(HOSTS)
        if status == 0:
            break
        assert status == -9
    assert moves >= 3
    assert [file for file in sorted(content(made)) if "issued" not in file.parts] == [
        file for file in files if "issued" not in file.parts
    ]


def test_a_revoked_broker_gets_its_names_again(made: Path, tmp_path: Path) -> None:
    """And a name that it does not have yet is not passed over in silence."""
    assert "say --revoke server" in refused("--revoke", "mosquitto", made)
    make_certificates("--revoke", "server", made)
    assert not (made / "broker" / "server.pem").exists()
    make_certificates("--containers", tmp_path / "containers", made)
    assert names(made) == list(HOSTS)
    more = ("--host", "new.example.org", "--host", HOSTS[0])
    said = make_certificates("--containers", tmp_path / "containers", *more, made).stderr
    assert "is not for DNS:new.example.org: --renew server with the same --host" in said
    make_certificates("--renew", "server", *more, made)
    assert names(made) == [*HOSTS, "new.example.org"]


@pytest.mark.parametrize("name", ["../gateway/gateway", "", ".", "..", "-", "L 01", "*", "L" * 65])
def test_a_name_that_is_none(made: Path, name: str) -> None:
    """It would lead to files of something else."""
    before = content(made)
    for option in ("--renew", "--revoke"):
        assert f"{option} {name}: expected the id of a logger" in refused(option, name, made)
    assert content(made) == before


@pytest.mark.parametrize("host", ["300.1.1.1", "::g", "a..b", "a b", "", "-a"])
def test_a_host_that_is_none(made: Path, host: str) -> None:
    """openssl would take some of them, or leave them out, and say nothing."""
    before = content(made)
    assert f"--host {host}: expected a" in refused("--renew", "server", "--host", host, made)
    assert content(made) == before


def test_a_folder_without_an_authority_stays_as_it_is(tmp_path: Path) -> None:
    for option in ("--renew", "--revoke"):
        assert "there is no authority in" in refused(option, "L-01", tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("name", ["L 01", "gateway", "tcm-gateway-1", "tcm-here", "tcm-here-fill", "", "L" * 65])
def test_an_id_that_would_not_be_its_own(tmp_path: Path, name: str) -> None:
    """Two words, a name with other rights, a session of the daemon: the file is named, and nothing is made."""
    folder = containers(tmp_path, "L-01", name)
    (tmp_path / "monitor.toml").write_text('instance = "here"\n')
    assert f"{folder}/C-1.toml: logger {name}: " in refused("--containers", folder, tmp_path / "made")
    assert not (tmp_path / "made").exists()


FULL_DISK = """
mount -t tmpfs -o size=1m none "$1" && cp -r "$2" "$1/made" || exit
free=0 status=2
while [ $status -ne 0 ]; do
    rm -f "$1/fill"
    dd if=/dev/zero of="$1/fill" bs=1024 count=$(($(df --output=avail "$1" | tail -n 1) - free)) status=none
    status=0
    "$3" --renew L-01 "$1/made" >/dev/null 2>&1 || status=$?
    cp -r "$1/made" "$4/$free"
    free=$((free + $(getconf PAGESIZE) / 1024))
done
"""


def test_a_full_disk(made: Path, tmp_path: Path) -> None:
    """Whatever room is left: it is not enough and all stays, or it is and the new one counts."""
    disk, after = tmp_path / "disk", tmp_path / "after"
    disk.mkdir()
    after.mkdir()
    space = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK, "sh")
    done = run(*space, disk, made, SCRIPT, after)
    assert done.returncode == 0, done.stderr
    *failed, enough = sorted(after.iterdir(), key=lambda folder: int(folder.name))
    assert len(failed) >= 5
    before = {file.relative_to(made): data for file, data in content(made).items()}
    for folder in failed:
        assert {file.relative_to(folder): data for file, data in content(folder).items()} == before
    one = enough / "loggers" / "L-01.pem"
    ssl.create_default_context().load_cert_chain(one, one.with_suffix(".key"))
    assert one.read_bytes() != before[Path("loggers/L-01.pem")]


def test_what_a_full_disk_left_before(made: Path, tmp_path: Path) -> None:
    """Certificates and a number that are empty: they are made again, and the broker's names are known."""
    for file in ("broker/server.pem", "loggers/L-01.pem", "broker/revoked.pem", "authority/serial"):
        (made / file).write_bytes(b"")
    said = make_certificates("--containers", tmp_path / "containers", made).stderr
    assert "loggers/L-01.pem: no certificate, or of another key: made anew, hand it out again" in said
    assert names(made) == list(HOSTS)
    serials = [line.split("\t")[3] for line in (made / "authority" / "index.txt").read_text().splitlines()]
    assert serials == ["01", "02", "03", "04", "05", "06"]
    assert make_certificates("--containers", tmp_path / "containers", made).stderr == ""

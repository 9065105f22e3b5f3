"""deploy/make-certificates leaves what works until it has something better, whatever comes between."""

from __future__ import annotations

import fcntl
import os
import re
import ssl
from pathlib import Path

import pytest

from tests.deployed import DEPLOY, make_certificates, run

HOSTS = ("gateway.example.org", "10.0.0.3")
SCRIPT = DEPLOY / "make-certificates"


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


def test_one_run_at_a_time(made: Path) -> None:
    """Two would take each other's books for their own."""
    before = content(made)
    with (made / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert f"another run works in {made}" in refused("--renew", "L-01", made)
    assert content(made) == before
    make_certificates("--renew", "L-01", made)


def test_a_host_of_another_certificate(made: Path) -> None:
    """Only the broker's has hosts in it."""
    assert "--renew gateway: expected no --host" in refused("--renew", "gateway", "--host", "other.example.org", made)


def test_called_by_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a link, and where `cd` looks elsewhere first: it finds what lies beside it all the same."""
    (tmp_path / "deploy").mkdir()
    monkeypatch.setenv("CDPATH", f".:{tmp_path}")
    link = tmp_path / "link"
    link.symlink_to(SCRIPT)
    done = run(link, "--containers", containers(tmp_path, "L-01"), tmp_path / "made")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "made" / "loggers" / "L-01.pem").exists()

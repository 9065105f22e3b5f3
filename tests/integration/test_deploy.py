"""The files of deploy/ by themselves: the unit, the compose file, the image's recipe, the scripts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.commands import REPOSITORY
from tests.deployed import DEPLOY, make_certificates, make_secrets, read_compose, run, unprivileged

MAX_EXPOSURE = 2.0
BIN = Path(sys.executable).parent
IMAGES = {"mosquitto": "eclipse-mosquitto", "influxdb": "influxdb", "grafana": "grafana/grafana"}


@pytest.fixture(scope="module")
def compose() -> Any:
    return read_compose()


def test_the_unit_is_understood(tmp_path: Path) -> None:
    """systemd finds nothing wrong in it, once the program that it starts is there."""
    unit = tmp_path / "tcm.service"
    text = (DEPLOY / "tcm.service").read_text()
    unit.write_text(text.replace("/opt/tcm/bin/tcm", str(BIN / "tcm")))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_exposes_little() -> None:
    """Of 10 that a service has by default."""
    unit = DEPLOY / "tcm.service"
    threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", threshold, unit)
    found = re.search(r"exposure level for tcm.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MAX_EXPOSURE
    assert done.returncode == 0


def test_the_compose_file_is_one() -> None:
    """By the published schema of such files."""
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yml")
    assert done.returncode == 0, done.stdout


def test_every_service_is_closed(compose: Any) -> None:
    """Not root, nothing to write but what is mounted, no rights, bounded logs and memory; a check of its health."""
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].startswith("${TCM_UID:?"), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["image"] == "tcm" or service["image"].startswith(f"{IMAGES[name]}:"), name
        assert "test" in service["healthcheck"] or service["restart"] == "on-failure", name
        assert "mem_limit" in service or service["restart"] == "on-failure", name  # which ends within seconds


def test_the_image_is_made_of_what_is_there() -> None:
    """Each file and folder that is copied is in the repository, and not among what the build does not see."""
    copied = re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(.+) \S+$", (DEPLOY / "Containerfile").read_text(), re.M)
    sources = [source for sources in copied for source in sources.split()]
    assert len(sources) >= 8
    assert all((REPOSITORY / source).exists() for source in sources)
    seen = (DEPLOY / "Containerfile.dockerignore").read_text().split()
    assert {f"!{source}" for source in sources} <= set(seen)


def test_the_gateways_port_of_the_broker_is_for_containers(compose: Any) -> None:
    """What the container's command makes of the file listens beyond its own machine, and differs in nothing else."""
    command = compose["services"]["mosquitto"]["command"][2]
    ((expression, path),) = re.findall(r"sed '(.+)' (\S+) ", command)
    assert path == "/etc/mosquitto/mosquitto.conf"
    file = DEPLOY / "mosquitto" / "mosquitto.conf"
    made = run("sed", expression.replace("$$", "$"), file).stdout
    assert made == file.read_text().replace("\nlistener 8884 127.0.0.1\n", "\nlistener 8884\n")
    assert made != file.read_text()


def test_what_can_be_reached_from_outside(compose: Any) -> None:
    """The loggers' port alone; all else on this machine, InfluxDB not at all."""
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports.pop("mosquitto") == ["8883:8883"]
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)
    assert compose["services"]["influxdb"]["networks"] == ["inside"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_no_secret_stands_in_a_file_of_the_repository(compose: Any) -> None:
    """Passwords come from files that a script makes, and git does not see."""
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN|SECRET", key) or str(value).startswith("/run/secrets/"), key
    ignored = (DEPLOY / ".gitignore").read_text().split()
    assert {secret["file"].split("/")[1] + "/" for secret in compose["secrets"].values()} <= set(ignored)


def test_what_is_mounted_is_there(compose: Any, tmp_path: Path) -> None:
    """Each file and folder that a container is given is in the repository or made by the script, as is each secret."""
    made = make_secrets(tmp_path / "made")
    services = compose["services"].values()
    sources = [volume.split(":")[0] for one in services for volume in one.get("volumes", [])]
    for source in sources + [secret["file"] for secret in compose["secrets"].values()]:
        assert (DEPLOY / source).exists() or (made / source).exists(), source
    assert {name for one in services for name, _ in secrets_of(one)} == set(compose["secrets"])


def test_whoever_runs_tcm_has_every_file_of_its_configuration(compose: Any) -> None:
    """The daemon, and who sets InfluxDB up: a configuration of which a file is missing is refused by both."""
    text = (DEPLOY / "monitor.toml").read_text()
    files = [Path("/etc/tcm") / name for name in re.findall(r'_file = "(.*?)"', text)]
    for name in ("tcm", "influxdb-init"):
        service = compose["services"][name]
        given = [volume.split(":")[1] for volume in service["volumes"]]
        given += [f"/run/secrets/{target}" for _, target in secrets_of(service)]
        assert [str(file) for file in files if not any(file.is_relative_to(path) for path in given)] == [], name
    assert len(files) == 4


def secrets_of(service: Any) -> list[tuple[str, str]]:
    """Each secret of a service, and where it finds it."""
    given = [one if isinstance(one, dict) else {"source": one, "target": one} for one in service.get("secrets", [])]
    return [(one["source"], one["target"]) for one in given]


def test_grafana_finds_what_it_is_provisioned_with(compose: Any) -> None:
    """The variables, the file with the password and the folder of pages that dashboards/provisioning/ names."""
    grafana, folder = compose["services"]["grafana"], REPOSITORY / "dashboards" / "provisioning"
    text = "".join((folder / kind).read_text() for kind in ("datasources/influxdb.yaml", "dashboards/tcm.yaml"))
    mounted = dict(volume.split(":")[1::-1] for volume in grafana["volumes"])
    assert mounted["/etc/grafana/provisioning"] == "../dashboards/provisioning"
    named = re.findall(r"\$\{(\w+)\}", text)
    assert named and set(named) <= grafana["environment"].keys()
    assert re.findall(r"\$__file\{(.+)\}", text) == [dict(secrets_of(grafana))["influxdb-grafana.password"]]
    assert re.findall(r"^ +path: (.+)$", text, re.M) == ["/etc/grafana/tcm"]
    assert mounted["/etc/grafana/tcm"] == "../dashboards/json"


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Each is another one, only its owner can read it, and a second run changes none."""
    folder = make_secrets(tmp_path / "once")
    files = sorted((folder / "secrets").iterdir()) + sorted(folder.glob("certificates/**/*.key"))
    before = {file: file.read_bytes() for file in files}
    assert len(set(before.values())) == len(files) >= 4 + 3 + 12
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    make_secrets(folder)
    assert {file: file.read_bytes() for file in files} == before


def test_secrets_with_options_in_any_order(tmp_path: Path) -> None:
    """The folder is found among them; all goes there, and the broker has every name."""
    folder = tmp_path / "made it"
    options = ("--host", "gateway.example.org", folder, "--host", "10.0.0.3")
    done = run(*unprivileged(DEPLOY / "make-secrets", *options))
    assert done.returncode == 0, done.stderr
    assert (folder / ".env").exists()
    files = ("-in", folder / "certificates" / "broker" / "server.pem")
    names = run("openssl", "x509", "-noout", "-ext", "subjectAltName", *files).stdout
    assert "DNS:gateway.example.org, IP Address:10.0.0.3" in names


@pytest.mark.parametrize(
    "arguments", [("FOLDER", "OTHER"), ("FOLDER", "--host"), ("--host", "a b", "FOLDER"), ("--hosts", "a", "FOLDER")]
)
def test_secrets_are_made_only_when_all_arguments_are_understood(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Neither in the folder nor beside the script."""
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    for script in ("make-secrets", "make-certificates"):
        (deploy / script).write_bytes((DEPLOY / script).read_bytes())
        (deploy / script).chmod(0o755)
    containers = ("--containers", REPOSITORY / "config" / "containers")
    words = [tmp_path / word if word.isupper() else word for word in arguments]
    done = run(*unprivileged(deploy / "make-secrets", *containers, *words))
    assert done.returncode == 2
    assert done.stderr.startswith("make-")
    assert {path.name for path in tmp_path.rglob("*")} == {"deploy", "make-secrets", "make-certificates"}


def test_names_that_would_have_other_rights(tmp_path: Path) -> None:
    """The broker would take a logger of such a name for the gateway, or its name for a pattern of all loggers."""
    for name in ("gateway", "health", "server", "mosquitto", "+", "a/b", "#", "*"):
        (tmp_path / "C-1.toml").write_text(f'id = "C-1"\n[[logger]]\nid = "{name}"\n')
        done = run(DEPLOY / "make-certificates", "--containers", tmp_path, tmp_path / "out")
        assert done.returncode == 2
        assert f"logger {name}: that is" in done.stderr or f"logger {name}: expected a name" in done.stderr


def test_a_folder_without_containers(tmp_path: Path) -> None:
    """A mistyped one is an error, not an authority without loggers."""
    done = run(DEPLOY / "make-certificates", "--containers", tmp_path / "nowhere", tmp_path / "out")
    assert (done.returncode, "expected the container files" in done.stderr) == (2, True)


def test_containers_named_from_where_one_is(tmp_path: Path) -> None:
    """A relative folder is that of who calls."""
    (tmp_path / "C-1.toml").write_text('id = "C-1"\n[[logger]]\nid = "L-01"\n')
    command = f'cd "{tmp_path.parent}" && "{DEPLOY / "make-certificates"}" --containers "{tmp_path.name}" made'
    done = run("sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path.parent / "made" / "loggers").glob("*.pem")] == ["L-01.pem"]


def test_a_revocation_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    """The books have it, the broker's list not: the same command goes on."""
    (tmp_path / "C-1.toml").write_text('id = "C-1"\n[[logger]]\nid = "L-01"\n')
    made = tmp_path / "made"
    assert run(DEPLOY / "make-certificates", "--containers", tmp_path, made).returncode == 0
    before = (made / "broker" / "revoked.pem").read_bytes()
    revoking = f'openssl ca -batch -config "{DEPLOY}/openssl.cnf" -revoke loggers/L-01.pem'
    done = run("sh", "-c", f'cd "{made}" && SERVER_NAMES= {revoking}')
    assert done.returncode == 0, done.stderr
    done = run(DEPLOY / "make-certificates", "--revoke", "L-01", made)
    assert done.returncode == 0, done.stderr
    assert (made / "broker" / "revoked.pem").read_bytes() != before
    assert not (made / "loggers" / "L-01.pem").exists()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An authority with a single logger."""
    (tmp_path / "C-1.toml").write_text('id = "C-1"\n[[logger]]\nid = "L-01"\n')
    make_certificates("--containers", tmp_path, "--host", "gateway.example.org", tmp_path / "made")
    return tmp_path / "made"


def counts(made: Path, certificate: Path) -> bool:
    """Whether a broker with this authority and its list would take it."""
    files = ("-CAfile", made / "ca.pem", "-CRLfile", made / "broker" / "revoked.pem")
    return run("openssl", "verify", "-crl_check", *files, certificate).returncode == 0


def test_a_renewal_leaves_time_to_carry_it_there(made: Path, tmp_path: Path) -> None:
    """Both count; a revocation means both."""
    one, before = made / "loggers" / "L-01.pem", tmp_path / "before.pem"
    before.write_bytes(one.read_bytes())
    make_certificates("--renew", "L-01", made)
    assert one.read_bytes() != before.read_bytes()
    assert counts(made, before) and counts(made, one)
    now = tmp_path / "now.pem"
    now.write_bytes(one.read_bytes())
    make_certificates("--revoke", "L-01", made)
    assert not counts(made, before) and not counts(made, now)
    assert counts(made, made / "gateway" / "gateway.pem")
    assert not one.exists()


def test_a_renewed_broker_keeps_its_names(made: Path) -> None:
    """And gets those that are added."""
    server = made / "broker" / "server.pem"
    make_certificates("--renew", "server", "--host", "10.0.0.3", made)
    names = run("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", server).stdout.splitlines()[1]
    assert names.split(", ")[1:] == [
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "DNS:gateway.example.org",
        "IP Address:10.0.0.3",
    ]


@pytest.mark.parametrize("option", ["--renew", "--revoke"])
def test_a_name_that_has_no_certificate(made: Path, option: str) -> None:
    """A mistyped one is an error, not nothing."""
    done = run(DEPLOY / "make-certificates", option, "L-10", made)
    assert (done.returncode, f"{option} L-10: " in done.stderr) == (2, True)


def test_what_ends_within_a_year_is_said(made: Path, tmp_path: Path) -> None:
    """With what to do; the rest is not mentioned."""
    assert make_certificates("--containers", tmp_path, made).stderr == ""
    short = copytree(DEPLOY, tmp_path / "deploy") / "make-certificates"
    short.write_text(short.read_text().replace("\nDAYS=1825\n", "\nDAYS=364\n"))
    assert run("sh", short, "--renew", "L-01", made).returncode == 0
    (line,) = make_certificates("--containers", tmp_path, made).stderr.splitlines()
    assert re.fullmatch("make-certificates: loggers/L-01.pem ends on .+ GMT: --renew L-01", line)

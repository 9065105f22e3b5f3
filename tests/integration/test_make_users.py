"""deploy/influxdb/make-users: whom it makes, that it may be run again, and what it says when it cannot."""

from __future__ import annotations

import tomllib
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import StoreSettings
from monitor.sinks.setup import spaces_of
from tests.authority import Authority
from tests.deployed import DEPLOY, run
from tests.influx import ask
from tests.influx_gateway import served
from tests.influx_management import Management
from tests.processes import HOST, free_port
from tests.servers import Influxd, influxd

ALL = {"admin": "adminpw", "tcm": "daemonpw", "grafana": "viewerpw"}


class Machine:
    """A configuration and the passwords of its users."""

    def __init__(self, folder: Path, url: str, more: str = "") -> None:
        self.folder = folder
        store = f'[store]\nkind = "influxdb"\nurl = "{url}"\ndialect = "v1"\ndatabase = "tcm"\nusername = "tcm"\n'
        (folder / "monitor.toml").write_text(store + more)
        for user in ALL:
            self.keep(user, ALL[user])

    def keep(self, user: str, password: str) -> None:
        """Put a password into its file."""
        (self.folder / f"influxdb-{user}.password").write_text(password)

    def make_users(self) -> str:
        """What the script says, "" when all is well."""
        done = run(DEPLOY / "influxdb" / "make-users", self.folder / "monitor.toml", self.folder)
        assert (done.returncode == 0) == (done.stderr == "")
        return done.stderr


@pytest.fixture
def server() -> Iterator[Influxd]:
    with influxd(asks_login=True) as one:
        yield one


def let_in(server: Influxd, logins: bool) -> None:
    """Start it again, with logins or without."""
    server.stop()
    config = server.folder / "influxdb.conf"
    was = str(not logins).lower()
    config.write_text(config.read_text().replace(f"auth-enabled = {was}", f"auth-enabled = {str(logins).lower()}"))
    server.start()


def test_makes_them_once_and_renews_passwords(tmp_path: Path, server: Influxd) -> None:
    """Each with what it needs; a password that is another in its file is the user's from then on."""
    machine = Machine(tmp_path, server.url)
    for password in ("daemonpw", "newpw"):
        machine.keep("tcm", password)
        assert [machine.make_users() for _ in range(2)] == ["", ""]
        assert ask(server, "SHOW DATABASES", u="tcm", p=password) == [["tcm"], ["tcm_long"]]
    users = ask(server, "SHOW USERS", u="admin", p="adminpw")
    assert sorted(map(tuple, users)) == [("admin", True), ("grafana", False), ("tcm", False)]


def test_a_password_that_is_not_the_administrators(tmp_path: Path, server: Influxd) -> None:
    """It says in which file the right one is expected; what it says of one that is lost works."""
    machine = Machine(tmp_path, server.url)
    assert machine.make_users() == ""
    machine.keep("admin", "otherpw")
    said = machine.make_users()
    assert "authorization failed" in said
    assert f"expected the password of its user `admin` in {tmp_path}/influxdb-admin.password" in said
    assert "(auth-enabled = false in influxdb.conf, restart influxdb), run this again, and switch them on again" in said
    let_in(server, logins=False)
    assert machine.make_users() == ""
    let_in(server, logins=True)
    assert ["tcm"] in ask(server, "SHOW DATABASES", u="admin", p="otherpw")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(server, "SHOW DATABASES", u="admin", p="adminpw")


def test_another_server(tmp_path: Path, server: Influxd) -> None:
    """One of a later version, and nobody."""
    later = Management(server.port, "acme", "tcm", "token")
    with served(later):
        said = Machine(tmp_path, later.url).make_users()
    assert "no answer of InfluxDB 1; correct store.url" in said
    said = Machine(tmp_path, f"http://{HOST}:{free_port()}").make_users()
    assert "is InfluxDB up, store.url its address, store.ca_file its authority?" in said


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ('retention = "90d"\nlong_retention = "7776000000 ms"\n', {"tcm": "2160h0m0s", "tcm_long": "2160h0m0s"}),
        ('retention = " 1.5e2 min "\n', {"tcm": "2h30m0s", "tcm_long": "0s"}),
        ("long = false\n", {"tcm": "0s"}),
    ],
)
def test_what_it_makes_is_what_store_init_wants(
    tmp_path: Path, server: Influxd, more: str, kept: dict[str, str]
) -> None:
    """However the configuration writes a retention; and no copy where none is wanted, nor rights on it."""
    machine = Machine(tmp_path, server.url, more)
    assert machine.make_users() == ""
    made = {str(row[0]) for row in ask(server, "SHOW DATABASES", u="admin", p="adminpw")}
    policies = {name: ask(server, f'SHOW RETENTION POLICIES ON "{name}"', u="admin", p="adminpw") for name in made}
    assert {name: rows[0][1] for name, rows in policies.items()} == kept
    grants = ask(server, "SHOW GRANTS FOR grafana", u="admin", p="adminpw")
    assert {str(row[0]) for row in grants} == set(kept)
    settings = StoreSettings.model_validate(tomllib.loads((tmp_path / "monitor.toml").read_text())["store"])
    assert {space.name for space in spaces_of(settings)} == set(kept)


@pytest.mark.parametrize("kept", ['"4000 d"', '"59 min"', '"0 d"', '"90"', "90", '"90 D"', '"1e99999 d"', '"-1 d"'])
@pytest.mark.parametrize("key", ["retention", "long_retention"])
def test_a_retention_that_check_refuses(tmp_path: Path, key: str, kept: str) -> None:
    """It is named, before anything is asked of a server."""
    machine = Machine(tmp_path, f"http://{HOST}:{free_port()}", f"{key} = {kept}\n")
    said = machine.make_users()
    assert f"{tmp_path}/monitor.toml: store.{key}: expected text such as" in said
    assert kept.strip('"') in said
    with pytest.raises(ValueError, match=key):
        StoreSettings.model_validate(tomllib.loads((tmp_path / "monitor.toml").read_text())["store"])


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """`ca_file` of [store], beside the configuration, is whom it trusts, as the daemon does."""
    authority = Authority(tmp_path / "authority")
    with influxd(tls=authority.issue("store")) as server:
        url = f"https://{HOST}:{server.port}"
        assert "certificate verify failed" in Machine(tmp_path, url).make_users()
        ca_file = authority.ca_file.relative_to(tmp_path)
        assert Machine(tmp_path, url, f'ca_file = "{ca_file}"').make_users() == ""

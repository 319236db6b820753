"""The list that `up` prints: every form gives the machines their addresses, and nonsense is told with its line."""

from pathlib import Path

import pytest

from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.cluster.machinelist import read_machine_list
from wke.errors import InputError

HEAD = '[cluster]\nprovider = "command"\nup = ["./up"]\ndown = ["./down"]\n'
MACHINES = '[machines]\ndb = { class = "servers" }\n"c[1-2]" = { class = ["clients", "all-clients"], ssh-port = 22 }\n'


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterSpec:
    path = tmp_path / "cluster.toml"
    path.write_text(HEAD + MACHINES)
    return read_cluster(path)


FORMS = {
    "words": "db 192.0.2.1\nc1 192.0.2.2\nc2 192.0.2.3\n",
    "words in any order, with comments": "# made by hand\n\nc2 192.0.2.3 # the last\n  db\t192.0.2.1\nc1 192.0.2.2",
    "classes": "db 192.0.2.1 servers\nc1 192.0.2.2 clients\nc2 192.0.2.3 class=all-clients\n",
    "an object of addresses": '{"db": "192.0.2.1", "c1": ["192.0.2.2"], "c2": {"external-addr": "192.0.2.3"}}',
    "a list of objects": (
        '[{"name": "db", "address": "192.0.2.1"}, {"name": "c1", "external-addr": "192.0.2.2", "class": ["clients"]},'
        ' {"name": "c2", "external_addr": "192.0.2.3"}]'
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_machines_their_addresses(cluster: ClusterSpec, form: str) -> None:
    """Names are those of the cluster file; its classes, indices and settings stay."""
    found = read_machine_list(FORMS[form], cluster, "up")
    assert {name: (m.external_addr, m.internal_addr) for name, m in found.items()} == {
        "db": ("192.0.2.1", "192.0.2.1"),
        "c1": ("192.0.2.2", "192.0.2.2"),
        "c2": ("192.0.2.3", "192.0.2.3"),
    }
    assert [(found[m.name].index, found[m.name].classes, found[m.name].is_lent) for m in cluster.machines] == [
        (m.index, m.classes, True) for m in cluster.machines
    ]
    assert found["c1"].ssh_port == 22


@pytest.mark.parametrize(
    "form",
    [
        "c1 h internal-addr=10.0.0.2 ssh-port=2222 username=me",
        '{"c1": {"address": "h", "internal-addr": "10.0.0.2", "ssh-port": 2222, "username": "me"}}',
    ],
)
def test_further_facts_are_taken(tmp_path: Path, form: str) -> None:
    """The inner address, the port and the login may come with the machine."""
    path = tmp_path / "cluster.toml"
    path.write_text(HEAD + "[machines]\nc1 = {}\n")
    one = read_machine_list(form, read_cluster(path), "up")["c1"]
    assert (one.external_addr, one.internal_addr, one.ssh_port, one.username) == ("h", "10.0.0.2", 2222, "me")


WRONG = {
    "Creating db...\ndb 192.0.2.1\n": 'up:1: lists "Creating", which is no machine of the cluster',
    "db\n": 'up:1: makes no sense: "db"',
    "db 192.0.2.1 servers clients\n": 'up:1: makes no sense: "db 192.0.2.1 servers clients"',
    "db 192.0.2.1 prot=22\n": 'up:1: "db", prot: unknown key',
    "db 192.0.2.1 ssh-port=x\n": 'up:1: "db", ssh-port: must be a whole number, not the text "x"',
    "db 192.0.2.1 clients\n": 'up:1: puts "db" into class "clients"; in the cluster file it is in servers',
    "db -oProxyCommand=x\n": 'up:1: "db", external-addr: must be one word that does not start with a dash',
    "db a\ndb b\n": 'up:2: lists "db" twice',
    "db a\nc1 b\n": "up: lists 2 machines; c2 is missing",
    "": "up: lists 0 machines; db, c1, c2 are missing",
    '{"db": "a",}': "up:1: is not JSON",
    '{\n"db": "a"\n"c1": "b"}': "up:3: is not JSON",
    '["a"]': 'up: [0]: makes no sense: "\\"a\\""',
    '{"db": 5}': 'up: db: "db": must be an address, not the number 5',
    '{"db": {"internal-addr": "a"}}': 'up: db: gives no address of "db"',
}


@pytest.mark.parametrize("text", WRONG)
def test_nonsense_is_told_with_its_line(cluster: ClusterSpec, text: str) -> None:
    """What stands there is quoted, and the form that is wanted is said."""
    with pytest.raises(InputError) as caught:
        read_machine_list(text, cluster, "up")
    assert str(caught.value).startswith(WRONG[text])


KEYS = {
    '[cluster]\nprovider = "command"\nmachines = 1\n': "cluster.toml:2:1: cluster.provider: needs up and down",
    '[cluster]\nprovider = "command"\nup = ["x"]\nmachines = 1\n': "cluster.toml:2:1: cluster.provider: needs down",
    '[cluster]\nup = ["x"]\nmachines = 1\n': 'cluster.toml:2:1: cluster.up: is for provider "command", and this is "local"',
    '[cluster]\nkeep-machines = "1m"\n[machines]\na = "h"\n': (
        'cluster.toml:2:1: cluster.keep-machines: is for provider "command", and this is "ssh"'
    ),
    HEAD.replace('"./up"', "") + "machines = 1\n": "cluster.toml:3:1: cluster.up: must begin with a program",
    HEAD
    + "machines = 1\n[limits]\nall = { cpus = 1 }\n": 'cluster.toml:6:2: limits: only emulated machines can be limited, not those of provider "command"',
}


@pytest.mark.parametrize("text", KEYS)
def test_keys_that_do_not_fit_are_refused(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are missing, and keys of another provider."""
    monkeypatch.chdir(tmp_path)
    Path("cluster.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_cluster(Path("cluster.toml"))
    assert str(caught.value).startswith(KEYS[text])


def test_plans_name_the_addresses_that_come_later(cluster: ClusterSpec) -> None:
    """Until the machines are there, a text stands for each address."""
    assert (cluster.machines[0].external_addr, cluster.machines[0].internal_addr) == ("<db.external-addr>", "<db.internal-addr>")
    assert cluster.wait_s > 0

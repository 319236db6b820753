"""Importers: machines, addresses and classes from the files of other tools, and the cluster.toml that is written of them."""

import contextlib
import json
import tomllib
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.cluster.folding import fold, unfold
from wke.describe.imports.clustertext import ClusterText, cluster_text
from wke.describe.imports.imported import ImportedMachine, ImportedMachines, ImportSource
from wke.describe.imports.imports import IMPORTERS, recognised
from wke.errors import InputError

FILES = Path(__file__).parents[1] / "imported"
Row = tuple[str, str, str, tuple[str, ...], str | None, int | None]
"""The name, both addresses, the classes, the login and the port of a machine."""


def host(name: str, *classes: str, user: str | None = None) -> Row:
    """Return the row of a machine whose name is its address."""
    return name, name, name, classes, user, None


EXPECTED: dict[str, tuple[str, list[Row]]] = {
    "cloudlab.xml": (
        "manifest",
        [
            ("leader", "hp031.utah.cloudlab.us", "10.10.1.1", (), "alice", None),
            ("follower-1", "hp107.utah.cloudlab.us", "10.10.1.2", (), "alice", None),
            ("far", "c220g2-011003.wisc.cloudlab.us", "c220g2-011003.wisc.cloudlab.us", (), "alice", None),
        ],
    ),
    "emulab.xml": (
        "manifest",
        [
            ("vm0", "pc607.emulab.net", "192.168.4.10", (), "alice", 30010),
            ("vm1", "pc607.emulab.net", "192.168.4.11", (), "alice", 30011),
        ],
    ),
    "inventory.ini": (
        "ansible",
        [
            ("bastion", "203.0.113.7", "203.0.113.7", (), "deploy", None),
            host("web01.example.com", "web", user="deploy"),
            host("web02.example.com", "web", "storage", "cache", user="store"),
            host("web03.example.com", "web", user="deploy"),
            ("192.0.2.40", "192.0.2.40", "192.0.2.40", ("web",), "admin", 2222),
            ("db-a", "198.51.100.9", "198.51.100.9", ("db", "storage"), "store", 2201),
            ("db-b", "198.51.100.9", "198.51.100.9", ("db", "storage"), "store", 2201),
            ("db-c", "198.51.100.12", "198.51.100.12", ("db", "storage"), "store", None),
            host("cache1", "storage", "cache", user="store"),
        ],
    ),
    "inventory.json": (
        "ansible",
        [
            ("node1", "10.3.0.11", "10.3.0.11", ("servers", "lyon"), "ops", 2200),
            ("node2", "10.3.0.12", "10.3.0.12", ("servers", "clients", "lyon"), "ops", None),
            ("node10", "10.3.0.20", "10.3.0.20", ("servers", "lyon"), "ops", None),
            ("edge1", "203.0.113.21", "203.0.113.21", ("clients",), "ops", None),
        ],
    ),
    "ssh_config": (
        "ssh-config",
        [
            ("bastion", "bastion", "gate.example.org", (), None, None),
            ("node-1", "node-1", "node-1.cluster.example.org", (), None, None),
            ("node-2", "node-2", "node-2.cluster.example.org", (), None, None),
            ("db", "db", "10.9.0.5", (), None, None),
            host("plain"),
        ],
    ),
    "hostlist.txt": (
        "host-list",
        [
            *map(host, ("node01", "node02", "node03", "node04", "node07", "gpu1")),
            *(host(f"rack{rack}n{node}-ib") for rack, node in product((1, 2), (0, 4, 8))),
            *map(host, ("login1", "node06")),
        ],
    ),
    "oar_nodefile": (
        "node-file",
        [host(f"{name}.rennes.grid5000.fr") for name in ("paravance-12", "paravance-9", "paravance-10", "paravance-11", "parasilo-3")],
    ),
    "terraform.json": (
        "terraform",
        [
            ("client-0", "198.51.100.31", "198.51.100.31", ("client",), None, None),
            ("client-1", "198.51.100.32", "198.51.100.32", ("client",), None, None),
            ("lb", "lb-165702.eu-west-1.elb.example.com", "lb-165702.eu-west-1.elb.example.com", (), None, None),
            ("mon-a", "203.0.113.50", "10.0.3.50", ("monitors",), "admin", None),
            ("alpha", "203.0.113.11", "10.0.1.11", ("server",), None, None),
            ("beta", "203.0.113.12", "10.0.1.12", ("server",), None, None),
        ],
    ),
    "hosts": (
        "hosts",
        [
            ("alpha.lab", "192.168.7.11", "192.168.7.11", (), None, None),
            ("beta.lab", "192.168.7.12", "192.168.7.12", (), None, None),
            ("gamma.lab", "fd00:7::13", "fd00:7::13", (), None, None),
        ],
    ),
    "pods.json": (
        "kubernetes",
        [
            ("etcd-0", "", "10.244.1.7", ("etcd",), None, None),
            ("load-5f7bd8-x2x4z", "", "10.244.2.3", ("load", "driver"), None, None),
        ],
    ),
}
NOTES = {
    "cloudlab.xml": "disk: no login is known, so it is left out",
    "emulab.xml": "there are logins of alice, bob; the first one of each node is written",
    "inventory.ini": "here is left out: Ansible reaches it by local, not by ssh",
    "inventory.json": "router is left out: Ansible reaches it by network_cli, not by ssh",
    "ssh_config": "line 3: the Hosts of conf.d/* are left out: import these files too, if they have machines",
    "terraform.json": "these outputs are left out, being sensitive or no addresses: database_password, region, vpc_cidr",
    "hosts": "alpha.lab: its second address fd00:7::11 is left out",
    "pods.json": "pod etcd-1 is left out: it is Pending, without an address",
}


def source_of(name: str) -> ImportSource:
    """Return a file as a source."""
    return ImportSource(name, (FILES / name).read_text(), FILES / name)


def imported(source: ImportSource) -> ClusterText:
    """Return the text for a source whose format is recognised."""
    importer = recognised(source)
    return cluster_text(source, importer, importer.read(source))


def read_back(text: ClusterText, folder: Path) -> ClusterSpec:
    """Return the cluster that a text describes."""
    (folder / "cluster.toml").write_text(text.text)
    return read_cluster(folder / "cluster.toml")


def rows(cluster: ClusterSpec) -> list[Row]:
    """Return the machines of a cluster, with the settings that hold for each."""
    return [
        (m.name, m.external_addr or "", m.internal_addr, m.classes, m.username or cluster.username, m.ssh_port or cluster.ssh_port)
        for m in cluster.machines
    ]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_machine_arrives(name: str, tmp_path: Path) -> None:
    """The cluster that wke reads from the written file has all names, addresses, classes, logins and ports of the source, and no others."""
    form, expected = EXPECTED[name]
    source = source_of(name)
    assert recognised(source).name == form
    text = imported(source)
    cluster = read_back(text, tmp_path)
    assert [(row[0], row[1], row[2], frozenset(row[3]), *row[4:]) for row in rows(cluster)] == [
        (row[0], row[1], row[2], frozenset(row[3]), *row[4:]) for row in expected
    ]
    assert cluster.provider == "ssh"
    assert {*cluster.classes} == {name for row in expected for name in row[3]}
    assert NOTES.get(name, "") in "\n".join(text.notes)
    assert all(f"# Note: {note}"[:80] in text.text for note in text.notes)


def test_each_format_has_a_file() -> None:
    """No importer is without a test."""
    assert {form for form, _ in EXPECTED.values()} == set(IMPORTERS)


def test_a_file_tells_where_it_came_from(tmp_path: Path) -> None:
    """The whole text for a manifest: short, with a comment for each machine."""
    assert imported(source_of("cloudlab.xml")).text == (
        "# 3 machines from cloudlab.xml (CloudLab, Emulab or GENI manifest), written by `wke cluster import`.\n"
        "# The file is yours: change it, and check it with `wke check`.\n"
        "# Note: disk: no login is known, so it is left out\n"
        "\n"
        "[cluster]\n"
        'username = "alice"\n'
        "\n"
        "[machines]\n"
        'leader = ["hp031.utah.cloudlab.us", "10.10.1.1"]  # hp031, m510, also 10.20.1.1\n'
        'follower-1 = ["hp107.utah.cloudlab.us", "10.10.1.2"]  # hp107, m510\n'
        'far = "c220g2-011003.wisc.cloudlab.us"  # c220g2-011003, c220g2\n'
    )
    text = imported(source_of("ssh_config"))
    assert f'ssh-options = ["-F", "{FILES / "ssh_config"}"]' in text.text
    assert (
        'node-1 = ["node-1", "node-1.cluster.example.org"]  # ssh: node-1.cluster.example.org, as tester, port 2222, through bastion'
        in text.text
    )
    assert 'node-2 = ["node-2", "node-2.cluster.example.org"]  # ssh: node-2.cluster.example.org, as fallback, port 2222' in text.text
    text = imported(source_of("oar_nodefile"))
    assert '"paravance-[9-11].rennes.grid5000.fr" = "paravance-[9-11].rennes.grid5000.fr"\n' in text.text
    assert read_back(text, tmp_path).machines[2].name == "paravance-10.rennes.grid5000.fr"


def test_pods_are_reached_by_kubectl(tmp_path: Path) -> None:
    """In their namespace; those of several are refused."""
    text = imported(source_of("pods.json"))
    assert 'via = { preset = "kubectl", namespace = "bench" }' in text.text
    assert 'etcd-0 = { internal-addr = "10.244.1.7" }  # on worker-1' in text.text
    via = read_back(text, tmp_path).machines[0].via
    assert via is not None
    assert via.filled({"name": "etcd-0"}) == ("kubectl", "--namespace=bench", "exec", "-i", "etcd-0", "--")
    pods = json.loads(source_of("pods.json").text)
    pods["items"][0]["metadata"]["namespace"] = "default"
    with pytest.raises(InputError, match="has pods of several namespaces: default, bench\n  hint: import one: kubectl get pods -n default"):
        imported(ImportSource("x", json.dumps(pods)))
    alone = {**pods, "items": pods["items"][:1]}
    assert '\nvia = "kubectl"\n' in imported(ImportSource("x", json.dumps(alone))).text


def test_your_own_ssh_config_needs_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file other than ~/.ssh/config has to be named to ssh."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host a\n")
    assert "ssh-options" not in imported(ImportSource("config", "Host a\n", tmp_path / ".ssh" / "config")).text
    assert "-F" in imported(ImportSource("config", "Host a\n", tmp_path / "config")).text


# -- names


def test_names_become_valid_and_unique(tmp_path: Path) -> None:
    """Whatever a source calls machines and classes, the file is one that wke reads, and says what it changed."""
    names = ["all", "a b", "a-b", "a[1-2]", "-x", "..", "", "web", "é", "a/b", "\ud800", "x\ny", "n" * 300]
    machines = tuple(ImportedMachine(name, f"10.0.0.{index}", classes=("web", "all", "a b")) for index, name in enumerate(names))
    source = ImportSource("made\nup", "")
    text = cluster_text(source, IMPORTERS["hosts"], ImportedMachines(machines))
    cluster = read_back(text, tmp_path)
    assert [machine.external_addr for machine in cluster.machines] == [machine.external_addr for machine in machines]
    assert [machine.name for machine in cluster.machines][:4] == ["all-2", "a-b", "a-b-2", "a-1-2-"]
    assert list(cluster.classes) == ["web-class", "all-class", "a-b-class"]
    assert '"a b" is called a-b: a name has to be unique' in "\n".join(text.notes)
    assert 'class "web" is called web-class' in "\n".join(text.notes)


@given(
    st.lists(
        st.builds(
            ImportedMachine,
            st.text(max_size=12),
            st.from_regex(r"[a-z0-9][a-z0-9.]{0,8}", fullmatch=True),
            st.none() | st.from_regex(r"[a-z0-9][a-z0-9:]{0,8}", fullmatch=True),
            st.lists(st.text(max_size=5), max_size=3).map(tuple),
            st.none() | st.just("me"),
            st.none() | st.integers(1, 65535),
            st.none() | st.just("/usr/bin/python3"),
            st.text(max_size=9),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_machines_make_a_file_that_has_them(machines: list[ImportedMachine]) -> None:
    """Every machine is in the text once, with its addresses, whatever names, classes and comments are."""
    text = cluster_text(ImportSource("x", ""), IMPORTERS["hosts"], ImportedMachines(tuple(machines)))
    document = tomllib.loads(text.text)
    written = [name for key in document["machines"] for name in unfold(key)]
    distinct = dict.fromkeys((m.name, m.external_addr, m.ssh_port) for m in machines)
    assert written == list(text.machines)
    assert len(set(written)) == len(written) == len(distinct)
    assert not {*text.classes} & {*written}


# -- host lists


names = st.tuples(st.sampled_from(["n", "node-", "a1b"]), st.integers(0, 200), st.integers(1, 3), st.sampled_from(["", ".x", "-ib0"]))


@given(st.lists(names.map(lambda parts: f"{parts[0]}{parts[1]:0{parts[2]}d}{parts[3]}"), unique=True, max_size=60))
def test_folding_is_undone_by_unfolding(machines: list[str]) -> None:
    """Names of any padding come back in their order."""
    assert [name for text in fold(machines) for name in unfold(text)] == machines


def test_what_counts_up_is_folded() -> None:
    """At any place of the name, with its padding, up to where a number gets another digit."""
    assert fold([f"n{index:02d}" for index in range(8, 12)]) == ["n[08-11]"]
    assert fold([f"r{index}.lab" for index in range(9, 12)]) == ["r[9-11].lab"]
    assert fold(["a1", "a3", "b", "c9", "c09"]) == ["a1", "a3", "b", "c9", "c09"]
    assert fold(["999999999", "1000000000"]) == ["999999999", "1000000000"]


pieces = st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(1, 4), st.integers(1, 3))


def expanded(piece: tuple[int, int, int, int]) -> list[str]:
    """Return the numbers of a range by counting: its first, how many more, its step, its width."""
    first, more, step, width = piece
    padded = len(f"{first:0{width}d}") if f"{first:0{width}d}".startswith("0") else 0
    return [f"{number:0{padded}d}" for number in range(first, first + more + 1, step)]


def written(piece: tuple[int, int, int, int]) -> str:
    """Return a range as Slurm and ClusterShell write it."""
    first, more, step, width = piece
    ends = f"{first:0{width}d}-{first + more:0{width}d}" if more else f"{first:0{width}d}"
    return f"{ends}/{step}" if step > 1 and more else ends


@given(
    st.lists(
        st.tuples(st.sampled_from(["n", "gpu-"]), st.lists(st.lists(pieces, min_size=1, max_size=3), min_size=0, max_size=2)),
        min_size=1,
        max_size=4,
    )
)
def test_host_lists_mean_what_counting_gives(terms: list[tuple[str, list[list[tuple[int, int, int, int]]]]]) -> None:
    """Ranges, paddings, steps and several brackets: all names, each once, in order."""
    texts, counted = [], list[str]()
    for prefix, brackets in terms:
        texts.append(prefix + "x".join(f"[{','.join(map(written, bracket))}]" for bracket in brackets))
        numbers: Iterable[tuple[str, ...]] = product(*([number for piece in bracket for number in expanded(piece)] for bracket in brackets))
        counted += [prefix + "x".join(each) for each in numbers]
    found = IMPORTERS["host-list"].read(ImportSource("x", ",".join(texts)))
    assert [machine.name for machine in found.machines] == list(dict.fromkeys(counted))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a[1-4]!a2", "a1 a3 a4"),
        ("a[1-4]&a[2-9]", "a2 a3 a4"),
        ("a[1-3]^a[2-4]", "a1 a4"),
        ("a1,b[1-2]!b1,c", "a1 b2 c"),
        ("a[01-03/2,10]", "a01 a03 a10"),
        ("a[1-2]b[3-4]c", "a1b3c a1b4c a2b3c a2b4c"),
        ("x[098-101]", "x098 x099 x100 x101"),
        ("a 1[1-2]", "a 11 12"),
    ],
)
def test_operators_and_brackets(text: str, expected: str) -> None:
    """Sets are combined from left to right."""
    assert " ".join(machine.name for machine in IMPORTERS["host-list"].read(ImportSource("x", text)).machines) == expected


# -- what is wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x: is empty"),
        ("what is this?", "x: has no format that is recognised\n  hint: name one with --format: manifest: CloudLab"),
        (
            "Host a\n[web]\nhost1\n",
            "x: may be several things, and wke does not guess: --format ansible: Ansible inventory; --format ssh-config",
        ),
        ('{"a": 1}', "has no format that is recognised"),
        ("[cluster]\nprovider = 3\n", "has no format that is recognised"),
    ],
)
def test_what_is_not_certain_is_not_guessed(text: str, words: str) -> None:
    """A text of no known format, or of several, is refused with the formats."""
    with pytest.raises(InputError) as caught:
        recognised(ImportSource("x", text))
    assert words in str(caught.value)


BOMB = '<!DOCTYPE rspec [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<rspec><node client_id="&b;"/></rspec>'
FOREIGN = '<!DOCTYPE rspec [<!ENTITY e SYSTEM "file:///etc/passwd">]><rspec><node client_id="&e;"/></rspec>'


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("manifest", "<rspec>\n<node>\n</rspec>", "x:3: is not XML: mismatched tag"),
        ("manifest", BOMB, "x:1: has a DOCTYPE, which no manifest has\n  hint: remove it, with all entities"),
        ("manifest", FOREIGN, "x:1: has a DOCTYPE"),
        (
            "manifest",
            '<rspec type="request"><node client_id="a"/></rspec>',
            "x: is a request, which does not say which computers there are",
        ),
        ("manifest", '<rspec><node client_id="a"/></rspec>', "x: has no <node> with a <login>"),
        (
            "manifest",
            '<rspec>\n<node client_id="a"><services><login hostname="h" port="ssh"/></services></node></rspec>',
            "x:2: has the port 'ssh'",
        ),
        (
            "manifest",
            '<rspec>\n<node client_id="a"><services><login hostname="-oX"/></services></node></rspec>',
            "x:2: a has '-oX', which is no address",
        ),
        ("ansible", "all:\n  hosts:\n    a:\n", "x: is an inventory in YAML, which only Ansible can read\n  hint: install ansible-core"),
        ("ansible", "[web\na\n", "x:1: [web is not the header of a group"),
        ("ansible", "[web]\na b\n", "x:2: b is not name=value"),
        ("ansible", "[web]\na=b\n", "x:2: a=b does not begin with a host or a group"),
        ("ansible", "[web]\na x='\n", "x:2: has a quote that is not closed"),
        ("ansible", "[web]\na[3:1]\n", "x:2: [3:1] is not a range"),
        ("ansible", "[web]\na[1:9:0]\n", "x:2: [1:9:0] is not a range"),
        ("ansible", "[web]\na[0:999999999]\n", "x:2: [0:999999999] means more than 100000 hosts"),
        ("ansible", "[web:vars]\nuser\n", "x:2: user is not a variable"),
        ("ansible", "[a:children]\nb\n[b:children]\na\n", "x: group a is inside itself"),
        ("ansible", "[web]\na ansible_host='{{ b }}'\n", "x: ansible_host of a is a template: {{ b }}"),
        ("ansible", "[web]\na ansible_port=no\n", "x: has the port 'no'"),
        ("ansible", "[web]\n", "x: has no host that is reached by ssh"),
        ("ansible", '{"all":\n}', "x:2: is not JSON: Expecting value"),
        ("ssh-config", "Host *\nUser a\n", "x: has no Host that is a name; all are patterns"),
        ("ssh-config", 'Host a\nUser "b\n', "x:2: User has a quote that is not closed"),
        ("host-list", "a[3-1]", "x:1: the range 3-1 ends before it begins"),
        ("host-list", "a[1-3/0]", "x:1: the range 1-3/0 has a step of 0"),
        ("host-list", "a\nb[1-010]", "x:2: 1-010 in b[1-010] has ends of different widths"),
        ("host-list", "@rack1", "x:1: @rack1 is a group or a pattern of ClusterShell\n  hint: import what `nodeset -f @rack1` prints"),
        ("host-list", "a[x]", "x:1: a[x] has brackets without numbers"),
        ("host-list", "a[1", "x:1: [1 is not a list of hosts"),
        ("host-list", "a,!b", "x:1: ,!b is not a list of hosts"),
        ("host-list", "a!a", "x: names no machine"),
        ("host-list", "a[0-99999]b[0-9]", "x:1: a[0-99999]b[0-9] means 1000000 names"),
        ("node-file", "a\nb c\n", "x:2: b c is not the name of a host"),
        ("node-file", "# nothing\n", "x: names no host"),
        ("terraform", '{"a": 1}', "x: is not a set of outputs"),
        ("terraform", '{"region": {"type": "string", "value": "eu"}}', "x: has no output with addresses"),
        (
            "terraform",
            json.dumps({"public_ips": {"type": 1, "value": ["10.0.0.1"]}, "private_ips": {"type": 1, "value": ["10.0.0.2", "10.0.0.3"]}}),
            "x: output private_ips has 2 addresses, and the one for their other addresses has 1",
        ),
        ("hosts", "10.0.0.1 a\nb c\n", "x:2: b c is not an address with names"),
        ("hosts", "127.0.0.1 localhost\n", "x: names no machine"),
        ("kubernetes", '{"kind": "List", "items": [{"kind": "Service"}]}', "x: has no pod"),
        ("kubernetes", '{"kind": "PodList", "items": [{"metadata": {"name": "a"}}]}', "x: has no pod that runs and has an address"),
        ("kubernetes", "[" * 100_000, "x: is nested too deeply"),
    ],
)
def test_mistakes_are_told_with_their_place(form: str, text: str, words: str) -> None:
    """The file, the line where there is one, what is wrong, and what to do."""
    source = ImportSource("x", text)
    with pytest.raises(InputError) as caught:
        cluster_text(source, IMPORTERS[form], IMPORTERS[form].read(source))
    assert words in str(caught.value)
    assert "hint: " in str(caught.value)
    assert caught.value.exit_status == 2


@given(st.sampled_from(sorted(IMPORTERS)), st.text(max_size=60) | st.sampled_from([(FILES / name).read_text()[:900] for name in EXPECTED]))
def test_no_text_brings_an_importer_down(form: str, text: str) -> None:
    """Whatever a file holds, it is imported or refused."""
    source = ImportSource("x", text)
    for importer in IMPORTERS.values():
        importer.recognises(text)
    with contextlib.suppress(InputError):
        cluster_text(source, IMPORTERS[form], IMPORTERS[form].read(source))


def test_parents_and_variables_count_as_ansible_counts_them() -> None:
    """Variables of the host count more than those of its group, these more than those of a group around it; groups may be in several."""
    text = "[all:vars]\nansible_user=one\n[outer:children]\ninner\n[other:children]\ninner\n[inner]\na\nb ansible_user=four\n"
    text += "[outer:vars]\nansible_user=two\n[inner:vars]\nansible_user=three\n"
    found = IMPORTERS["ansible"].read(ImportSource("x", text)).machines
    assert [(machine.name, machine.username, set(machine.classes)) for machine in found] == [
        ("a", "three", {"outer", "inner", "other"}),
        ("b", "four", {"outer", "inner", "other"}),
    ]
    script = {
        "web": ["a", "b"],
        "all": {"children": ["web"], "vars": {"ansible_user": "me"}},
        "_meta": {"hostvars": {"b": {"ansible_host": "c"}}},
    }
    assert [
        (m.name, m.external_addr, m.username, m.classes) for m in IMPORTERS["ansible"].read(ImportSource("x", json.dumps(script))).machines
    ] == [
        ("a", "a", "me", ("web",)),
        ("b", "c", "me", ("web",)),
    ]


def test_a_large_list_is_one_line(tmp_path: Path) -> None:
    """Ten thousand nodes take a line, and the classes of an inventory are folded too."""
    text = imported(ImportSource("x", "n[00001-10000]"))
    assert '"n[00001-10000]" = "n[00001-10000]"' in text.text
    assert len(read_back(text, tmp_path).machines) == 10_000
    text = imported(ImportSource("x", "[web]\nw[1:300]\n"))
    assert 'web = ["w[1-300]"]' in text.text

"""cluster.toml: machines, classes and links, in every form that the file may have. What is wrong with a file: tests/golden."""

from pathlib import Path

import pytest

from wke.describe.cluster.cluster import ClusterSpec, LinkSpec, MachineSpec, read_cluster, restricted, sized
from wke.describe.cluster.machinelimits import MachineLimits
from wke.describe.cluster.selector import select
from wke.errors import InputError


def cluster(tmp_path: Path, text: str) -> ClusterSpec:
    """Read a cluster.toml with this text."""
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    return read_cluster(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[machines]\na = "h"', [("a", "h", "h")]),
        ('[machines]\na = ["h"]', [("a", "h", "h")]),
        ('[machines]\na = ["h", "10.0.0.1"]', [("a", "h", "10.0.0.1")]),
        ('[machines]\na = { external-addr = "h" }', [("a", "h", "h")]),
        ('[machines]\na = { external_addr = "h", internal_addr = "10.0.0.1" }', [("a", "h", "10.0.0.1")]),
        ('[machines.a]\nexternal-addr = "h"\n[machines.b]\nexternal-addr = "i"', [("a", "h", "h"), ("b", "i", "i")]),
        ('machines = ["h", ["i"], ["j", "10.0.0.1"]]', [("h", "h", "h"), ("i", "i", "i"), ("j", "j", "10.0.0.1")]),
        ('[[machines]]\nexternal-addr = "h"\n[[machines]]\nexternal_addr = "i"', [("h", "h", "h"), ("i", "i", "i")]),
        ('[machines]\nz = "h"\na = "i"', [("z", "h", "h"), ("a", "i", "i")]),
        ('[machines]\n"n[1-2]" = "n[1-2].org"', [("n1", "n1.org", "n1.org"), ("n2", "n2.org", "n2.org")]),
        (
            '[machines]\n"n[08-09,11]" = ["h[1,2,3]", "10.0.0.[1-3]"]',
            [("n08", "h1", "10.0.0.1"), ("n09", "h2", "10.0.0.2"), ("n11", "h3", "10.0.0.3")],
        ),
        ('machines = ["h[1-2]"]', [("h1", "h1", "h1"), ("h2", "h2", "h2")]),
    ],
)
def test_machines_are_read_in_the_order_of_the_file(tmp_path: Path, text: str, expected: list[tuple[str, str, str]]) -> None:
    """Every form of an address, as a table and in a list, folded and not."""
    found = cluster(tmp_path, text)
    assert [(m.name, m.external_addr, m.internal_addr) for m in found.machines] == expected
    assert [m.index for m in found.machines] == list(range(len(expected)))
    assert found.provider == "ssh"


@pytest.mark.parametrize("text", ["[cluster]\nmachines = 3", "[machines]\nm0 = {}\nm1 = {}\nm2 = {}", '[machines]\n"m[0-2]" = {}'])
def test_machines_without_addresses_are_emulated(tmp_path: Path, text: str) -> None:
    """A number of machines or bare names are enough; names, order and addresses follow from the file alone."""
    found = cluster(tmp_path, text)
    assert found.provider == "local"
    assert found.machines == (
        MachineSpec("m0", 0, None, "10.181.0.2"),
        MachineSpec("m1", 1, None, "10.181.0.3"),
        MachineSpec("m2", 2, None, "10.181.0.4"),
    )


def test_a_cluster_with_addresses_can_be_emulated(tmp_path: Path) -> None:
    """One word turns a file of real machines into one for the laptop: their addresses then say nothing."""
    found = cluster(tmp_path, '[cluster]\nprovider = "local"\n[machines]\na = ["h", "i"]')
    assert found.machines == (MachineSpec("a", 0, None, "10.181.0.2"),)


def test_all_keys_of_a_cluster_are_read(tmp_path: Path) -> None:
    """What the file says arrives under our names and in our units."""
    found = cluster(
        tmp_path,
        """
        [cluster]
        username = "joe"
        workdir = "/data"
        ssh_port = 2222
        connect-limit = 8
        connect-timeout = "500ms"
        wait = "1min"
        lease = "2h"
        ssh-options = ["-o", "Compression=yes"]
        forward-agent = true
        key-exchange = "default"
        ciphers = "aes256-ctr"
        keep-connections = "10m"
        share = ["/data"]
        [machines]
        a = { external-addr = "h", ssh-port = 23, username = "ann", class = "servers" }
        """,
    )
    assert found == ClusterSpec(
        path=tmp_path / "cluster.toml",
        provider="ssh",
        machines=(MachineSpec("a", 0, "h", "h", ("servers",), 23, "ann"),),
        classes={"servers": ("a",)},
        username="joe",
        workdir="/data",
        ssh_port=2222,
        connect_limit=8,
        connect_timeout_s=0.5,
        lease_s=7200.0,
        wait_s=60.0,
        ssh_options=("-o", "Compression=yes"),
        forward_agent=True,
        key_exchange="default",
        ciphers="aes256-ctr",
        keep_s=600.0,
        share=("/data",),
    )
    assert [str(problem) for problem in found.warnings] == [
        f"{tmp_path}/cluster.toml:5:9: cluster.ssh_port: is an old spelling of ssh-port\n  hint: write ssh-port"
    ]


@pytest.mark.parametrize(
    ("text", "pythons"),
    [
        ("", [None, None, "/own"]),
        ('python = "python3.11"', ["python3.11", "python3.11", "/own"]),
        ('python = { all = "/a", x = "/x" }', ["/x", "/a", "/own"]),
        ('python = { x = "/x", all = "/a" }', ["/a", "/a", "/own"]),
        ('python = { "[1:3]" = "/last" }', [None, "/last", "/own"]),
    ],
)
def test_which_python_a_machine_has(tmp_path: Path, text: str, pythons: list[str | None]) -> None:
    """Its own, else that of the last selector that matches it, else none: then every usual one is tried."""
    machines = '[machines]\na = { external-addr = "h", class = "x" }\nb = "i"\nc = { external-addr = "j", python = "/own" }'
    assert [m.python for m in cluster(tmp_path, f"[cluster]\n{text}\n{machines}").machines] == pythons


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ('[classes]\nx = ["m[0-1]", "m4"]', {"x": "014"}),
        ('[classes]\nx = ["m4", "m0"]', {"x": "04"}),
        ("[classes]\nx = 2\ny = 3", {"x": "01", "y": "234"}),
        ('[classes]\nx = 2\ny = ["m0", "m2"]', {"x": "13", "y": "02"}),
        ('[classes]\nx = ["m0"]\ny = ["m0"]', {"x": "0", "y": "0"}),
    ],
)
def test_classes_list_machines_or_ask_for_a_number(tmp_path: Path, text: str, classes: dict[str, str]) -> None:
    """A number takes the next machines that no class names, wherever that class stands in the file."""
    found = cluster(tmp_path, f"[cluster]\nmachines = 5\n{text}")
    assert {name: "".join(member[1:] for member in members) for name, members in found.classes.items()} == classes
    for machine in found.machines:
        assert machine.classes == tuple(name for name, members in found.classes.items() if machine.name in members)


def test_a_machine_may_name_its_classes_itself(tmp_path: Path) -> None:
    """Its own word and the list add up; a number leaves such machines to their class."""
    found = cluster(
        tmp_path,
        """
        [machines]
        a = { class = "x" }
        "b[1-2]" = { class = ["x", "y"] }
        c = {}
        d = {}
        [classes]
        z = 1
        x = ["c"]
        """,
    )
    assert found.classes == {"z": ("d",), "x": ("a", "b1", "b2", "c"), "y": ("b1", "b2")}


LINKS = """
[cluster]
machines = 4
[classes]
servers = 2
clients = 2
[links]
default = { delay = "0.2ms", rate = "1Gbit" }
"clients -> servers" = { delay = "5ms", jitter = "1ms", loss = "0.1%" }
"m3->m0" = { rate = "10Mbit" }
"""


def test_links_complete_each_other_from_the_default(tmp_path: Path) -> None:
    """What a link leaves open is the default's; a cluster without the table has no links."""
    assert cluster(tmp_path, LINKS).links == {
        "default": LinkSpec(delay_s=0.0002, rate_bits=10**9),
        "clients -> servers": LinkSpec(delay_s=0.005, jitter_s=0.001, loss=0.001, rate_bits=10**9),
        "m3->m0": LinkSpec(delay_s=0.0002, rate_bits=10**7),
    }
    assert cluster(tmp_path, "[cluster]\nmachines = 4").links == {}


def test_a_restricted_cluster_has_the_selected_machines_only(tmp_path: Path) -> None:
    """They keep index, address and classes; a class without machines is gone, and positions count among those left."""
    whole = cluster(tmp_path, '[cluster]\nmachines = 5\n[classes]\nx = ["m[0-2]"]\ny = ["m0"]')
    part = restricted(whole, "m[2-4]")
    assert part.machines == whole.machines[2:]
    assert part.classes == {"x": ("m2",)}
    assert [m.name for m in select(part, "[0]")] == ["m2"]
    with pytest.raises(InputError, match="which is neither a machine nor a class"):
        restricted(whole, "z")


def test_a_sized_cluster_keeps_the_first_machines_of_a_class(tmp_path: Path) -> None:
    """Machines that leave their last class leave the cluster; the others, and those without a class, keep index and address."""
    whole = cluster(tmp_path, '[cluster]\nmachines = 6\n[classes]\nx = ["m[0-2]"]\ny = ["m2", "m3"]\nz = ["m4"]')
    small = sized(whole, {"x": 1, "y": 2})
    assert small.classes == {"x": ("m0",), "y": ("m2", "m3"), "z": ("m4",)}
    assert [(m.name, m.index, m.classes) for m in small.machines] == [
        ("m0", 0, ("x",)),
        ("m2", 2, ("y",)),
        ("m3", 3, ("y",)),
        ("m4", 4, ("z",)),
        ("m5", 5, ()),
    ]
    assert [m.name for m in select(small, "all!x")] == ["m2", "m3", "m4", "m5"]
    assert sized(whole, {}) == whole


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"x": 4}, "class x cannot have 4 machines\n  hint: it has 3 machines in the cluster"),
        ({"x": -1}, "class x cannot have -1 machines\n  hint: the smallest class has 0"),
        ({"q": 1}, 'there is no class "q" to size\n  hint: known: x'),
    ],
)
def test_a_class_cannot_be_sized_beyond_what_it_has(tmp_path: Path, sizes: dict[str, int], message: str) -> None:
    """Neither more than there are, nor fewer than none, nor a class that is not there."""
    with pytest.raises(InputError) as caught:
        sized(cluster(tmp_path, "[cluster]\nmachines = 4\n[classes]\nx = 3"), sizes)
    assert str(caught.value) == message


def test_what_a_provider_cannot_do_is_known_beforehand(tmp_path: Path) -> None:
    """Links between roles and missing folders are refused with their places, of emulated machines only."""
    text = '[cluster]\nprovider = "{}"\nmachines = 2\nshare = ["none"]\n[links]\n"m0 -> m1" = {{ loss = 0.5 }}\ndefault = {{ delay = 1 }}'
    found = cluster(tmp_path, text.format("local")).refusals
    assert [(problem.where.line if problem.where else 0, problem.what) for problem in found] == [
        (6, 'only "default" can be emulated yet, the same link for every machine'),
        (4, "none is not a folder"),
    ]


def test_a_class_may_have_no_machine(tmp_path: Path) -> None:
    """Listed, asked for or reduced to none: a selector of it names no machine, which only those who expect it accept."""
    small = cluster(tmp_path, "[cluster]\nmachines = 2\n[classes]\na = 0\nb = []\nc = 2")
    none = sized(small, {"c": 0})
    assert none.classes == {"a": (), "b": (), "c": ()}
    assert none.machines == ()
    assert select(small, "a,b", may_be_empty=True) == ()
    assert [m.name for m in select(small, "a,c")] == ["m0", "m1"]
    assert restricted(small, "c").classes == small.classes
    with pytest.raises(InputError, match="selects no machine\n  hint: class b has none"):
        select(small, "b")
    with pytest.raises(InputError, match=r"goes past the end with \[0\]\n  hint: class a has 0 machines$"):
        select(small, "a[0]", may_be_empty=True)
    with pytest.raises(InputError, match="selects no machine"):
        select(small, "c!all", may_be_empty=True)


def test_a_large_cluster_is_read(tmp_path: Path) -> None:
    """A thousand machines by folded names, in classes, with links checked."""
    text = '[machines]\n"n[0001-1000]" = "n[0001-1000].org"\n[classes]\na = 400\nb = ["n[0401-1000]"]\n[links]\n"a -> b" = { loss = 0.5 }'
    found = cluster(tmp_path, text)
    assert [len(found.machines), len(found.classes["a"]), len(found.classes["b"])] == [1000, 400, 600]
    assert found.machines[999] == MachineSpec("n1000", 999, "n1000.org", "n1000.org", ("b",))


def test_limits_go_to_machines_by_selectors(tmp_path: Path) -> None:
    """Of each kind of limit a machine has the last one that matches it; a machine that none matches has none, and units are ours."""
    found = cluster(
        tmp_path,
        """
        [cluster]
        limits = "try"
        [machines]
        "s[1-2]" = { class = "servers" }
        c = {}
        [limits]
        servers = { cpus = 1, memory = "1GiB", disk-rate = "50MB/s", cores = [0] }
        s2 = { cpus = 0.5, cores = [0, 1] }
        """,
    )
    assert found.tries_limits
    assert found.limits == {
        "s1": MachineLimits(1.0, 1 << 30, 50_000_000, (0,)),
        "s2": MachineLimits(0.5, 1 << 30, 50_000_000, (0, 1)),
    }
    assert found.limits["s1"].given() == {"cpus": 1.0, "memory": 1 << 30, "disk-rate": 50_000_000, "cores": [0]}
    assert not cluster(tmp_path, "[cluster]\nmachines = 1").tries_limits

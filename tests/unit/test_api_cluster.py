"""Clusters, machines and parts of clusters as scripts see them; nothing here needs a machine."""

from pathlib import Path

import pytest

from wke import Cluster, ClusterError

TOML = """
[cluster]
username = "someone"
workdir = "/data"
ssh-port = 2222
[machines]
a = ["a.example.org", "10.0.0.1"]
b = { external_addr = "b.example.org", class = "clients" }
c = "c.example.org"
d = "d.example.org"
e = "e.example.org"
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """Return a cluster of five machines that do not exist."""
    (tmp_path / "cluster.toml").write_text(TOML)
    return Cluster(tmp_path / "cluster.toml")


def test_a_cluster_says_what_its_file_says(cluster: Cluster) -> None:
    """Login, folder, port, machines in order."""
    assert (cluster.username, cluster.workdir, cluster.ssh_port, cluster.num_machines) == ("someone", "/data", 2222, 5)
    assert cluster.machine_names == list("abcde")
    assert [(m.name, m.index, m.external_addr, m.internal_addr) for m in cluster.get_all_machines()][:3] == [
        ("a", 0, "a.example.org", "10.0.0.1"),
        ("b", 1, "b.example.org", "b.example.org"),
        ("c", 2, "c.example.org", "c.example.org"),
    ]
    assert cluster.get_machine("b").classes == ("clients",)
    assert cluster.get_machine_by_index(4) == cluster.get_machine("e")


def test_the_file_in_the_current_folder_is_the_default(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the commands have it. Two objects of one file share their machines, as long as its content is the same."""
    monkeypatch.chdir(tmp_path)
    assert Cluster().opened is cluster.opened
    (tmp_path / "cluster.toml").write_text(TOML.replace("2222", "22"))
    assert Cluster().opened is not cluster.opened


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda c: c.get_machine("aa"), 'no machine is named "aa"'),
        (lambda c: c.get_machine_by_index(5), "there is no machine at index 5: 5 are here"),
        (lambda c: c.get_machine_by_index(-1), "there is no machine at index -1"),
        (lambda c: c.get_machines_by_indices([0, 9]), "there is no machine at index 9"),
        (lambda c: c.create_subslice(4, 2), "cannot hand out 2 machines: 1 of 5 are left"),
        (lambda c: c.create_slice().create_subslice(6), "cannot hand out 6 machines: 5 of 5 are left"),
        (lambda c: c.create_slice().advance_cursor(-1), "cannot hand out -1 machines"),
        (lambda c: c.create_subslice(3, 1).get_machine("a"), 'no machine is named "a" here'),
    ],
)
def test_what_is_not_there_is_a_cluster_error(cluster: Cluster, wrong: object, words: str) -> None:
    """It is a ValueError too, and says what there is."""
    with pytest.raises(ClusterError, match=words):
        wrong(cluster)


@pytest.mark.parametrize("text", ["[machines]\na = ''\n", "[machines]\na = {}\nb = [1]\n", "nonsense", "[cluster]\n"])
def test_a_wrong_file_is_a_cluster_error(tmp_path: Path, text: str) -> None:
    """With all its problems, each at its place."""
    (tmp_path / "cluster.toml").write_text('[cluster]\nprovider = "ssh"\n' + text if "machines" in text else text)
    with pytest.raises(ClusterError, match=str(tmp_path)):
        Cluster(tmp_path / "cluster.toml")


def test_parts_never_overlap(cluster: Cluster) -> None:
    """Each part is of the next machines: also the third, and also after some were skipped."""
    whole = cluster.create_slice()
    first, second = whole.create_subslice(1), whole.create_subslice(1)
    whole.advance_cursor(1)
    rest = whole.create_subslice_from_remaining()
    assert [part.machine_names for part in (first, second, rest)] == [["a"], ["b"], ["d", "e"]]
    assert (whole.remaining_size, rest.remaining_size, rest.num_machines) == (0, 2, 2)
    with pytest.raises(ClusterError, match="no machine is left of 5"):
        whole.create_subslice_from_remaining()


def test_a_part_of_a_part_counts_by_itself(cluster: Cluster) -> None:
    """A slice of a slice hands out its own machines; indices count within it."""
    part = cluster.create_subslice(1, 3)
    assert part.create_subslice(2).machine_names == ["b", "c"]
    assert part.create_subslice(1).machine_names == ["d"]
    assert part.get_machine_by_index(0).name == "b"
    assert part.get_internal_addrs() == ["b.example.org", "c.example.org", "d.example.org"]
    assert cluster.create_subslice(0, 1).get_external_addrs() == ["a.example.org"]
    assert cluster.create_subslice().num_machines == 5
    assert part.cluster is cluster
    assert part.workdir == "/data"


@pytest.mark.parametrize(
    ("part", "selector"),
    [
        (lambda c: c, "all"),
        (lambda c: c.get_machine("c"), "c"),
        (lambda c: c.create_subslice(1, 2), "b,c"),
        (lambda c: c.get_machines_by_indices([4, 0]), "e,a"),
    ],
)
def test_everything_that_stands_for_machines_is_a_selection(cluster: Cluster, part: object, selector: str) -> None:
    """A cluster, a machine, a slice and a set can all be told to a function that runs targets."""
    selection = part(cluster).selection()
    assert (selection.opened, selection.selector) == (cluster.opened, selector)

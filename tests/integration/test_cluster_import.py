"""`wke cluster import`: what is read, what is written, and that nothing is overwritten unasked."""

import os
import pty
import subprocess
from pathlib import Path

import pytest
from projects import WKE, Project

HOSTS = "10.0.0.1 one\n10.0.0.2 two\n"
FAKE = """#!/bin/sh
[ "$*" = "-i $EXPECTED --list" ] || { echo "called with $*" >&2; exit 9; }
[ -z "$BROKEN" ] || { echo "ERROR! no such plugin: aws_ec2" >&2; exit 4; }
cat <<'X'
{"_meta": {"hostvars": {"a": {"ansible_host": "10.1.0.1"}}}, "all": {"children": ["web"]}, "web": {"hosts": ["a"]}}
X
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project with a file to import."""
    made = Project(tmp_path)
    made.write("hosts", HOSTS)
    return made


def text(project: Project, name: str = "cluster.toml") -> str:
    """Return what is in a file of the project."""
    return (project.folder / name).read_text()


def test_a_file_is_written_that_wke_reads(project: Project) -> None:
    """The same source gives the same text; `wke check` and `wke show-cluster` take it."""
    done = project.wke("cluster", "import", "hosts")
    assert (done.status, done.out, done.err) == (0, "", "cluster.toml: 2 machines\nnext: wke check\n")
    assert project.wke("check").status == 0
    assert [machine["external-addr"] for machine in project.wke("show-cluster", "--json").json["machines"].values()] == [
        "10.0.0.1",
        "10.0.0.2",
    ]
    printed = project.wke("cluster", "import", "-", "--out", "-", typed=HOSTS)
    assert printed.out.replace("stdin", "hosts") == text(project)
    assert sorted(path.name for path in project.folder.iterdir()) == ["cluster.toml", "hosts", "ledger"]


def test_nothing_is_overwritten_unasked(project: Project) -> None:
    """A file stays as it is, unless --force is given; also where what would be written is wrong."""
    project.write("cluster.toml", "mine\n")
    done = project.wke("cluster", "import", "hosts")
    assert (done.status, text(project)) == (2, "mine\n")
    assert "cluster.toml exists; nothing was written\n  hint: --force overwrites it; --out names another file" in done.err
    project.write("many", "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} n{n}\n" for n in range(60_001)))
    done = project.wke("cluster", "import", "many", "--force")
    assert (done.status, text(project)) == (2, "mine\n")
    assert "there are more than 60000 machines" in done.err
    assert project.wke("cluster", "import", "hosts", "--out", "other.toml").err.endswith("next: wke check -f other.toml\n")
    assert project.wke("cluster", "import", "hosts", "--force").status == 0
    assert text(project) == text(project, "other.toml")
    assert "cannot be written" in project.wke("cluster", "import", "hosts", "--out", "hosts/x").err


@pytest.mark.parametrize(("answer", "status", "kept"), [("y", 0, False), ("n", 2, True), ("", 2, True)])
def test_on_a_terminal_one_is_asked(project: Project, answer: str, status: int, *, kept: bool) -> None:
    """Only yes overwrites."""
    project.write("cluster.toml", "mine\n")
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [*WKE, "cluster", "import", "hosts"], cwd=project.folder, stdin=terminal, stderr=terminal, env={**os.environ, "TERM": "dumb"}
    )
    project.processes.append(process)
    os.close(terminal)
    os.write(control, f"{answer}\n".encode())
    said = b""
    try:
        while part := os.read(control, 65536):
            said += part
    except OSError:  # how a terminal ends
        pass
    os.close(control)
    assert (process.wait(), text(project) == "mine\n") == (status, kept), said.decode()
    assert b"overwrite cluster.toml, which exists?" in said


def test_a_host_list_is_an_argument(project: Project) -> None:
    """As Slurm has it in a variable; a name alone is taken for a file, unless the format is named."""
    done = project.wke("cluster", "import", "node[01-04,07],gpu1", "--out", "-")
    assert '"node[01-04]" = "node[01-04]"\nnode07 = "node07"\ngpu1 = "gpu1"\n' in done.out
    done = project.wke("cluster", "import", "node1")
    assert (done.status, done.err) == (2, "there is no file node1\n  hint: a host list of one name needs --format host-list\n")
    assert 'node1 = "node1"' in project.wke("cluster", "import", "node1", "--format", "host-list", "--out", "-").out


def test_ansible_reads_inventories_where_it_is_installed(project: Project) -> None:
    """A file or a folder is given to ansible-inventory; what it prints is imported, how it fails is told. Without it, YAML is refused."""
    folder = project.write("bin/ansible-inventory", FAKE).parent
    (folder / "ansible-inventory").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    project.write("inventory/hosts.yml", "all:\n  hosts:\n    b:\n")
    project.write("hosts.ini", "[web]\nb\n")
    for source in ("inventory", "inventory/hosts.yml", "hosts.ini"):
        done = project.wke("cluster", "import", source, "--out", "-", PATH=path, EXPECTED=source)
        assert 'a = "10.1.0.1"\n\n[classes]\nweb = ["a"]\n' in done.out, done.err
    done = project.wke("cluster", "import", "inventory", PATH=path, EXPECTED="inventory", BROKEN="1")
    assert done.status == 2
    assert (
        "inventory: ansible-inventory failed with status 4: ERROR! no such plugin: aws_ec2\n  hint: try it: ansible-inventory -i"
        in done.err
    )
    without = f"{project.folder / 'nothing'}"
    done = project.wke("cluster", "import", "inventory/hosts.yml", PATH=without)
    assert (done.status, "is an inventory in YAML, which only Ansible can read\n  hint: install ansible-core" in done.err) == (2, True)
    done = project.wke("cluster", "import", "inventory", PATH=without)
    assert (done.status, "ansible-inventory reads it, and does not start: No such file or directory" in done.err) == (2, True)
    assert 'web = ["b"]' in project.wke("cluster", "import", "hosts.ini", "--out", "-", PATH=without).out
    assert "inventory is a folder, and hosts is a file" in project.wke("cluster", "import", "inventory", "--format", "hosts").err


def test_what_is_no_text_is_refused(project: Project) -> None:
    """With the line of the first byte that is none."""
    project.write("picture", b"a\n\xff")
    done = project.wke("cluster", "import", "picture")
    assert (done.status, done.err) == (2, "picture:2: is not UTF-8 text: byte 0xff\n  hint: save it as UTF-8\n")

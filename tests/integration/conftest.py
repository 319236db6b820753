"""Fixtures that reach machines: the same test body runs over every transport."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from projects import Project, emulated_cluster
from sshd import SshdMachine, cluster_toml, sshd_machine
from support import LEASE, eventually


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdMachine]:
    """Yield a machine behind an OpenSSH server of our own."""
    with sshd_machine(tmp_path_factory.mktemp("sshd")) as machine:
        yield machine


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.sshd)])
def transport(request: pytest.FixtureRequest) -> Sequence[str]:
    """Return a way to a machine: a process here, and an OpenSSH connection."""
    return [] if request.param == "local" else request.getfixturevalue("sshd").transport


@pytest.fixture(scope="session")
def ssh_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a cluster file for m0 (class servers), m1 and m2 (clients), each behind an OpenSSH server of its own."""
    with ExitStack() as stack:
        machines = [stack.enter_context(sshd_machine(tmp_path_factory.mktemp(f"sshd-m{n}"), f"m{n}")) for n in range(3)]
        yield re.sub(r'(m[12] = .*)"servers"', r'\1"clients"', cluster_toml(machines, lease=LEASE))


@pytest.fixture(scope="session")
def keepers() -> Iterator[Path]:
    """Yield the folder of this worker's emulated machines; when all is over, nothing is left in it."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="wke-test-"))
    yield folder
    eventually(lambda: {path.name for path in folder.iterdir()} <= {"lock"})
    shutil.rmtree(folder)


@pytest.fixture
def new_project(tmp_path: Path, keepers: Path) -> Iterator[Callable[[str], Project]]:
    """Yield a function that makes a project in a folder of its own, with the cluster file that it is given."""
    made: list[Project] = []

    def make(cluster: str) -> Project:
        made.append(Project(Path(tempfile.mkdtemp(dir=tmp_path)), cluster, {"WKE_EMULATION_FOLDER": str(keepers)}))
        return made[-1]

    yield make
    for project in made:
        project.end()


@pytest.fixture(params=[pytest.param("emulated", marks=pytest.mark.netns), pytest.param("ssh", marks=pytest.mark.sshd)])
def project(request: pytest.FixtureRequest, new_project: Callable[[str], Project]) -> Project:
    """Return an empty project with machines m0 (class servers), m1 and m2 (clients): emulated ones, and ones behind ssh."""
    return new_project(emulated_cluster(3) if request.param == "emulated" else request.getfixturevalue("ssh_cluster"))


@pytest.fixture
def emulated(new_project: Callable[[str], Project]) -> Project:
    """Return an empty project with two emulated machines, m0 and m1."""
    return new_project(emulated_cluster(2))

"""Fixtures that reach machines: the same test body runs over every transport."""

from collections.abc import Iterator, Sequence

import pytest
from sshd import SshdMachine, sshd_machine

from wke.act.transport import local_transport


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdMachine]:
    """A machine behind an OpenSSH server of our own."""
    with sshd_machine(tmp_path_factory.mktemp("sshd")) as machine:
        yield machine


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.sshd)])
def transport(request: pytest.FixtureRequest) -> Sequence[str]:
    """A way to a machine: a process here, and an OpenSSH connection."""
    return local_transport() if request.param == "local" else request.getfixturevalue("sshd").transport

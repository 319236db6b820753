"""The built-in target `install-packages`, against an apt-get and a sudo that write down how they are called."""

import os
import subprocess
from pathlib import Path

import pytest
from support import limit

from wke.describe.configuration.configuration import BUILT_IN_TARGETS

RECORDER = """#!/bin/sh
printf '%s' "${0##*/}" >> "$CALLS"
printf ' <%s>' "$@" >> "$CALLS"
echo " $DEBIAN_FRONTEND" >> "$CALLS"
case "$*" in *"$FAIL"*) exit 7;; esac
"""
SUDO = """#!/bin/sh
echo "sudo $1" >> "$CALLS"
shift
exec "$@"
"""
APT = "apt-get <-y> <-o> <DPkg::Lock::Timeout=300>"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder of tools that stands before the system's on PATH; its `id` says that we are root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"apt-get": RECORDER, "add-apt-repository": RECORDER, "sudo": SUDO, "id": "#!/bin/sh\necho ${FAKE_UID}\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def install(tools: Path, *, packages: str = "", repositories: str = "", fail: str = "nothing", uid: int = 0) -> tuple[int, list[str]]:
    """Run the target; return its exit status and the calls it made."""
    calls = tools.parent / "calls"
    calls.write_text("")
    environment = {"PATH": f"{tools}:{os.defpath}", "CALLS": str(calls), "FAIL": fail, "FAKE_UID": str(uid)}
    environment |= {"WKE_PACKAGES": packages, "WKE_REPOSITORIES": repositories}
    ended = subprocess.run(
        [BUILT_IN_TARGETS / "install-packages"], env=environment, cwd=tools, check=False, capture_output=True, timeout=limit(60)
    )
    return ended.returncode, calls.read_text().splitlines()


def test_repositories_are_added_then_packages_installed_without_asking(tools: Path) -> None:
    """One argument a line, spaces and patterns kept; the list of packages is refreshed in between."""
    (tools / "liberal").touch()  # what the pattern would become in a careless script
    status, calls = install(tools, packages="a\nlib*\n", repositories="ppa:x/y\ndeb http://host/path suite main\n")
    assert status == 0
    assert calls == [
        "add-apt-repository <-y> <ppa:x/y> noninteractive",
        "add-apt-repository <-y> <deb http://host/path suite main> noninteractive",
        f"{APT} <update> noninteractive",
        f"{APT} <install> <--> <a> <lib*> noninteractive",
    ]


def test_another_user_goes_through_sudo_that_never_asks(tools: Path) -> None:
    """`sudo -n` fails rather than wait for a password that nobody can type."""
    status, calls = install(tools, packages="a", uid=1000)
    assert status == 0
    assert calls == ["sudo -n", f"{APT} <update> noninteractive", "sudo -n", f"{APT} <install> <--> <a> noninteractive"]


def test_nothing_is_done_where_nothing_is_required(tools: Path) -> None:
    """A configuration without packages does not even refresh the list."""
    assert install(tools) == (0, [])


@pytest.mark.parametrize(("fail", "steps"), [("ppa:x", 1), ("update", 2), ("install", 3)])
def test_the_first_step_that_fails_ends_it(tools: Path, fail: str, steps: int) -> None:
    """Its status is the target's, and nothing after it runs."""
    status, calls = install(tools, packages="a", repositories="ppa:x", fail=fail)
    assert (status, len(calls)) == (7, steps)

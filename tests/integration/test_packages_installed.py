"""`install-packages` with the real apt-get, on emulated machines whose disks are their own: nothing is installed on this computer."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import Project

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="apt-get on an emulated machine needs root"),
    pytest.mark.skipif(not (shutil.which("apt-get") and shutil.which("dpkg-deb")), reason="no Debian"),
]
NAME = "wke-test-hello"
CONTROL = f"Package: {NAME}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: says hello\n"
SOURCES = """#!/bin/sh
# this repository and no other
set -e
rm -rf /etc/apt/sources.list.d/*
echo 'APT::Sandbox::User "root";' > /etc/apt/apt.conf.d/99repository  # nobody else may read what belongs to a test
echo "deb [trusted=yes] file:{repository} ./" > /etc/apt/sources.list
"""


def repository(folder: Path) -> Path:
    """Make a repository of one package that brings one program, and return it."""
    program = folder / "package/usr/bin" / NAME
    (folder / "package/DEBIAN").mkdir(parents=True)
    (folder / "package/DEBIAN/control").write_text(CONTROL)
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho hello from the package\n")
    program.chmod(0o755)
    (folder / "repository").mkdir()
    package = folder / "repository" / f"{NAME}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder / "package", package], check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    index = f"{CONTROL}Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
    (package.parent / "Packages").write_text(index)
    return package.parent


def test_packages_are_installed_where_they_are_asked_for(emulated: Project) -> None:
    """The machine has the program then, another one has not; the default prelude may need what is installed; what fails is told."""
    mark = f"wke-test-{emulated.folder.name}"
    emulated.targets(
        config=f'[config]\ndefault-prelude = "hello"\n[ubuntu]\nrequired-packages = ["{NAME}"]\n[preludes]\nhello = "Needs the package"',
        probe=f"touch /etc/apt/{mark}",
        sources=SOURCES.format(repository=repository(emulated.folder / "ledger")),
        use=f"dpkg -s {NAME} | grep Status",
    )
    emulated.write("kv/preludes/hello", NAME)
    assert emulated.wke("cluster", "up").status == 0
    try:
        assert emulated.wke("run", "kv", "m0", "probe", "--prelude", "none").status == 0
        if Path("/etc/apt", mark).exists():  # no overlay: the machine's disk is this computer's
            Path("/etc/apt", mark).unlink()
            pytest.skip("kernel: emulated machines have no disks of their own")
        assert emulated.wke("run", "kv", "m0", "sources", "--prelude", "none").status == 0
        done = emulated.wke("run", "kv", "m0", "install-packages,use")
        assert (done.status, done.out.splitlines()[-2:]) == (0, ["m0 │ hello from the package", "m0 │ Status: install ok installed"]), (
            done.err
        )
        other = emulated.wke("run", "kv", "m1", "use")
        assert other.status == 1
        emulated.edit("kv/config.toml", f'["{NAME}"]', '["no-such-package-of-wke"]')
        missing = emulated.wke("run", "kv", "m0", "install-packages")
        assert missing.status == 1
        assert "Unable to locate package no-such-package-of-wke" in missing.err
    finally:
        emulated.wke("cluster", "down")
    assert shutil.which(NAME) is None

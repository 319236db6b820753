"""Pipes that break: the reader of our output goes away, or the program that carries a connection does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from projects import Project, emulated_cluster
from support import limit

CLUSTER = '[machines]\na = "a.example.org"\n'


def wke(cwd: Path, *arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "wke.cli", *arguments], cwd=cwd, text=True, check=False, timeout=limit(60), **how)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cluster.toml").write_text(CLUSTER)
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    (tmp_path / "kv" / "config.toml").write_text("[targets]\nhello = []\n")
    (tmp_path / "kv" / "targets" / "hello").write_text("#!/bin/sh\necho hello\n")
    return tmp_path


def test_output_that_nobody_reads_ends_quietly(folder: Path) -> None:
    """`wke show-cluster | head -0` prints no traceback and ends as a program that SIGPIPE killed."""
    receive, send = os.pipe()
    os.close(receive)
    try:
        done = wke(folder, "show-cluster", stdout=send, stderr=subprocess.PIPE)
    finally:
        os.close(send)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_ssh_that_ends_at_once_is_told(folder: Path) -> None:
    """An ssh that is gone before we have written all is an unreachable machine; SIGPIPE, which would end wke without a word, is ignored."""
    ssh = folder / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text("#!/bin/sh\ngrep SigIgn /proc/$PPID/status > parent\necho 'Host key verification failed.' >&2\nexit 255\n")
    ssh.chmod(0o755)
    path = {**os.environ, "PATH": f"{ssh.parent}:{os.environ['PATH']}"}
    done = wke(folder, "run", "kv", "all", "hello", capture_output=True, env=path)
    assert "machine a: checking its host key failed" in done.stderr
    assert done.returncode == 3
    ignored = int((folder / "parent").read_text().split()[1], 16)
    assert ignored & 1 << (signal.SIGPIPE - 1)


def test_a_series_runs_without_any_stream(tmp_path: Path) -> None:
    """With stdin, stdout and stderr closed everything is measured and stored; what cannot be written is left out."""
    project = Project(tmp_path, emulated_cluster(1))
    project.targets(load="echo wke: x=1")
    project.write(
        "experiments/series.toml", '[experiment]\nconfiguration = "kv"\n[[steps]]\ntarget = "load"\nmeasure = true\n[metrics]\nx = {}\n'
    )
    done = project.measure(under=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"), PYTHONIOENCODING="latin-1")
    assert (done.status, done.out, done.err, project.outcomes()) == (0, "", "", ["ok"])
    assert project.wke("results", PYTHONIOENCODING="ascii").status == 0
    full = project.wke("results", under=("sh", "-c", 'exec "$@" >/dev/full', "sh"))
    assert (full.status, full.err.splitlines()[-2:]) == (
        1,
        ["stdout cannot be written: No space left on device", *full.err.splitlines()[-1:]],
    )

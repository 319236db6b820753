"""`via`: an experiment end to end through pipes that are no ssh, into network, mount, process and host name namespaces of their own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from projects import Project, write_series
from support import LEASE, eventually, limit, marked

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))), reason="needs root, namespaces and iproute2"
    ),
]

HOLDS = "mount -t proc proc /proc && mount -t tmpfs none /mnt && echo {name} > /mnt/who && hostname {name} && ip link set lo up && echo ready && exec sleep 1000"
ENTER = """#!/bin/sh
# any pipe will do: bytes go through two programs that know nothing of wke, on both ways
pid=$2; shift 2
cat | nsenter --target="$pid" --mount --uts --ipc --net --pid -- "$@" | cat
"""
CLUSTER = """
[cluster]
lease = "LEASE"
[machines]
m0 = { internal-addr = "10.9.0.1", class = "servers" }
m1 = { internal-addr = "10.9.0.2", class = "clients" }
[via]
m0 = { preset = "nsenter", target = "PID0" }
m1 = ["./enter", "{name}", "PID1"]
"""
STUCK = "#!/bin/bash\nmkdir FOLDER/ledger/stuck 2>/dev/null && exec sleep 1000\n"


@contextmanager
def space(name: str) -> Iterator[int]:
    """Yield the process id of a machine made of namespaces."""
    holder = subprocess.Popen(
        ["unshare", "-m", "-u", "-i", "-n", "-p", "-f", "--kill-child", "sh", "-c", HOLDS.format(name=name)], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        (pid,) = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        yield int(pid)
    finally:
        holder.kill()
        holder.communicate(timeout=limit(10))


@pytest.fixture
def spaces(tmp_path: Path) -> Iterator[tuple[Project, list[int]]]:
    """Yield a project whose two machines are namespaces with a link between them, and the first process of each."""
    with ExitStack() as stack:
        pids = [stack.enter_context(space(name)) for name in ("m0", "m1")]
        link = f"link add eth0 type veth peer name eth0 netns {pids[1]}"
        subprocess.run(["nsenter", "-t", str(pids[0]), "-n", "ip", *link.split()], check=True)
        for number, pid in enumerate(pids, 1):
            for words in (f"addr add 10.9.0.{number}/24 dev eth0", "link set eth0 up"):
                subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *words.split()], check=True)
        made = Project(tmp_path, CLUSTER.replace("LEASE", LEASE).replace("PID0", str(pids[0])).replace("PID1", str(pids[1])))
        made.write("enter", ENTER).chmod(0o755)
        yield made, pids
        made.end()


def carriers(project: Project) -> list[int]:
    """Return the programs that carry the bytes of the second machine."""
    shells = marked(f"{project.folder.resolve()}/enter")
    children = [pid for shell in shells for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]
    return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "cat\n"]


def inside(pid: int) -> list[int]:
    """Return the processes of the machine whose first one is `pid`."""
    space, found = Path(f"/proc/{pid}/ns/pid").readlink(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "ns/pid").readlink() == space:
                found.append(int(folder.name))
    return found


def test_a_series_runs_through_pipes_and_survives_the_loss_of_one(spaces: tuple[Project, list[int]]) -> None:
    """Scripts run in the namespaces; a pipe that breaks makes the trial lost, nothing stays behind it, and the trial runs again."""
    project, pids = spaces
    write_series(project)
    project.edit("kv/targets/load", "#!/bin/bash\n", STUCK.replace("FOLDER", str(project.folder)))
    running = project.start("measure", "experiments/series.toml", "--no-figures", together=True)
    eventually((project.folder / "ledger/stuck").exists, 30)
    cut = carriers(project)
    assert len(cut) == 2
    os.kill(cut[0], signal.SIGKILL)  # one way only: the machine no longer hears us, and can still say so
    out, _ = running.communicate(timeout=limit(60))
    assert running.returncode == 0, out
    assert project.outcomes() == ["ok"] * 8
    assert sorted(trial.attempt for trial in project.trials()) == [*[1] * 7, 2]
    assert "load on m1: lost, " in out
    assert {(entry["what"], entry["machine"]) for entry in project.ledger()} >= {("server", "m0"), ("end", "m1")}
    eventually(lambda: [inside(pid) for pid in pids] == [[pid] for pid in pids])


def test_each_machine_is_the_one_that_was_entered(spaces: tuple[Project, list[int]]) -> None:
    """Files and host name are those of the namespace; `wke check` says what such machines cannot do."""
    project, _ = spaces
    project.targets(who="echo $(cat /mnt/who) $(hostname)")
    done = project.wke("run", "kv", "all", "who")
    assert (done.status, done.lines) == (0, ["m0 │ m0 m0", "m1 │ m1 m1"])
    checked = project.wke("check")
    assert (checked.status, "they share this computer's processors" in checked.err) == (0, True)

"""A Slurm of our own: munged, slurmctld and one slurmd per node, all on this computer, with their own key, ports and folder.

    with slurm(8) as slurm:
        slurm.environment                   # for the commands that are to use it
        slurm.run("salloc", "-N8", ...)     # a program of Slurm, to its end
        slurm.lose("n3")                    # the node is gone: its daemon, and all that runs there

Nodes are called n0, n1, ... and have the addresses 127.0.1.1, 127.0.1.2, ...; they share this computer's processors, disk and ports. Nothing
of a Slurm that is installed here for other purposes is read. The daemons are children of this process and are ended by their pids. Jobs that
are left over are cancelled first. Only one Slurm stands at a time: the nodes of two would have the same names, addresses and machine locks.
"""

import fcntl
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import alive, eventually, free_port, limit, marked, parent

SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
FOLDER = "/var/tmp"  # it is also what a Slurm that stands has locked
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "salloc", "sbatch", "scontrol", "squeue", "scancel")

CONFIGURATION = """
ClusterName=wketest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=20000,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=60
InactiveLimit=0
KillWait=2
TreeWidth=4
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs=2 RealMemory=512 State=UNKNOWN
"""


@dataclass(slots=True)
class Slurm:
    """A running Slurm; `daemons` are its processes by name: munged, slurmctld, and the nodes'."""

    folder: Path
    nodes: tuple[str, ...]
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes Slurm's programs use it, and what it runs keep its files in its folder."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "TMPDIR": str(self.folder / "tmp"), "PATH": SBIN}

    def run(self, *command: str) -> str:
        """Run a program of Slurm to its end and return what it prints."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=limit(60),
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self) -> list[str]:
        """Return the numbers of the jobs that are running or waiting."""
        return self.run("squeue", "--noheader", "--format=%A").split()

    def running(self, name: str = "") -> list[str]:
        """Return the numbers of the jobs that are running, those with that name only if one is given."""
        return self.run("squeue", "--noheader", "--states=RUNNING", "--format=%A", *([f"--name={name}"] if name else [])).split()

    def left(self) -> list[int]:
        """Return the pids of what jobs have started and what still runs of it."""
        own = {process.pid for process in self.daemons.values()}
        controller = self.daemons["slurmctld"].pid if "slurmctld" in self.daemons else 0  # it has a child that runs scripts
        found = [pid for pid in marked(f"SLURM_CONF={self.environment['SLURM_CONF']}") if pid not in own]
        return [pid for pid in found if not (alive(pid) and parent(pid) == controller)]

    @contextmanager
    def holding(self, nodes: int, *options: str) -> Iterator[str]:
        """Hold that many whole nodes in a job, and yield its number. In partition "urgent" it takes them from jobs of the other one."""
        command = ["salloc", "--quiet", "--job-name=holding", f"--nodes={nodes}", "--exclusive", *options, "cat"]
        process = subprocess.Popen(command, env=os.environ | self.environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: self.running(name="holding"), within_s=60)
            yield self.running(name="holding")[0]
        finally:
            process.communicate(timeout=limit(20))  # closes its input, which ends `cat`

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in the foreground, as our child."""
        (self.folder / f"{name}.out").touch()
        with (self.folder / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                command, env=os.environ | self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder
            )

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self.start(node, "slurmd", "-D", "-N", node)

    def idle(self) -> bool:
        """Tell whether all nodes are up and have nothing to do."""
        done = subprocess.run(
            ["sinfo", "--noheader", "--states=idle", "--format=%D"],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() == str(len(self.nodes))

    def lose(self, node: str) -> None:
        """Let a node fail: its daemon, the processes that watch its steps, and all that runs in them are killed."""
        self.end(node, signal.SIGKILL)
        for pid in [*marked(f"SLURMD_NODENAME={node}"), *self._watchers(node)]:
            os.kill(pid, signal.SIGKILL)

    def _watchers(self, node: str) -> list[int]:
        """Return the pids of the processes by which a node watches its steps: they hold its log file open."""
        log = str(self.folder / f"{node}.log")
        found = []
        for pid in marked("slurmstepd"):
            try:
                open_files = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
            except OSError:
                continue
            if log in open_files:
                found.append(pid)
        return found

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a daemon and wait for it."""
        process = self.daemons.pop(name)
        process.send_signal(number)
        try:
            process.wait(limit(20))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def missing_programs() -> list[str]:
    """Return the programs of Slurm that are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name, path=SBIN) is None]


@contextmanager
def slurm(count: int) -> Iterator[Slurm]:
    """Run a Slurm with `count` nodes, once no other stands any more. Skips where Slurm is not installed."""
    if missing := missing_programs():
        pytest.skip(f"Slurm is not installed: {', '.join(missing)}")
    lock = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _standing(count) as running:
            yield running
    finally:
        os.close(lock)


@contextmanager
def _standing(count: int) -> Iterator[Slurm]:
    folder = Path(tempfile.mkdtemp(prefix="wke-slurm-", dir=FOLDER))  # a socket's path must be short
    folder.chmod(0o755)
    running = Slurm(folder, tuple(f"n{number}" for number in range(count)))
    try:
        _write(running)
        _start(running)
        yield running
        for job in running.jobs():
            running.run("scancel", job)
        eventually(lambda: not running.jobs())
        eventually(lambda: not running.left())
    finally:
        for name in reversed(list(running.daemons)):
            running.end(name)
        for pid in running.left():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _write(running: Slurm) -> None:
    folder, host = running.folder, socket.gethostname().partition(".")[0]
    for name in ("state", "tmp", *running.nodes):
        (folder / name).mkdir()
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    ports = _free_ports(len(running.nodes) + 1)
    lines = [CONFIGURATION.format(host=host, folder=folder, user=getpass.getuser(), port=ports[0])]
    for number, node in enumerate(running.nodes):
        address = f"127.0.{1 + number // 250}.{1 + number % 250}"
        lines.append(f"NodeName={node} NodeHostname={host} NodeAddr={address} Port={ports[number + 1]}")
    lines.append("PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP")
    lines.append("PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2")
    (folder / "slurm.conf").write_text("\n".join(lines) + "\n")
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")


def _free_ports(count: int) -> Sequence[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)


def _start(running: Slurm) -> None:
    folder = running.folder
    files = (f"--{what}={folder}/munge.{what.partition('-')[0]}" for what in ("socket", "pid-file", "log-file", "seed-file"))
    running.start("munged", "munged", "--foreground", "--force", f"--key-file={folder}/key", "--num-threads=2", *files)
    socket_file = folder / "munge.socket"
    eventually(lambda: socket_file.exists() or running.daemons["munged"].poll() is not None)
    assert socket_file.exists(), (folder / "munged.out").read_text()
    running.start("slurmctld", "slurmctld", "-D", "-i")
    for node in running.nodes:
        running.start_node(node)
    eventually(running.idle, within_s=60)

"""How long one command takes on eight machines, from an empty prompt to the next one."""

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import WKE, Bench
from fleet import KEY_EXCHANGE, Fleet
from masters import Masters
from project import configured_ssh_cluster, emulated_cluster, ssh_cluster, write_project
from rig import Absent, Contender, Phase
from sections.emulating import mininet
from sections.fanout import PYTHON_BY_SSH, RUN, Fanout
from sections.shellscript import WAYS, Prefix, step
from table import Goal, Lead, Table, measured

COUNT = 8
RUNS = 10
KEPT_S = 0.2  # for a command whose connections are there
COLD = 1.3  # times what ssh takes that starts a Python
MADE = """\
The machines are created for this one command and removed after it. All figures include the machines' own work, because they are processes
on this computer. wke starts an agent on every machine. The agent runs the script in its own session, returns output and outcome and
leaves nothing running. The others fork and exec `true`."""
KEPT = """\
The same on machines that already exist (`wke cluster up`, or the script's). `ip netns exec` enters a network namespace and execs, which
is the least that can be done. The difference to wke is the agent, the lease, output and outcome of every machine, and that nothing keeps
running. `wke run --dry-run` starts, reads and checks everything and contacts no machine. This is the part of our figures, here and below,
that Python's start takes."""
SSH = f"""\
Eight separate sshd processes on loopback addresses, {KEY_EXCHANGE} for all (the servers accept nothing else), separate keys, prepared
known_hosts, no ssh agent, eight machines at a time. Logins are counted in the servers' logs. The servers work on the same cores at the
same time; the client's CPU excludes them. Rows marked (open) use connections that an earlier command left open, which wke does with
`keep-connections`. `xargs ssh python3 -c pass` starts a Python on each machine, as wke does when it connects.
wke, OpenSSH and the tools that start it, pyinfra and asyncssh check host keys here. Fabric, parallel-ssh and old wke accept any key."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield the tables: machines created for the command, existing machines, machines over ssh."""
    folder = write_project(bench.folder / "commanding", cluster=emulated_cluster(COUNT))
    yield _made(bench, folder)
    yield _kept(bench, folder)
    yield _over_ssh(bench)


def _made(bench: Bench, folder: Path) -> Table:
    entries: list[Contender | Absent] = [
        Contender("wke", (Phase(RUN),), folder=folder, ours=True),
        *(_script(Prefix(bench.folder / "prefix"), way) for way in WAYS),
        mininet(bench, COUNT, "true"),
    ]
    title = f"`true` on {COUNT} emulated machines created for it"
    return measured(title, MADE, entries, runs=bench.times(RUNS), goals=(Goal("wke", 1.0),))


def _script(prefix: Prefix, way: str) -> Contender:
    """Return one process that makes the machines, runs the command and removes them."""
    lines = " && ".join(shlex.join(map(str, step(verb, COUNT, prefix, way))) for verb in ("up", "true", "down"))
    return Contender(WAYS[way], (Phase(("bash", "-c", lines)),), before=prefix.renew, after=prefix.remove_all)


def _kept(bench: Bench, folder: Path) -> Table:
    prefix = Prefix(bench.folder / "kept-prefix")
    prefix.renew()
    entries: list[Contender | Absent] = [
        Contender("xargs ip netns exec", (Phase(step("true", COUNT, prefix, "batch")),)),
        Contender("wke run --dry-run", (Phase((*RUN, "--dry-run")),), folder=folder),
    ]
    with ExitStack() as stack:
        stack.callback(prefix.remove_all)
        stack.enter_context(_standing(step("up", COUNT, prefix, "batch"), step("down", COUNT, prefix, "batch"), folder))
        try:
            stack.enter_context(_standing((WKE, "cluster", "up"), (WKE, "cluster", "down"), folder))
        except subprocess.CalledProcessError as error:
            entries.append(Absent("wke", f"cluster up: {error.stderr.strip()}"))
        else:
            entries.insert(0, Contender("wke", (Phase(RUN),), folder=folder, ours=True))
        title = f"`true` on {COUNT} existing emulated machines"
        return measured(title, KEPT, entries, runs=bench.times(RUNS), goals=(Goal("wke", 1.0),))


@contextmanager
def _standing(up: Sequence[str | Path], down: Sequence[str | Path], folder: Path) -> Iterator[None]:
    """Keep machines up while the block lasts."""
    subprocess.run(up, cwd=folder, check=True, capture_output=True, text=True)
    try:
        yield
    finally:
        subprocess.run(down, cwd=folder, check=True, capture_output=True, text=True)


def _over_ssh(bench: Bench) -> Table:
    home = bench.folder / "fleet"
    home.mkdir()
    with Fleet(COUNT, home) as fleet, Masters(fleet) as masters:
        folder = write_project(bench.folder / "ssh", cluster=configured_ssh_cluster(fleet), old=ssh_cluster(fleet))
        fanout = Fanout(bench, fleet, folder)
        entries = [
            fanout.ours(),
            fanout.our_kept(),
            fanout.plain_ssh(),
            fanout.python_by_ssh(),
            fanout.open_ssh(masters),
            *fanout.ssh_starters(),
            fanout.old_wke(),
            *fanout.libraries(),
            fanout.pyinfra(),
            *fanout.ansible("raw", "command"),
            *fanout.open_ansible("raw", "command"),
        ]
        try:
            goals = (Goal("wke (open)", KEPT_S), Lead(PYTHON_BY_SSH, "time", 1 / COLD))
            return measured(f"`true` on {COUNT} machines over ssh", SSH, entries, runs=bench.times(RUNS), goals=goals)
        finally:
            fanout.end_left_connections()

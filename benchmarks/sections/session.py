"""What ten commands cost in one session, with each tool used in its best way."""

from collections.abc import Iterator

from bench import Bench
from fleet import Fleet
from project import configured_ssh_cluster, ssh_cluster, write_project
from sections.fanout import Fanout
from table import Lead, Table, measured

COUNT, COMMANDS, RUNS = 64, 10, 3
GOALS = (
    Lead("old wke", "time", 8),
    Lead("Ansible raw", "time", 20),
    Lead("Ansible shell", "time", 55),
    Lead("xargs ssh, multiplexed", "warm", 8),
    Lead("asyncssh", "warm", 3),
)
ABOUT = f"""\
The same machines as in the tables before. A session connects, runs `true` on all machines {COMMANDS} times, each time on all of them
before the next, and closes. wke, asyncssh, Fabric, parallel-ssh, execnet and Mitogen run a script that keeps its connections; execnet and
Mitogen tell a Python on the machine to start `true`. Old wke runs a script with its MeasurementSession, which logs in for every command,
as plain ssh and execo do. Ansible (alone and with Mitogen) runs a playbook of {COMMANDS} tasks, pyinfra a deploy of {COMMANDS}
operations. *last {COMMANDS - 1}* is the time from the end of the first command to the end of the last, by the script's own clock. No
other figure is taken from within. Tools that log in for every command, and slow tools, run once. pdsh and the clush command of
ClusterShell have no sessions."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield the table of the session."""
    home = bench.folder / "session"
    home.mkdir()
    with Fleet(COUNT, home) as fleet:
        folder = write_project(home / "project", cluster=configured_ssh_cluster(fleet), old=ssh_cluster(fleet))
        fanout = Fanout(bench, fleet, folder, count=COMMANDS, slow=1)
        entries = [
            fanout.our_script(),
            fanout.plain_ssh(),
            fanout.multiplexed_ssh(),
            fanout.old_wke_script(),
            *fanout.libraries(),
            *fanout.ssh_libraries(),
            fanout.pyinfra(),
            *fanout.ansible("raw", "shell"),
        ]
        title = f"{COMMANDS} commands on {COUNT} machines over ssh, one session"
        yield measured(title, ABOUT, entries, runs=bench.times(RUNS), goals=GOALS)

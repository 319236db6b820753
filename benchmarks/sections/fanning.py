"""What it costs to reach many machines once: connect, run `true`, close."""

from collections.abc import Iterator

from bench import Bench
from fleet import KEY_EXCHANGE, Fleet
from project import configured_ssh_cluster, ssh_cluster, write_project
from sections.fanout import WIDTH, Fanout
from table import Lead, Table, measured

RUNS = {64: 3, 256: 3}
FASTER_THAN = ("Fabric", "pyinfra", "Ansible raw", "Ansible shell", "Ansible shell with Mitogen", "Mitogen", "execnet")
GOALS = (Lead("xargs ssh", "CPU", 0.8), Lead("xargs ssh", "net", 0.8), *(Lead(peer, "time", 1.0) for peer in FASTER_THAN))
ABOUT = f"""\
Separate sshd processes with default limits on loopback addresses, {KEY_EXCHANGE} for all. Logins are counted. Tools with a limit get at
most {WIDTH} connections at a time (asyncssh and parallel-ssh open all at once). The machines work on the same cores: *machines' CPU* is
what sshd, the login shell, `true` and, if the tool starts one there, a Python had used when the tool ended. *net* is the time without
that work, assuming that it was spread over all cores and waited for: time minus machines' CPU divided by the number of cores. That is
about right for tools that keep every core busy. It favours tools that use one core, because the machines had another core to themselves.
A ratio of 0.8 means that wke takes 1.25 times the peer's figure. Ansible, Mitogen and execnet are slow and run once."""


def tables(bench: Bench) -> Iterator[Table]:
    """Yield a table for each number of machines."""
    for count, runs in RUNS.items():
        home = bench.folder / f"fanning-{count}"
        home.mkdir()
        with Fleet(count, home) as fleet:
            folder = write_project(home / "project", cluster=configured_ssh_cluster(fleet), old=ssh_cluster(fleet))
            fanout = Fanout(bench, fleet, folder, slow=1)
            entries = [
                fanout.ours(),
                fanout.plain_ssh(),
                fanout.multiplexed_ssh(),
                *fanout.ssh_starters(),
                fanout.old_wke(),
                *fanout.libraries(),
                *fanout.ssh_libraries(),
                fanout.pyinfra(),
                *fanout.ansible("raw", "shell"),
            ]
            first = count == min(RUNS)
            title, about = f"`true` on {count} machines over ssh, once", ABOUT if first else ""
            yield measured(title, about, entries, runs=bench.times(runs), goals=GOALS, warm=first)

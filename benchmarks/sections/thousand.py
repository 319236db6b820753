"""A thousand connections at once: how long they take, whether all succeed, and how much memory they need."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import PEER_SCRIPTS, Bench
from fleet import Fleet
from gathering import Gathering
from project import configured_ssh_cluster, write_project
from rig import Absent, Contender, measure
from sections.fanout import RUN, Fanout, How
from table import Listing, verdict

COUNT = 1000
DEADLINE_S, MEMORY = 120.0, 400_000_000
PATIENCE_S = 200.0
ABOUT = f"""\
{COUNT:,} separate sshd processes with default limits (MaxStartups and all others). The command waits on every machine until all machines
have arrived, so all connections are open at the same time. Then the client's memory is read, the command ends, and the client closes. One
run each. wke makes 64 connections at a time (`connect-limit`), xargs starts {COUNT:,} ssh processes, and asyncssh opens {COUNT:,}
connections from one process. *all in* is the time until the last machine arrived. *done* is the time of the whole process, minus the time
the connections were held. Memory: *share* counts a page that several processes map proportionally (PSS), *resident* counts it in full for
each of them (RSS). The times include the machines' work."""
HEADER = (
    "",
    "all in, s",
    "done, s",
    "client CPU, s",
    "own share, MB",
    "own resident, MB",
    "share with children, MB",
    "resident with children, MB",
)


def tables(bench: Bench) -> Iterator[Listing]:
    """Yield the one table."""
    home = bench.folder / "thousand"
    home.mkdir()
    with Fleet(COUNT, home) as fleet:
        yield _held(bench, fleet)


def _held(bench: Bench, fleet: Fleet) -> Listing:
    gatherings = {name: Gathering(fleet.folder / name.replace(" ", "-"), COUNT, PATIENCE_S) for name in ("wke", "xargs ssh", "asyncssh")}
    for gathering in gatherings.values():
        gathering.prepare()
    results, absent = measure(list(_contenders(bench, fleet, gatherings)), 1, warm=False)
    rows, verdicts = [], []
    for result in results:
        seen = gatherings[result.name]
        done_s = result.wall_s() - seen.held_s
        sizes = [size for part in (seen.own, seen.tree) if part is not None for size in (part.share, part.resident)]
        name = f"**{result.name}**" if result.ours else result.name
        rows.append((name, f"{seen.all_in_s:.1f}", f"{done_s:.1f}", f"{result.cpu_s():.1f}", *(f"{size / 1e6:.0f}" for size in sizes)))
        if result.ours and seen.own is not None:
            verdicts += [
                verdict(f"wke done in under {DEADLINE_S:.0f} s, no failure", f"{done_s:.1f} s, no failure", met=done_s < DEADLINE_S),
                verdict(
                    f"wke itself below {MEMORY / 1e6:.0f} MB resident", f"{seen.own.resident / 1e6:.0f} MB", met=seen.own.resident < MEMORY
                ),
            ]
    verdicts += [f"- failed: {entry.name}: {entry.why}" for entry in absent]
    return Listing(f"{COUNT:,} connections at once", ABOUT, HEADER, tuple(rows), tuple(verdicts), tuple(results))


def _contenders(bench: Bench, fleet: Fleet, gatherings: dict[str, Gathering]) -> Iterator[Contender | Absent]:
    ours, plain, library = gatherings.values()
    folder = write_project(fleet.folder / "project", script=ours.script.read_text(), cluster=configured_ssh_cluster(fleet))
    fanout = Fanout(bench, fleet, folder)
    hosts = fleet.folder / "hosts"
    hosts.write_text("".join(f"{host}\n" for host in fleet.hosts))
    words: tuple[str, ...] = (fleet.user, str(fleet.port), str(fleet.key), str(fleet.known_hosts), *fleet.hosts)
    xargs = ("-a", hosts, "-P", str(COUNT), "-I", "{}", "ssh", "-F", fleet.config, "{}", f"sh {plain.script}")
    python = bench.program("asyncssh", "python")
    for gathering, entry in (
        (ours, fanout.contender("wke", *RUN, how=How(folder=folder, ours=True))),
        (plain, fanout.contender("xargs ssh", Path("xargs"), *xargs)),
        (library, fanout.contender("asyncssh", python, PEER_SCRIPTS / "asyncssh_run.py", f"sh {library.script}", *words)),
    ):
        yield entry if isinstance(entry, Absent) else _watched(entry, gathering)


def _watched(contender: Contender, gathering: Gathering) -> Contender:
    """Return the contender with its machines watched by `gathering`."""

    def check() -> None:
        contender.check()
        gathering.check()

    return replace(contender, started=gathering.watch, check=check, after=gathering.end)

"""What costs what in wke: the start, a connection, a command, a trial, a byte. Prints Markdown, or writes it into a page.

    python benchmarks/costs.py [--runs 7] [--write docs/howto/costs.md]

The machine is a login over ssh to this computer, and for one row an emulated one. Costs of parts are differences of whole processes.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench import PEER_SCRIPTS, WKE
from facts import taken_by
from fleet import Fleet
from page import write_between
from project import CONFIG, TARGET, configured_ssh_cluster, emulated_cluster, write_project
from rig import Contender, Phase, Result, measure
from sections.series import EXPERIMENT, _measure
from table import Listing, render

MARKS = "<!-- costs: written by benchmarks/costs.py -->", "<!-- end of costs -->"
COMMANDS, TRIALS, MEBIBYTES, FILES, SIZE, MACHINES = 51, 60, 256, 1000, 4096, 4
ABOUT = """\
`wke run` of a script that does nothing, on one machine over ssh: the whole command, and its parts. The start is that of
`wke run --dry-run`; the command is what a further one costs over the same connection; the connection is the rest: ssh, the login, and
the start of wke's agent."""
EACH = f"""\
What one more of each costs, over ssh to one machine (trials: {MACHINES} machines)."""


def main() -> None:
    """Measure, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between their markers in this page")
    words = parser.parse_args()
    taken = taken_by(f"python benchmarks/costs.py --runs {words.runs}")
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as text:
        tables = _tables(Path(text), words.runs)
    printed = "\n".join([taken, "", *map(render, tables)])
    print(printed)
    if words.write:
        write_between(words.write, printed, *MARKS)


def _tables(folder: Path, runs: int) -> list[Listing]:
    home = folder / "fleet"
    home.mkdir()
    with Fleet(1, home) as fleet:
        project = write_project(folder / "project", cluster=configured_ssh_cluster(fleet))
        (project / "series.toml").write_text(EXPERIMENT.format(trials=2))
        _write_data(project)
        found = {one.name: one for one in _measured(project, fleet, runs)}
        fleet.hosts *= MACHINES
        trials = write_project(folder / "trials", cluster=configured_ssh_cluster(fleet))
        over_ssh_s = statistics.median(_measure(trials, TRIALS).gaps_ms(1)) / 1000
    emulated = write_project(folder / "emulated", cluster=emulated_cluster(MACHINES))
    emulated_s = statistics.median(_measure(emulated, TRIALS).gaps_ms(1)) / 1000
    return [_parts(found), _units(found, over_ssh_s, emulated_s)]


def _write_data(project: Path) -> None:
    (project / "small").mkdir()
    for number in range(FILES):
        (project / "small" / f"file{number}").write_bytes(os.urandom(SIZE))
    (project / "large").write_bytes(os.urandom(MEBIBYTES << 20))
    (project / CONFIG / "targets" / "cat").write_text(f"#!/bin/sh\ncat {project / 'large'}\n")
    configuration = project / CONFIG / "config.toml"
    configuration.write_text(f"{configuration.read_text()}cat = []\n")


def _measured(project: Path, fleet: Fleet, runs: int) -> list[Result]:
    def wke(name: str, *words: str | Path) -> Contender:
        return Contender(name, (Phase((WKE, *words)),), folder=project, ours=True)

    session = (sys.executable, PEER_SCRIPTS / "wke_true.py", str(COMMANDS), "cluster.toml", CONFIG, TARGET)
    contenders = [
        Contender("python", (Phase((sys.executable, "-c", "pass")),)),
        Contender("ssh", (Phase(("ssh", "-F", fleet.config, fleet.hosts[0], "true")),)),
        wke("version", "--version"),
        wke("start", "run", "--dry-run", CONFIG, "all", TARGET),
        wke("run", "run", "-q", CONFIG, "all", TARGET),
        wke("plan", "plan", "series.toml"),
        Contender("session", (Phase(session, marks=COMMANDS),), folder=project),
        wke("output", "run", "-q", "--log-dir", "logs", CONFIG, "all", "cat"),
        wke("large", "copy", "-q", "large", "all:there/"),
        wke("small", "copy", "-q", "small", "all:there/"),
        wke("nothing", "copy", "-q", "series.toml", "all:there/"),
    ]
    found, absent = measure(contenders, runs)
    if absent:
        sys.exit(f"{absent[0].name}: {absent[0].why}")
    return found


def _parts(found: dict[str, Result]) -> Listing:
    whole_s, start_s = found["run"].wall_s(), found["start"].wall_s()
    command_s = found["session"].warm().wall_s / (COMMANDS - 1)
    parts = {"start of wke": start_s, "connection": whole_s - start_s - command_s, "command": command_s, "**all**": whole_s}
    beside = {"`python -c pass`": "python", "`ssh HOST true`": "ssh", "`wke --version`": "version"}
    parts |= {name: found[which].wall_s() for name, which in beside.items()}
    rows = [(name, _ms(part_s), f"{part_s / whole_s:.0%}") for name, part_s in parts.items()]
    return Listing("One command on one machine", ABOUT, ("", "ms", "share of the command"), tuple(rows))


def _units(found: dict[str, Result], over_ssh_s: float, emulated_s: float) -> Listing:
    nothing_s, run_s = found["nothing"].wall_s(), found["run"].wall_s()
    gib = 1024 / MEBIBYTES
    rows = [
        ("a command over a connection that is open", f"{_ms(found['session'].warm().wall_s / (COMMANDS - 1))} ms"),
        (f"a trial that does nothing, {MACHINES} machines over ssh", f"{_ms(over_ssh_s)} ms"),
        (f"a trial that does nothing, {MACHINES} emulated machines", f"{_ms(emulated_s)} ms"),
        ("`wke plan` of a small experiment", f"{_ms(found['plan'].wall_s())} ms"),
        ("a GiB of output of a script, into its log", f"{(found['output'].wall_s() - run_s) * gib:.1f} s"),
        ("a GiB of files that are there already, compared by their content", f"{(found['large'].wall_s() - nothing_s) * gib:.1f} s"),
        (f"a file of {SIZE} bytes that is there already", f"{(found['small'].wall_s() - nothing_s) / FILES * 1e6:.0f} µs"),
    ]
    return Listing("One more of each", EACH, ("", "costs"), tuple(rows))


def _ms(value_s: float) -> str:
    return f"{value_s * 1000:.1f}" if value_s < 0.1 else f"{value_s * 1000:,.0f}"


if __name__ == "__main__":
    main()

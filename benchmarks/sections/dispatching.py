"""What one more command costs on open connections, and how far apart tasks start that should start together."""

import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import PEER_SCRIPTS, WKE, Bench
from fleet import Fleet
from project import CONFIG, TARGET, configured_ssh_cluster, ssh_cluster, write_project
from rig import CORES, Result, Warm, measure
from sections.fanout import Fanout
from table import Listing, Table, verdict

COUNT, COMMANDS, RUNS = 256, 11, 2
TOGETHER, RELEASES = 64, 31
WARM_MS, CONTROLLER_MS, SKEW_MS = 0.6, 0.15, 2.0
WARM = f"""\
A session as above on {COUNT} machines with {COMMANDS} commands, of which the first is not counted. The script reads the clock and CPU
times after the first command and after the last one. *all in* is the time divided by machines and commands. It includes the machines'
work on the same {CORES} cores. The CPU times are those of the script's process and of the ssh processes that it started (asyncssh and
parallel-ssh start none)."""
SKEW = f"""\
`measure` stages a task on each of {TOGETHER} machines and releases all of them at one agreed instant, {RELEASES - 1} times after a first
one that is not counted. Starts are those in wke's records. All machines are this computer, so their clocks are the same. Each start is
compared with the first start of its release: {(RELEASES - 1) * TOGETHER:,} differences. {TOGETHER} processes start on {CORES} cores here,
so most of the difference comes from machines waiting for each other. Separate computers do not wait for each other."""


def tables(bench: Bench) -> Iterator[Table | Listing]:
    """Yield the cost of a warm command, and the skew."""
    with Fleet(COUNT, _folder(bench, "warm")) as fleet:
        yield _warm(bench, fleet)
    with Fleet(TOGETHER, _folder(bench, "together")) as fleet:
        yield _skew(_project(fleet))


def _warm(bench: Bench, fleet: Fleet) -> Listing:
    fanout = Fanout(bench, fleet, _project(fleet), count=COMMANDS, slow=1)
    entries = [fanout.our_script(), fanout.multiplexed_ssh(), *fanout.libraries()]
    results, absent = measure(entries, bench.times(RUNS), warm=False)
    costs = {result.name: cost(result, COUNT) for result in sorted(results, key=lambda result: result.warm().wall_s)}
    rows = [
        ("**wke**" if name == "wke" else name, _ms(c.wall_s), *((_ms(c.own_s), _ms(c.children_s)) if c.own_s else ("–", "–")))
        for name, c in costs.items()
    ]
    verdicts = [f"- not here: {entry.name}: {entry.why}" for entry in absent]
    if "wke" in costs:
        ours = costs["wke"]
        for what, limit_ms, value_s in (
            ("all in", WARM_MS, ours.wall_s),
            ("controller CPU, own process", CONTROLLER_MS, ours.own_s),
            ("controller CPU, its ssh processes included", CONTROLLER_MS, ours.own_s + ours.children_s),
        ):
            wanted = f"wke, {what}, at most {limit_ms:g} ms per machine"
            verdicts.append(verdict(wanted, f"{_ms(value_s)} ms", met=value_s * 1000 <= limit_ms))
    header = ("", "all in, ms per machine", "CPU of the process, ms per machine", "CPU of its ssh processes, ms per machine")
    return Listing(f"One more `true` on {COUNT} machines", WARM, header, tuple(rows), tuple(verdicts), tuple(results))


def cost(result: Result, machines: int) -> Warm:
    """Return what a warm command costs per machine."""
    warm = result.warm()
    share = warm.commands * machines
    return Warm(1, warm.wall_s / share, warm.own_s / share, warm.children_s / share)


def _skew(project: Path) -> Listing:
    words = (WKE.with_name("python"), PEER_SCRIPTS / "wke_skew.py", str(RELEASES), "cluster.toml", CONFIG, TARGET)
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)
    releases = json.loads(done.stdout)[1:]
    late_ms = [(start - min(starts)) / 1e6 for starts in releases for start in starts]
    cuts = statistics.quantiles(late_ms, n=100, method="inclusive")
    last_ms = statistics.median((max(starts) - min(starts)) / 1e6 for starts in releases)
    row = tuple(f"{value:.2f}" for value in (cuts[49], cuts[89], cuts[98], max(late_ms), last_ms))
    wanted = verdict(f"p99 at most {SKEW_MS:g} ms", f"{cuts[98]:.2f} ms", met=cuts[98] <= SKEW_MS)
    header = ("", "p50, ms", "p90, ms", "p99, ms", "max, ms", "median of each release's last, ms")
    return Listing(f"Starting together on {TOGETHER} machines", SKEW, header, (("**wke**", *row),), (wanted,))


def _folder(bench: Bench, name: str) -> Path:
    folder = bench.folder / name
    folder.mkdir()
    return folder


def _project(fleet: Fleet) -> Path:
    return write_project(fleet.folder / "project", cluster=configured_ssh_cluster(fleet), old=ssh_cluster(fleet))


def _ms(value_s: float) -> str:
    return f"{value_s * 1000:.3f}"

"""What a series costs in addition to its scripts, and whether the last thousand trials cost as much as the first."""

import os
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic

from bench import PEER_SCRIPTS, WKE, Bench
from fleet import Fleet
from project import CONFIG, TARGET, configured_ssh_cluster, emulated_cluster, ssh_cluster, write_project
from rig import Absent, ContenderError
from table import Listing, verdict

MACHINES, TRIALS, PART = 5, 10_000, 1_000
OVER_SSH, OF_OLD_WKE = 300, 20
LIMIT_MS, FLAT = 25.0, 1.15
EXPERIMENT = f"""\
[experiment]
configuration = "{CONFIG}"
iterations = {{trials}}
[[steps]]
target = "{TARGET}"
on = "all"
measure = true
"""
LONG = f"""\
`wke measure` on {MACHINES} emulated machines. Each trial measures a script that does nothing: {TRIALS:,} trials, without figures. The
time is from the end of one trial to the end of the next, as the command prints them. Memory (resident) and descriptors are those of the
command's process, read from outside after each thousand trials."""
BESIDE = f"""\
The same trial over ssh, {OVER_SSH} times, on {MACHINES} machines that are logins to one server on this computer. The first trial, which
connects, is not counted. Old wke runs a script that calls its `benchmark_main`, {OF_OLD_WKE} trials, no cooldown; each trial logs in to
every machine. Its trial starts the script on each machine as soon as it can. A trial of wke starts it at one agreed instant on all
machines, reads the clocks after it, and stores the result, synced to disk."""


@dataclass(frozen=True, slots=True)
class Size:
    """The memory and descriptors of a process at one moment."""

    resident_kb: int
    descriptors: int


@dataclass(slots=True)
class Seen:
    """When trials ended, and the size of the process after every PART trials."""

    ends_s: list[float] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)

    def gaps_ms(self, first: int = 0, last: int | None = None) -> list[float]:
        """Return the times between trials, of those from `first` to before `last`."""
        ends = self.ends_s[max(first - 1, 0) : last]
        return [(after - before) * 1000 for before, after in pairwise(ends)]


def tables(bench: Bench) -> Iterator[Listing]:
    """Yield the table of the long series, and of a short one compared with old wke."""
    yield _long(bench)
    home = bench.folder / "series-ssh"
    home.mkdir()
    with Fleet(1, home) as fleet:
        fleet.hosts *= MACHINES  # each entry for the same host has its own lock
        yield _beside(bench, fleet)


def _long(bench: Bench) -> Listing:
    folder = write_project(bench.folder / "series", cluster=emulated_cluster(MACHINES))
    seen = _measure(folder, TRIALS)
    parts = [seen.gaps_ms(first, first + PART) for first in range(0, TRIALS, PART)]
    rows = [
        (
            f"{number * PART + 1:,} to {(number + 1) * PART:,}",
            f"{statistics.median(gaps):.1f}",
            f"{statistics.quantiles(gaps, n=100)[98]:.1f}",
            f"{size.resident_kb / 1024:.1f}",
            str(size.descriptors),
        )
        for number, (gaps, size) in enumerate(zip(parts, seen.sizes, strict=True))
    ]
    header = ("Trials", "median, ms per trial", "p99, ms", "memory, MiB", "descriptors")
    return Listing(f"{TRIALS:,} trials that do nothing", LONG, header, tuple(rows), tuple(_verdicts(seen, parts)))


def _verdicts(seen: Seen, parts: Sequence[Sequence[float]]) -> Iterator[str]:
    median_ms = statistics.median(seen.gaps_ms())
    yield verdict(f"at most {LIMIT_MS:g} ms per trial", f"{median_ms:.1f} ms", met=median_ms <= LIMIT_MS)
    slower = statistics.median(parts[-1]) / statistics.median(parts[0])
    yield verdict(f"the last thousand takes at most {FLAT:g} times the first", f"{slower:.2f}", met=slower <= FLAT)
    first, last = seen.sizes[0], seen.sizes[-2]  # when the very last trial has ended, connections are being closed
    larger, more = last.resident_kb / first.resident_kb, last.descriptors - first.descriptors
    yield verdict(f"at most {FLAT:g} times the memory, no descriptor more", f"{larger:.2f}, {more} more", met=larger <= FLAT and more <= 0)


def _beside(bench: Bench, fleet: Fleet) -> Listing:
    folder = write_project(fleet.folder / "project", cluster=configured_ssh_cluster(fleet), old=ssh_cluster(fleet))
    rows, medians, verdicts = [], [], []
    for name, runs in (("**wke**", lambda: _measure(folder, OVER_SSH)), ("old wke", lambda: _old(bench, fleet, folder))):
        found = runs()
        if isinstance(found, Absent):
            verdicts.append(f"- not here: {found.name}: {found.why}")
            continue
        gaps = found.gaps_ms()
        medians.append(statistics.median(gaps))
        rows.append((name, str(len(gaps)), f"{medians[-1]:.1f}", f"{min(gaps):.1f}–{max(gaps):.1f}", f"{medians[-1] / medians[0]:.2f}"))
    verdicts.insert(0, verdict(f"wke at most {LIMIT_MS:g} ms per trial", f"{medians[0]:.1f} ms", met=medians[0] <= LIMIT_MS))
    header = ("", "trials", "median, ms per trial", "min–max", "time / wke")
    return Listing("A trial that does nothing, over ssh", BESIDE, header, tuple(rows), tuple(verdicts))


def _measure(folder: Path, trials: int) -> Seen:
    (folder / "series.toml").write_text(EXPERIMENT.format(trials=trials))
    return _watch((WKE, "measure", "series.toml", "--no-figures"), folder, r"\[ *\d+/\d+\] iteration \d+: ok", trials)


def _old(bench: Bench, fleet: Fleet, folder: Path) -> Seen | Absent:
    python = bench.program("old wke", "python")
    if isinstance(python, Absent):
        return python
    place = folder / "old"
    place.mkdir()
    for name, target in {"cluster.toml": "../old.toml", CONFIG: f"../{CONFIG}", "logs": "../logs"}.items():
        (place / name).symlink_to(target)
    (place / "results").mkdir()
    words = ("cmdline", "-L", "x=1", "--outfile", "results/series.csv", "--num-iterations", str(OF_OLD_WKE))
    return _watch((python, PEER_SCRIPTS / "old_wke_series.py", *words), place, "trial", OF_OLD_WKE, {"HOME": str(fleet.home)})


def _watch(command: Sequence[str | Path], folder: Path, ended: str, trials: int, environment: Mapping[str, str] | None = None) -> Seen:
    """Run a command to its end; each of its lines that matches `ended` is the end of a trial."""
    seen, others = Seen(), []
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            if re.match(ended, line):
                seen.ends_s.append(monotonic())
                if len(seen.ends_s) % PART == 0:
                    seen.sizes.append(_size(process.pid))
            else:
                others.append(line)
    if process.returncode or len(seen.ends_s) != trials:
        raise ContenderError(f"{len(seen.ends_s)} trials of {trials}, status {process.returncode}: {''.join(others[-5:])}")
    return seen


def _size(pid: int) -> Size:
    resident = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return Size(int(resident[1]) if resident else 0, len(list(Path(f"/proc/{pid}/fd").iterdir())))

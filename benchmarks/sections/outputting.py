"""How fast the output of a script gets into a file on the controller, and how much memory that needs."""

import filecmp
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import PEER_SCRIPTS, WKE, Bench
from fleet import Fleet
from project import CONFIG, TARGET, configured_ssh_cluster, ssh_cluster, write_project
from rig import Absent, Contender, ContenderError, Phase
from table import Goal, Lead, Listing, Table, measured, verdict

MEBIBYTE = 1 << 20
ONE, EACH, COUNT = 1024, 256, 16  # MiB from one machine; MiB from each of COUNT machines
RUNS, DEADLINE_S = 3, 300.0
LINES, LINE_SIZE, LINES_PER_S = 1 << 22, 64, 400_000
LINE_LENGTHS = (25, 100)  # MiB
FLOOD, GROWTH = 10_000_000_000, 64  # bytes; MB
SHARES = {1: (0.95, 0.85), COUNT: (0.85, 0.6)}  # of ssh as it is typed, and with the same cipher; by machines
CIPHER = "aes128-gcm@openssh.com"
POLL_S = 0.1
SSH, SSH_SAME = "ssh, default cipher", "ssh -c aes128-gcm"
ABOUT = """\
A script runs `cat` on a file of random bytes, which is in the page cache. Its output is stored in one file per machine and compared with
the source. wke is `wke run -q --log-dir`; its start, agent, lease and the index of times are included. ssh is `ssh HOST cat FILE > OUT`,
one process per machine, started by xargs. The machines' ends work on the same cores at the same time. wke prefers the cipher aes128-gcm
where OpenSSH's default is in force and the processor has AES; the other rows say which cipher they have."""
ABOUT_LINES = f"""\
{LINES:,} lines of {LINE_SIZE} bytes from one machine. *shown* also prints every line, prefixed with its machine's name, into a pipe that
`cat` reads."""
ABOUT_LONG = "One line with a newline only at its end, of 25 MiB and of 100 MiB: the second should take at most four times as long."
ABOUT_MEMORY = f"""\
`wke run -q --log-dir` of one machine that writes {FLOOD / 1e9:.0f} GB, compared with one that writes a single byte: the largest memory of
the controller's process (VmHWM, read every {POLL_S:g} s). Once each."""


def tables(bench: Bench) -> Iterator[Table | Listing]:
    """Yield the tables: bytes of one machine and of sixteen, lines, one long line, memory."""
    for count, size in ((1, ONE), (COUNT, EACH)):
        home = _folder(bench, f"output-{count}")
        _write(home / "source", os.urandom(MEBIBYTE), size)
        with Fleet(count, home) as fleet:
            entries = tuple(Outputting(bench, fleet, home / "source").all())
            machines = "one machine" if count == 1 else f"{count} machines at once"
            title = f"{size:,} MiB of output from {machines}"
            goals = tuple(Lead(peer, "time", share) for peer, share in zip((SSH, SSH_SAME), SHARES[count], strict=True))
            yield measured(title, ABOUT if count == 1 else "", entries, runs=bench.times(RUNS), goals=goals)
        shutil.rmtree(home)
    yield from _on_one_machine(bench)


def _on_one_machine(bench: Bench) -> Iterator[Table | Listing]:
    home = _folder(bench, "output-lines")
    with Fleet(1, home) as fleet:
        block = b"".join(b"%0*d\n" % (LINE_SIZE - 1, number) for number in range(MEBIBYTE // LINE_SIZE))
        _write(home / "lines", block, LINES * LINE_SIZE // MEBIBYTE)
        lines = Outputting(bench, fleet, home / "lines")
        goals = tuple(Goal(name, LINES / LINES_PER_S) for name in ("wke", "wke, shown"))
        yield measured(
            f"{LINES:,} short lines", ABOUT_LINES, (lines.ours(), lines.shown(), lines.ssh()), runs=bench.times(RUNS), goals=goals
        )
        long = []
        for length in LINE_LENGTHS:
            _write(home / f"line-{length}", b"x" * MEBIBYTE, length, b"\n")
            long.append(Outputting(bench, fleet, home / f"line-{length}").ours(f"{length} MiB"))
        yield measured("One long line", ABOUT_LONG, long, runs=bench.times(RUNS))
        yield _memory(fleet)


@dataclass(frozen=True, slots=True)
class Outputting:
    """Contenders that bring the content of `source` from every machine of the fleet into a folder."""

    bench: Bench
    fleet: Fleet
    source: Path

    def all(self) -> Iterator[Contender | Absent]:
        """Yield all contenders."""
        yield self.ours()
        yield self.ssh()
        yield self.ssh(SSH_SAME, "-c", CIPHER)
        yield self._contender("wke, default cipher", (*self._run, "-q", "-f", "usual.toml"))
        yield self._library("asyncssh")
        yield self._library("paramiko")
        yield self._old_wke()

    def ours(self, name: str = "wke") -> Contender:
        """Return wke, which shows nothing."""
        return self._contender(name, (*self._run, "-q"), ours=True)

    def shown(self) -> Contender:
        """Return wke, which shows every line to a pipe."""
        return self._contender("wke, shown", ("sh", "-c", '"$@" | cat > /dev/null', "sh", *self._run))

    def ssh(self, name: str = SSH, *options: str) -> Contender:
        """Return plain ssh, one process per machine."""
        hosts = self.fleet.folder / "hosts"
        hosts.write_text("".join(f"{host}\n" for host in self.fleet.hosts))
        one = f"ssh -F {self.fleet.config} {' '.join(options)} {{}} cat {self.source} > {self._logs}/{{}}.out"
        return self._contender(name, ("xargs", "-a", hosts, "-P", str(COUNT), "-I", "{}", "sh", "-c", one))

    def _library(self, name: str) -> Contender | Absent:
        python = self.bench.program(name, "python")
        if isinstance(python, Absent):
            return python
        fleet = self.fleet
        words = (self.source, self._logs, fleet.user, str(fleet.port), fleet.key, fleet.known_hosts, *fleet.hosts)
        return self._contender(name, (python, PEER_SCRIPTS / f"{name}_cat.py", *words), most=1)

    def _old_wke(self) -> Contender | Absent:
        """Return the published wke 0.1, which stores text; its files are not compared."""
        wke = self.bench.program("old wke", "wke")
        if isinstance(wke, Absent):
            return wke
        command = (wke, "run", "--cluster-file", "old.toml", CONFIG, "all", TARGET)
        phase = Phase(command, deadline_s=DEADLINE_S)
        return Contender("old wke", (phase,), environment={"HOME": str(self.fleet.home)}, folder=self._project, most=1)

    def _contender(self, name: str, command: tuple[str | Path, ...], *, ours: bool = False, most: int | None = None) -> Contender:
        phase = Phase(command, deadline_s=DEADLINE_S)
        return Contender(
            name, (phase,), folder=self._project, before=self._clean, check=self._check, after=self._clean, ours=ours, most=most
        )

    @property
    def _run(self) -> tuple[str | Path, ...]:
        return (WKE, "run", CONFIG, "all", TARGET, "--log-dir", self._logs)

    @property
    def _logs(self) -> Path:
        return self.fleet.folder / "kept"

    @property
    def _project(self) -> Path:
        folder = self.fleet.folder / f"project-{self.source.name}"
        return folder if folder.exists() else _project(folder, self.fleet, f"cat {self.source}")

    def _clean(self) -> None:
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir()
        os.sync()  # otherwise the next contender would wait for the disk

    def _check(self) -> None:
        """Raise ContenderError unless every machine's output was stored as it was written."""
        outputs = list(self._logs.rglob("*.out"))
        if len(outputs) != len(self.fleet.hosts) or not all(filecmp.cmp(self.source, output, shallow=False) for output in outputs):
            raise ContenderError("what was written is not what was kept")
        filecmp.clear_cache()


def _memory(fleet: Fleet) -> Listing:
    most_mb = [_most_mb(fleet, size) for size in (1, FLOOD)]
    growth = most_mb[1] - most_mb[0]
    rows = (("one byte", f"{most_mb[0]:.0f}"), (f"{FLOOD / 1e9:.0f} GB", f"{most_mb[1]:.0f}"), ("growth", f"{growth:.0f}"))
    wanted = verdict(f"growth under {GROWTH} MB", f"{growth:.0f} MB", met=growth < GROWTH)
    return Listing("Memory of the controller", ABOUT_MEMORY, ("", "most, MB"), rows, (wanted,))


def _most_mb(fleet: Fleet, size: int) -> float:
    """Return the largest memory of the controller while a machine writes `size` bytes."""
    folder = _project(fleet.folder / f"flood-{size}", fleet, f"head -c {size} /dev/zero")
    command = [WKE, "run", CONFIG, "all", TARGET, "-q", "--log-dir", folder / "kept"]
    most_kb = 0
    with subprocess.Popen(command, cwd=folder) as process:
        while process.poll() is None:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                most_kb = max(most_kb, int(line.split()[1])) if line.startswith("VmHWM:") else most_kb
            time.sleep(POLL_S)
    kept = sum(path.stat().st_size for path in folder.rglob("*.out"))
    shutil.rmtree(folder)
    if process.returncode or kept != size:
        raise ContenderError(f"{kept:,} bytes of {size:,} were kept, exit status {process.returncode}")
    return most_kb * 1024 / 1e6


def _project(folder: Path, fleet: Fleet, command: str) -> Path:
    """Write a project whose target is `command`; usual.toml leaves the cipher to ssh."""
    ours = configured_ssh_cluster(fleet)
    usual = ours.replace("[machines]", 'ciphers = "default"\n[machines]')
    return write_project(folder, f"#!/usr/bin/env bash\nexec {command}\n", cluster=ours, usual=usual, old=ssh_cluster(fleet))


def _folder(bench: Bench, name: str) -> Path:
    folder = bench.folder / name
    folder.mkdir()
    return folder


def _write(path: Path, block: bytes, times: int, end: bytes = b"") -> None:
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
        file.write(end)

"""The rig: contenders take turns, each a whole process timed from outside.

A round runs every contender once, in the order of the list. The first round warms caches and byte code and is not counted. Preparing and
cleaning up (`before`, `after`) is not timed. A contender that fails is left out for the rest of its table, with its last words.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOPWATCH = Path(__file__).with_name("stopwatch.py")
DEADLINE_S = 120.0
REST_S = 0.2  # for the kernel, which removes namespaces and sockets in the background
LAST_WORDS = 200
MARKS = "BENCH_MARKS"  # names the file to which a script adds a line, starting with the time, when one more of its commands is done
CORES = len(os.sched_getaffinity(0))
PERSONAL = ("PYTHON", "SSH_")  # settings that could slow one contender down (no byte code kept) or change another's login


class ContenderError(Exception):
    """A contender cannot do its job here; the text says why."""


def nothing() -> None:
    """Do nothing to prepare, clean up or check."""


def nobody(_: int) -> None:
    """Watch no process."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One timed process of a contender; `name` is the column it is shown in, `status` the exit status of a success.

    `marks` is the number of commands it reports as done, if it reports them (peer_scripts/marks.py).
    """

    command: Sequence[str | Path]
    name: str = "run"
    status: int = 0
    deadline_s: float = DEADLINE_S
    marks: int = 0


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to time. `check` is called after every run and raises ContenderError if the work was not really done.

    `started` is called with the pid of the stopwatch, the contender's parent process.

    `machines` is the process from which all machines descend, if there is one (fleet.py). A slow contender can be limited to `most`
    rounds; then none of them is a warm-up.
    """

    name: str
    phases: tuple[Phase, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    before: Callable[[], None] = nothing
    check: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    started: Callable[[int], None] = nobody
    ours: bool = False
    machines: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A contender that cannot take part, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Warm:
    """What a script reports of its commands except the first: how many, their time, CPU time of its process and of its living children."""

    commands: int = 0
    wall_s: float = 0.0
    own_s: float = 0.0
    children_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Wall time of one process, and CPU time of it and its descendants.

    `machines_s` is the CPU time of the machines until then, `peak_kib` the most memory that the process or one that it waited for had.
    """

    wall_s: float
    cpu_s: float
    machines_s: float = 0.0
    warm: Warm = Warm()
    peak_kib: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """All samples of a contender: one row per counted round, one sample per phase."""

    name: str
    ours: bool
    phases: tuple[str, ...]
    rounds: tuple[tuple[Sample, ...], ...]

    def walls_s(self, phase: str | None = None) -> list[float]:
        """Return the wall time of every round: of one phase, or of all together."""
        return [sum(s.wall_s for name, s in zip(self.phases, samples, strict=True) if phase in {None, name}) for samples in self.rounds]

    def wall_s(self, phase: str | None = None) -> float:
        """Return the median of the rounds' wall times."""
        return statistics.median(self.walls_s(phase))

    def cpu_s(self) -> float:
        """Return the median of the rounds' CPU times, all phases together."""
        return self._median(lambda sample: sample.cpu_s)

    def machines_s(self) -> float:
        """Return the median of the CPU times of the machines; 0 if they were not measured."""
        return self._median(lambda sample: sample.machines_s)

    def peak_mib(self) -> float:
        """Return the most memory that a round took."""
        return max(sample.peak_kib for samples in self.rounds for sample in samples) / 1024

    def net_s(self) -> float:
        """Return the median of the wall times minus the machines' work, assuming that this was spread over all cores and waited for."""
        return self._median(lambda sample: sample.wall_s - sample.machines_s / CORES)

    def warm(self) -> Warm:
        """Return the medians of what was reported of all commands except the first; all 0 if nothing was reported."""
        commands = max((sample.warm.commands for samples in self.rounds for sample in samples), default=0)
        wall_s, own_s = self._median(lambda sample: sample.warm.wall_s), self._median(lambda sample: sample.warm.own_s)
        return Warm(commands, wall_s, own_s, self._median(lambda sample: sample.warm.children_s))

    def _median(self, figure: Callable[[Sample], float]) -> float:
        return statistics.median(sum(map(figure, samples)) for samples in self.rounds)


def measure(entries: Sequence[Contender | Absent], runs: int, *, warm: bool = True) -> tuple[list[Result], list[Absent]]:
    """Run every contender `runs` times, in turns, after one round that is not counted (no such round if `warm` is false)."""
    absent = [entry for entry in entries if isinstance(entry, Absent)]
    racing = [entry for entry in entries if isinstance(entry, Contender)]
    rounds: dict[str, list[tuple[Sample, ...]]] = {contender.name: [] for contender in racing}
    for number in range(0 if warm else 1, runs + 1):
        _say(f"  round {number} of {runs}" if number else "  warming up")
        for contender in tuple(racing):
            if contender.most is not None and not 1 <= number <= contender.most:
                continue
            try:
                samples = _turn(contender)
            except ContenderError as error:
                racing.remove(contender)
                absent.append(Absent(contender.name, str(error)))
                _say(f"  {contender.name}: {error}")
            else:
                if number:
                    rounds[contender.name].append(samples)
    return [Result(c.name, c.ours, tuple(p.name for p in c.phases), tuple(rounds[c.name])) for c in racing], absent


def _turn(contender: Contender) -> tuple[Sample, ...]:
    contender.before()
    try:
        samples = tuple(_timed(phase, contender) for phase in contender.phases)
        contender.check()
    finally:
        contender.after()
        time.sleep(REST_S)
    return samples


def _timed(phase: Phase, contender: Contender) -> Sample:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
    environment.update(contender.environment)
    with tempfile.TemporaryDirectory(prefix="wke-bench-") as folder:
        output, marks = Path(folder, "output"), Path(folder, "marks")
        environment[MARKS] = str(marks)
        command = [sys.executable, "-I", "-S", str(STOPWATCH), str(output), str(contender.machines), *map(str, phase.command)]
        stopwatch = subprocess.Popen(
            command, stdout=subprocess.PIPE, env=environment, cwd=contender.folder or folder, start_new_session=True, text=True
        )
        try:
            contender.started(stopwatch.pid)
            report, _ = stopwatch.communicate(timeout=phase.deadline_s)
        except subprocess.TimeoutExpired:
            os.killpg(stopwatch.pid, signal.SIGKILL)
            stopwatch.communicate()
            raise ContenderError(f"{phase.name}: not done after {phase.deadline_s:.0f} s") from None
        except BaseException:
            os.killpg(stopwatch.pid, signal.SIGTERM)
            stopwatch.communicate()
            raise
        if stopwatch.returncode:
            raise ContenderError(f"{phase.name}: could not be started")
        timed = json.loads(report)
        if timed["status"] != phase.status:
            raise ContenderError(f"{phase.name}: exit status {timed['status']}: {_last_words(output)}")
        warm = _warm(marks, phase)
    return Sample(timed["wall_s"], timed["cpu_s"], timed["machines_s"], warm, timed["peak_kib"])


def _warm(marks: Path, phase: Phase) -> Warm:
    """Return what a script's marks report; an empty Warm for a phase without marks."""
    if not phase.marks:
        return Warm()
    lines = [[float(word) for word in line.split()] for line in marks.read_text().splitlines()] if marks.exists() else []
    if len(lines) != phase.marks:
        raise ContenderError(f"{phase.name}: {len(lines)} commands done instead of {phase.marks}")
    return Warm(phase.marks - 1, *(last - first for first, last in zip(lines[0], lines[-1], strict=True)))


def _last_words(output: Path) -> str:
    lines = output.read_text(errors="replace").split("\n") if output.exists() else []
    return " / ".join(line.strip() for line in lines if line.strip())[-LAST_WORDS:] or "it said nothing"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

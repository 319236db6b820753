"""What `perf script` prints, as stacks: which task each sample belongs to, and only those of a window of time.

comm  pid/tid  seconds: event:                    a sample; the lines below are its frames, the innermost first
address function (file)
comm  pid/tid  seconds: PERF_RECORD_FORK(1165:1165):(1157:1157)
comm  pid/tid  seconds: PERF_RECORD_LOST lost 12
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field

from wke.judge.profiles.stacks import KERNEL, Stack, frame_name
from wke.values import dataclass

_HEAD = re.compile(r"(?P<comm>.*?)\s+(?P<pid>-?\d+)/(?P<tid>-?\d+)\s+(?P<s>\d+)\.(?P<fraction>\d+):\s+(?P<what>.*)")
_FORK = re.compile(r"PERF_RECORD_FORK\((\d+):\d+\):\((\d+):\d+\)")
_LOST = re.compile(r"PERF_RECORD_LOST.*?lost (\d+)")
_NO_KERNEL = ("[unknown]", "[vdso]", "[vsyscall]", "[heap]", "[stack]", "[anon]", "[uprobes]")
DELETED = " (deleted)"
UNKNOWN_TASK = "[unknown task]"


@dataclass(frozen=True, slots=True)
class Sampled:
    """The processes of one machine that perf was given: {pid: target}; those that process `agent` starts are of the target `measured`.

    Times are on the clock that perf used, in nanoseconds. `symbols` names functions that perf cannot, by file and address.
    """

    machine: str
    processes: Mapping[int, str]
    agent: int | None
    measured: str
    start_ns: int
    end_ns: int
    symbols: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Samples:
    """Stacks of the window and their counts; how many samples were `lost`, because the machine was too busy; what was counted."""

    counts: Mapping[Stack, int]
    lost: int
    event: str


def read_samples(lines: Iterable[str], sampled: Sampled) -> Samples:
    """Return the samples of a machine's tasks. Raise ValueError when a line is not from `perf script`."""
    reader = _Reader(sampled)
    for line in lines:
        reader.take(line.rstrip("\n"))
    reader.take("")
    return Samples(reader.counts, reader.lost, reader.event)


class _Reader:
    """Reads line by line: a sample is complete at the empty line after its frames."""

    def __init__(self, sampled: Sampled) -> None:
        self.counts: Counter[Stack] = Counter()
        self.lost = 0
        self.event = ""
        self._sampled = sampled
        self._parents: dict[int, int] = {}
        self._names: dict[str, str] = {}  # of frames, by their lines, which are the same again and again
        self._sample: tuple[int, str] | None = None  # pid and name of the program, if its time is in the window
        self._frames: list[str] = []

    def take(self, line: str) -> None:
        if not line:
            self._end()
        elif line[0] == "\t":
            if self._sample is not None:
                self._frames.append(self._names.get(line) or self._names.setdefault(line, _frame(line, self._sampled.symbols)))
        else:
            self._end()
            self._head(line)

    def _head(self, line: str) -> None:
        found = _HEAD.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"not a line of perf script: {line:.100}")
        what = found["what"]
        if fork := _FORK.match(what):
            child, parent = map(int, fork.groups())
            if child != parent:
                self._parents[child] = parent
        elif lost := _LOST.match(what):
            self.lost += int(lost[1])
        elif not what.startswith("PERF_RECORD_"):
            self.event = what.rstrip(": ").partition(":")[0]
            at_ns = int(found["s"]) * 10**9 + int(found["fraction"].ljust(9, "0")[:9])
            if self._sampled.start_ns <= at_ns <= self._sampled.end_ns:
                self._sample = int(found["pid"]), found["comm"]

    def _end(self) -> None:
        sample, self._sample = self._sample, None
        frames, self._frames = self._frames, []
        if sample is None:
            return
        pid, program = sample
        target = self._target(pid)
        if target is not None:
            outward = [name for at, name in enumerate(frames) if not (at and name == frames[at - 1] and name.startswith("["))]
            self.counts[target, self._sampled.machine, frame_name(program), *reversed(outward)] += 1

    def _target(self, pid: int) -> str | None:
        """Return the target that a process belongs to; None for the agent itself."""
        if pid == self._sampled.agent:
            return None
        seen = set[int]()
        while pid not in seen:
            seen.add(pid)
            if pid in self._sampled.processes:
                return self._sampled.processes[pid]
            pid = self._parents.get(pid, pid)
            if pid == self._sampled.agent:
                return self._sampled.measured
        known = {*self._sampled.processes.values(), *((self._sampled.measured,) if self._sampled.agent is not None else ())}
        return known.pop() if len(known) == 1 else UNKNOWN_TASK


def _frame(line: str, symbols: Mapping[tuple[str, str], str]) -> str:
    """Return the name of a frame: the function, marked if it is the kernel's; without one, the file in brackets."""
    text = line.strip()
    deleted = text.endswith(f"{DELETED})")
    rest, _, file = text.removesuffix(")").removesuffix(DELETED if deleted else "").rpartition(" (")
    address, _, function = rest.partition(" ")
    if not rest or not re.fullmatch("[0-9a-f]+", address):
        raise ValueError(f"not a frame of perf script: {line:.100}")
    in_kernel = file.startswith("[") and file not in _NO_KERNEL
    if function in {"", "[unknown]"}:
        function = symbols.get((file, address), "")
    if not function:
        return "[kernel]" if in_kernel else f"[{frame_name(file.strip('[]').rpartition('/')[2])}]"
    return frame_name(function) + (KERNEL if in_kernel else "")

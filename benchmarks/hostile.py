"""Makes wke fail for real and reports what a user sees: hostile scripts, killed processes, frozen machines, cut networks.

    python benchmarks/hostile.py --write docs/robustness.md

Needs root and nft; takes about four minutes. Every case has its own machine (see lab.py), reached over ssh. `wke run` is called as a
person would call it, and the table quotes what it writes to standard error.
"""

import argparse
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bench import WKE
from facts import facts
from lab import PORT, Machine, own_network
from page import write_between

LEASE_S = 30.0
CLEAN_WITHIN_S = 5.0  # beyond the lease
GIVE_UP_S = 200.0
POLL_S = 0.02
QUOTED = 300
FACTS = ("date", "wke", "processor", "kernel", "Python", "OpenSSH")
READY = "ready"
EXPERIMENT = """\
[experiment]
configuration = "trouble"
iterations = 1
[[steps]]
target = "gigabyte"
on = "all"
measure = true
"""

SCRIPTS = {
    "ignores-sigterm": "trap '' TERM INT HUP\necho ready\nwhile :; do sleep 1; done",
    "daemonises": "setsid sh -c 'exec env -i sleep 1000 >/dev/null 2>&1 &' </dev/null\necho ready",
    "thousand-children": "for i in {1..1000}; do sleep 1000 & done\necho ready\nwait",
    "closes-output": "echo ready\nexec >&- 2>&-\nsleep 3\nexit 7",
    "holds-output": "sleep 1000 &\necho ready",
    "reads-input": "echo ready\ncat >/dev/null && ! read -r line && exit 7",
    "gigabyte": 'head -c 1M /dev/urandom >"$WKE_DIR/block"\nfor i in {1..1024}; do cat "$WKE_DIR/block"; done',
    "waits": "sleep 1000 & setsid sleep 1000 &\necho ready\nwait",
    "eats-memory": (
        "read -r size _ </proc/$PPID/statm\nprlimit --pid $PPID --as=$(((size + 256) * 4096))\necho ready\nhead -c 1G /dev/zero; sleep 1000"
    ),
    "counts": 'echo ready\nfor ((i = 0; i < 10 * WKE_OPTION_SECONDS; i++)); do echo "$i"; sleep 0.1; done\necho complete',
}


def nothing(_: object) -> None:
    """Do nothing: the script or the port is the failure."""


@dataclass(slots=True)
class Attack:
    """A running command, its machine, and the timers that undo the harm."""

    machine: Machine
    command: subprocess.Popen[bytes]
    undo: list[threading.Timer] = field(default_factory=list)

    def later(self, after_s: float, undo: Callable[[], None]) -> None:
        """Undo the harm after this time."""
        timer = threading.Timer(after_s, undo)
        timer.start()
        self.undo.append(timer)


@dataclass(frozen=True, slots=True)
class Case:
    """Something hostile: the `target` that runs, and the harm done once it is ready (the target itself may be the harm)."""

    name: str
    target: str
    harm: Callable[[Attack], None] = nothing
    lease_s: float = LEASE_S
    options: tuple[str, ...] = ()
    connect_s: float = LEASE_S
    prepare: Callable[[Machine], None] | None = None  # harm done before the command starts: the target never becomes ready
    back_s: float = 0  # for this long nothing on the machine can run
    stored: bool = False  # the command is `wke measure`, and its log is looked at


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a case: the command's last words and status, how long after the harm it ended, and how long until nothing was left."""

    case: Case
    words: str
    status: int
    after_s: float
    clean_s: float | None
    left: int
    memory_mib: float


# -- harm


def interrupt(attack: Attack) -> None:
    """Press Ctrl-C."""
    attack.command.send_signal(signal.SIGINT)


def kill_sshd(attack: Attack) -> None:
    """Kill the server's processes for this connection."""
    for pid in attack.machine.sessions():
        os.kill(pid, signal.SIGKILL)


def agent_of(machine: Machine) -> int:
    """Return the pid of the agent. Its parent, the guardian, has the same kind of command line."""
    python = [pid for pid in machine.alive() if b"\0-I\0-S\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return next(pid for pid in python if _parent(pid) in python)


def kill_agent(attack: Attack) -> None:
    """Kill the agent."""
    os.kill(agent_of(attack.machine), signal.SIGKILL)


def kill_guardian(attack: Attack) -> None:
    """Kill the agent's guardian."""
    os.kill(_parent(agent_of(attack.machine)), signal.SIGKILL)


def freeze_agent(attack: Attack) -> None:
    """Stop the agent for good."""
    os.kill(agent_of(attack.machine), signal.SIGSTOP)


def freeze(for_s: float) -> Callable[[Attack], None]:
    """Freeze the whole machine for a while."""

    def harm(attack: Attack) -> None:
        attack.machine.freeze()
        attack.later(for_s, attack.machine.thaw)

    return harm


def cut(for_s: float, *ways: str) -> Callable[[Attack], None]:
    """Cut the network for a while."""

    def harm(attack: Attack) -> None:
        attack.machine.cut(*ways)
        attack.later(for_s, attack.machine.mend)

    return harm


BOTH = ("to", "from")
WAYS = {"both ways": BOTH, "to the machine": ("to",), "from the machine": ("from",)}
ALONE = (
    Case("script ignores SIGTERM; Ctrl-C", "ignores-sigterm", interrupt),
    Case("script leaves a daemon (double fork, `setsid`, no environment)", "daemonises"),
    Case("1,000 children; Ctrl-C", "thousand-children", interrupt),
    Case("script closes its output, lives 3 s, fails", "closes-output"),
    Case("child holds the output after its parent ended", "holds-output"),
    Case("script reads its input to the end, then fails", "reads-input"),
    Case("script writes 1 GiB of random bytes (`wke measure`)", "gigabyte", stored=True),
    Case("sshd of the connection killed (-9)", "waits", kill_sshd),
    Case("agent killed (-9)", "waits", kill_agent),
    Case("guardian killed (-9)", "waits", kill_guardian),
    Case("agent out of memory (RLIMIT_AS)", "eats-memory"),
    Case("agent stopped (SIGSTOP), lease 5 s", "waits", freeze_agent, lease_s=5),
    Case("silent peer (accepts, says nothing), connect-timeout 5 s", "waits", connect_s=5, prepare=nothing),
    Case("dropped port, connect-timeout 5 s", "waits", connect_s=5, prepare=Machine.drop_port),
)
TOGETHER = (
    Case("machine frozen for 5 s", "counts", freeze(5), options=("-D", "seconds=15")),
    Case("machine frozen for 40 s", "waits", freeze(40), back_s=40),
    *(Case(f"network cut for 5 s, {name}", "counts", cut(5, *ways), options=("-D", "seconds=15")) for name, ways in WAYS.items()),
    *(Case(f"network cut for 40 s, {name}", "waits", cut(40, *ways)) for name, ways in WAYS.items()),
    Case("network cut for 40 s, both ways, lease 90 s", "counts", cut(40, *BOTH), lease_s=90, options=("-D", "seconds=50")),
    *(Case(f"network cut for 120 s, {name}", "waits", cut(120, *ways)) for name, ways in WAYS.items()),
)


# -- one case


def attack(case: Case, folder: Path, number: int) -> Seen:
    """Run a case and observe it."""
    with Machine(folder / "machine", number) as machine, _silence(machine) if "silent" in case.name else nullcontext(PORT) as port:
        project = _project(folder / "project", case, machine, port)
        if case.prepare is not None:
            case.prepare(machine)
        said, complaints = folder / "out", folder / "err"
        words = ("measure", "experiment.toml") if case.stored else ("run", "trouble", "all", case.target, *case.options)
        began = time.monotonic()
        with said.open("wb") as out, complaints.open("wb") as err:
            command = subprocess.Popen([WKE, *words], cwd=project, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        attack = Attack(machine, command)
        try:
            if case.prepare is None and not case.stored:
                _wait(lambda: READY in _head(said) or command.poll() is not None, GIVE_UP_S)
                began = time.monotonic()
            case.harm(attack)
            status, ended, memory_mib = _end(command)
            clean_s, left = _clean(machine, began, max(ended - began, case.lease_s, case.back_s) + CLEAN_WITHIN_S)
            words = _words(case, complaints.read_text(errors="replace").replace(f"{machine.folder}/", ""), said, project)
            return Seen(case, words, status, ended - began, clean_s, left, memory_mib)
        finally:
            command.kill()
            for timer in attack.undo:
                timer.cancel()
                timer.join()


def _end(command: subprocess.Popen[bytes]) -> tuple[int, float, float]:
    """Wait for the command; return its status, when it ended, and its largest memory, without mapped files."""
    most = 0.0
    while command.poll() is None:
        most = max(most, _own_memory_mib(command.pid))
        time.sleep(POLL_S)
    return command.returncode, time.monotonic(), most


def _own_memory_mib(pid: int) -> float:
    found = re.search(r"RssAnon:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _clean(machine: Machine, began: float, within_s: float) -> tuple[float | None, int]:
    """Return how long after the harm the machine was clean, or None, and how many processes were left at the end."""
    while left := machine.alive():
        if time.monotonic() - began > within_s:
            return None, len(left)
        time.sleep(POLL_S)
    return time.monotonic() - began, 0


def _words(case: Case, complaints: str, said: Path, project: Path) -> str:
    lines = [line.strip() for line in complaints.splitlines() if line.strip() and " │ " not in line]
    if case.target == "counts":
        numbers = [line.split("│ ")[1] for line in said.read_text().splitlines()]
        whole = numbers == ["ready", *map(str, range(len(numbers) - 2)), "complete"]
        lines.append(f"(all {len(numbers)} lines arrived)" if whole else f"(OUTPUT NOT WHOLE, up to {numbers[-1:]})")
    if case.stored:
        lines = ["(every byte is in the log)" if _is_whole(next(project.rglob("*-gigabyte/*.out"))) else "(THE LOG IS NOT WHOLE)"]
    text = " ⏎ ".join(lines) or "(nothing)"
    return text if len(text) <= QUOTED else text[:QUOTED] + "…"


def _is_whole(log: Path) -> bool:
    """Tell whether a log is one block of random bytes, 1,024 times."""
    with log.open("rb") as file:
        block = file.read(1 << 20)
        return all(file.read(1 << 20) == block for _ in range(1023)) and not file.read(1)


def _project(folder: Path, case: Case, machine: Machine, port: int) -> Path:
    targets = folder / "trouble" / "targets"
    targets.mkdir(parents=True)
    options = "".join(f"{name} = {['seconds'] if name == 'counts' else []}\n" for name in SCRIPTS)
    (folder / "trouble" / "config.toml").write_text("[targets]\n" + options.replace("'", '"'))
    for name, script in SCRIPTS.items():
        (targets / name).write_text(f"#!/bin/bash\n{script}\n")
    address = machine.address if port == PORT else "127.0.0.1"
    lines = [
        "[cluster]",
        f'ssh-options = ["-F", "{machine.folder}/ssh_config"]',
        f"ssh-port = {port}",
        f'lease = "{case.lease_s:g}s"',
        f'connect-timeout = "{case.connect_s:g}s"',
        "[machines]",
        f'm = "{address}"',
    ]
    (folder / "cluster.toml").write_text("\n".join(lines))
    (folder / "experiment.toml").write_text(EXPERIMENT)
    return folder


@contextmanager
def _silence(_: Machine) -> Iterator[int]:
    """Yield a port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(4096).decode(errors="replace")


def _wait(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(POLL_S)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# -- the table


def table(results: Sequence[Seen]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| Case | What the user sees | Exit status | Command over after | Machine clean after | Left |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for seen in results:
        words = seen.words.replace("|", "\\|") + (f"; wke itself {seen.memory_mib:.0f} MiB" if seen.case.stored else "")
        clean = "–" if seen.clean_s is None else f"{seen.clean_s:.1f} s"
        lines.append(f"| {seen.case.name} | {words} | {seen.status} | {seen.after_s:.1f} s | {clean} | {seen.left} |")
    return "\n".join(lines)


def main() -> None:
    """Run the cases that the command line asks for: short ones in turn, long ones at once."""
    parser = argparse.ArgumentParser(description="Make wke fail and report what a user sees.")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the table between the markers of this page")
    words = parser.parse_args()
    own_network()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    chosen = [case for case in (*ALONE, *TOGETHER) if re.search(words.only, case.name)]
    with tempfile.TemporaryDirectory(prefix="wke-hostile-") as name, ThreadPoolExecutor(len(TOGETHER)) as pool:

        def take(case: Case) -> Seen:
            print(case.name, file=sys.stderr)
            number = chosen.index(case)
            return attack(case, Path(name, str(number)), number)

        long = [pool.submit(take, case) for case in chosen if case in TOGETHER]
        results = [future.result() for future in long]
        results = [*map(take, (case for case in chosen if case in ALONE)), *results]
    known = [f"- {key}: {value}" for key, value in facts().items() if key in FACTS]
    text = "\n".join(["Taken by", "", "    python benchmarks/hostile.py", "", *known, "", table(results)])
    print(text)
    if words.write:
        write_between(words.write, text + "\n")


if __name__ == "__main__":
    main()

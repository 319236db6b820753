"""A Slurm job as `scontrol` shows it: its nodes and their addresses, when it ends, and why it has ended.

Slurm's own programs are asked, as ssh's is for machines: they know the site's settings and authenticate the user.
"""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from wke.errors import MachineError
from wke.values import dataclass

ASK_S = 30.0
NOT_HERE = "start wke where Slurm's programs are, such as a login node"
SETTLE_S = 10.0  # a job that is being ended says only then why
PAUSE_S = 0.2
NODE_LIMIT = 200  # nodes in one question: an argument list is limited
HELD = frozenset({"RUNNING", "CONFIGURING"})
"""The states of a job that has its nodes."""
FATES = {
    "CANCELLED": "was cancelled (scancel)",
    "TIMEOUT": "reached its time limit",
    "PREEMPTED": "was preempted by another job",
    "NODE_FAIL": "was ended by Slurm, because a node failed",
    "BOOT_FAIL": "was ended by Slurm, because a node did not boot",
    "DEADLINE": "was ended at its deadline",
    "OUT_OF_MEMORY": "was ended by Slurm, because its memory ran out",
    "COMPLETED": "was released by the command that held it",
    "FAILED": "has ended, because the command that held it failed",
    "COMPLETING": "is being ended",
    "SUSPENDED": "is suspended",
    "PENDING": "was put back into the queue",
    "REQUEUED": "was put back into the queue",
}
"""What a state of a job means for those who have its nodes."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its name in Slurm, the address by which Slurm itself reaches it, and the host that it is (or shares with others)."""

    name: str
    address: str
    host: str


@dataclass(frozen=True, slots=True)
class Job:
    """An allocation: the number of a job that is ours, and its nodes in Slurm's order."""

    number: str
    nodes: tuple[Node, ...]

    def ends_at(self) -> float | None:
        """Return when its time is over, in seconds since the epoch; None if it is unlimited, or Slurm cannot be asked."""
        return end_of(_shown("job", self.number))

    def fate(self) -> str:
        """Return why it is over, or suspended; "" while it is running, and if Slurm cannot be asked."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            facts = _shown("job", self.number)
            if facts.get("JobState") != "COMPLETING" or time.monotonic() > deadline:
                return fate_of(self.number, facts)
            time.sleep(PAUSE_S)


def find_job(number: str) -> Job:
    """Return a job that is running; raise MachineError if it is not."""
    facts = _shown("job", number)
    if facts.get("JobState") not in HELD:
        what = fate_of(number, facts) or f"job {number} cannot be found: `scontrol show job {number}` does not show it"
        raise MachineError(what, hint="its nodes are used while it is running")
    names = _ask("scontrol", "show", "hostnames", facts["NodeList"]).split()
    return Job(number, tuple(node for first in range(0, len(names), NODE_LIMIT) for node in _nodes(names[first : first + NODE_LIMIT])))


def running_jobs(name: str) -> list[str]:
    """Return the numbers of this user's running jobs with that name."""
    return _ask("squeue", "--me", "--noheader", "--states=RUNNING", f"--name={name}", "--format=%A").split()


def queue_words(number: str) -> str:
    """Return what a job that was submitted waits for, or that it has begun; "" if it is over or not known any more."""
    facts = _shown("job", number)
    if facts.get("JobState") == "PENDING":
        return f"job {number} waits in the queue of Slurm ({facts.get('Reason', 'None')})"
    return f"job {number} has begun" if facts.get("JobState") in HELD else ""


def fate_of(number: str, facts: Mapping[str, str]) -> str:
    """Return why a job is over, by what `scontrol` shows of it; "" if it is not, or nothing is known."""
    state = facts.get("JobState", "RUNNING")
    return "" if state in HELD else f"job {number} {FATES.get(state, f'has ended ({state})')}"


def end_of(facts: Mapping[str, str]) -> float | None:
    """Return when a job ends, in seconds since the epoch, by what `scontrol` shows of it."""
    try:
        return datetime.fromisoformat(facts.get("EndTime", "")).timestamp()  # in local time, as Slurm writes it
    except ValueError:  # Unknown, or no limit
        return None


def facts_of(line: str) -> dict[str, str]:
    """Return the fields of one line of `scontrol --oneliner show`; a value ends at the next field."""
    fields = re.split(r"(?:^|\s)([A-Z][A-Za-z/:]*)=", line.strip())
    return dict(zip(fields[1::2], map(str.strip, fields[2::2]), strict=True))


def ask_environment() -> dict[str, str]:
    """Return an environment in which Slurm's programs write times as `end_of` reads them."""
    return {**os.environ, "SLURM_TIME_FORMAT": "standard"}


def _nodes(names: Sequence[str]) -> list[Node]:
    lines = _ask("scontrol", "--oneliner", "show", "node", ",".join(names)).splitlines()
    found = {facts["NodeName"]: facts for facts in map(facts_of, lines) if "NodeName" in facts}
    return [Node(name, found[name].get("NodeAddr", name), found[name].get("NodeHostName", name)) for name in names]


def _shown(kind: str, name: str) -> dict[str, str]:
    """Return what is known of a job, nothing if it is not known any more or Slurm cannot be asked."""
    try:
        return facts_of(_ask("scontrol", "--oneliner", "show", kind, name).partition("\n")[0])
    except MachineError:
        return {}


def _ask(*command: str) -> str:
    """Return what a program of Slurm prints; raise MachineError if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, env=ask_environment(), timeout=ASK_S, check=False, text=True
        )
    except FileNotFoundError:
        raise MachineError(
            f"{command[0]} is not installed here", hint="start wke where Slurm's programs are, such as a login node"
        ) from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"Slurm does not answer within {ASK_S:.0f} s: {' '.join(command[:3])}") from None
    if done.returncode:
        raise MachineError(f"{' '.join(command[:3])}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout

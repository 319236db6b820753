"""The hand-written peer: a shell script that creates network namespaces, with new names in every run."""

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import PEER_SCRIPTS

SCRIPT = PEER_SCRIPTS / "netns.sh"
WAYS = {"plain": "shell script, one ip per step", "batch": "shell script, ip -batch"}


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prefix of all interfaces and namespaces that a contender creates, in a file that it reads."""

    file: Path

    def renew(self) -> None:
        """Choose a new prefix."""
        self.file.write_text(f"w{random.randrange(16**6):06x}")

    def remove_all(self) -> None:
        """Remove everything that still has it. After a successful run these are only links whose removal the kernel has deferred."""
        prefix = self.file.read_text()
        for name in Path("/run/netns").glob(f"{prefix}*"):
            subprocess.run(["ip", "netns", "delete", name.name], capture_output=True, check=False)
        for name in Path("/sys/class/net").glob(f"{prefix}*"):
            subprocess.run(["ip", "link", "delete", name.name], capture_output=True, check=False)


def step(verb: str, count: int, prefix: Prefix, way: str) -> tuple[str | Path, ...]:
    """Return the command of one step: up, true or down."""
    return ("bash", SCRIPT, verb, str(count), prefix.file, way)

"""The peer by hand: a shell script that makes network namespaces, under names that are new in every run."""

import random
from collections.abc import Callable
from pathlib import Path

from bench import PEER_SCRIPTS

SCRIPT = PEER_SCRIPTS / "netns.sh"
WAYS = {"plain": "shell script, one ip a step", "batch": "shell script, ip -batch"}


def step(verb: str, count: int, prefix_file: Path, way: str) -> tuple[str | Path, ...]:
    """Return the command of one step: up, true or down."""
    return ("bash", SCRIPT, verb, str(count), prefix_file, way)


def new_prefix(prefix_file: Path) -> Callable[[], None]:
    """Return what writes a beginning for names of interfaces and namespaces that nobody else here uses."""

    def write() -> None:
        prefix_file.write_text(f"w{random.randrange(16**6):06x}")

    return write

"""Submitting a command as a batch job: it runs on the first node of an allocation of its own when Slurm has the nodes."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from wke.act.slurm.job import NOT_HERE, ask_environment
from wke.errors import MachineError

ASK_S = 60.0


def submit(command: Sequence[str], *, name: str, request: Sequence[str], output: Path) -> str:
    """Submit a command that runs in the current folder; return the job's number. Its output goes to `output` with the number for `%j`.

    Raises MachineError when Slurm refuses.
    """
    script = f"#!/bin/sh\nexec {shlex.join(command)}\n"
    options = [f"--job-name={name}", f"--output={output}", "--open-mode=append", *request]
    try:
        done = subprocess.run(
            ["sbatch", "--parsable", *options], input=script, capture_output=True, env=_clean(), timeout=ASK_S, check=False, text=True
        )
    except FileNotFoundError:
        raise MachineError("sbatch is not installed here", hint=NOT_HERE) from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"sbatch does not answer within {ASK_S:.0f} s") from None
    if done.returncode:
        raise MachineError(f"Slurm refuses the job: {done.stderr.strip()}", hint="[slurm] in the cluster file says what is asked for")
    return done.stdout.strip().partition(";")[0]


def _clean() -> dict[str, str]:
    """Return our environment without what describes an allocation that we may be in, or what would change the job's size."""
    return {name: value for name, value in ask_environment().items() if not name.startswith(("SLURM_JOB", "SLURM_NTASKS", "SBATCH_"))}

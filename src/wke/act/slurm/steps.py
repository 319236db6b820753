"""Steps of a job: the `srun` commands that start programs on its nodes.

A step of ours takes nothing from others (`--overlap`), and may use every processor of the job on its nodes: without `--exact`, a step has
all of them, and its tasks are not bound to some of them. One task per node; a node that fails does not end the step on the others.
"""

from collections.abc import Sequence

from wke.act.slurm.job import Job

SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l")


def step(job: Job, nodes: Sequence[str]) -> list[str]:
    """Return the command that starts a program on these nodes of a job, once on each; the program and its arguments follow."""
    return [
        "srun",
        f"--jobid={job.number}",
        f"--nodelist={','.join(nodes)}",
        f"--nodes={len(nodes)}",
        f"--ntasks={len(nodes)}",
        "--ntasks-per-node=1",
        "--overlap",
        "--no-kill",
        "--wait=0",
        "--kill-on-bad-exit=0",
        "--cpu-bind=none",
        "--mem=0",  # all that the job has there, without taking it from other steps
        "--mpi=none",
        "--job-name=wke",
        "--quiet",
        "--unbuffered",  # else output waits for the end of its line, and frames have no lines
    ]


def shell(job: Job, node: str) -> list[str]:
    """Return the command that opens an interactive shell on a node."""
    return [*step(job, [node]), "--pty", *SHELL]

"""Asking Slurm for nodes: one allocation, which `salloc` holds for as long as this process lives and wants it.

`salloc` runs a shell that reads from us until we close the pipe, or are gone in any way. Then the shell ends, and Slurm has its nodes back.
"""

import contextlib
import hashlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from wke.act.slurm.job import NOT_HERE, Job, ask_environment, find_job
from wke.errors import AskedToEndError, MachineError

GRANTED = "wke: job "
HOLD = f'echo "{GRANTED}$SLURM_JOB_ID"; exec cat >/dev/null'
RELEASE_S = 20.0
KEPT_LINES = 10
HINT = "see what the partition offers with sinfo; [slurm] in the cluster file says what is asked for"


def job_name(cluster_file: Path | None) -> str:
    """Return the name of the jobs that ask for the machines of a cluster file: people see its folder, and wke finds them by it."""
    if cluster_file is None:
        return "wke"
    path = cluster_file.resolve()
    return f"wke-{path.parent.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


@contextmanager
def allocated(name: str, request: Sequence[str], tell: Callable[[str], None]) -> Iterator[Job]:
    """Ask for nodes, wait until there are some, and yield the job; they are released when the block is left, and when this process ends.

    `tell` gets what `salloc` says while we wait. Raises MachineError when Slurm refuses, AskedToEndError on SIGTERM and SIGHUP.
    """
    command = ["salloc", f"--job-name={name}", *request, "/bin/sh", "-c", HOLD]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ask_environment(),
            start_new_session=True,  # Ctrl-C is for us: what runs on the nodes is stopped before they are released
        )
    except FileNotFoundError:
        raise MachineError("salloc is not installed here", hint=NOT_HERE) from None
    number = ""
    try:
        with _ending_on_signals():
            number = _granted(process, tell)
        threading.Thread(target=process.stdout.read if process.stdout else str, daemon=True).start()  # it must not block
        yield find_job(number)
    finally:
        _release(process, is_held=bool(number))


def _granted(process: subprocess.Popen[bytes], tell: Callable[[str], None]) -> str:
    """Wait for the nodes and return the job's number."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        text = line.decode("utf-8", "replace").strip()
        if text.startswith(GRANTED):
            return text.removeprefix(GRANTED)
        said.append(text)
        if "error" not in text:
            tell(text)
    words = "".join(f"\n  {line}" for line in said[-KEPT_LINES:])
    raise MachineError(f"Slurm gives no nodes: salloc ended with status {process.wait()}{words}", hint=HINT)


def _release(process: subprocess.Popen[bytes], *, is_held: bool) -> None:
    """Give the nodes back, or take the question back if there are none yet."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    if is_held and _ends(process, RELEASE_S):
        return
    process.terminate()
    if not _ends(process, RELEASE_S):
        process.kill()
        process.wait()


def _ends(process: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into AskedToEndError while the block runs, in the main thread; a signal that is ignored stays ignored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise AskedToEndError(f"asked to end by {signal.Signals(number).name} while waiting for nodes")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

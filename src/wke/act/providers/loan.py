"""The loan of a cluster: the machines that `up` made and `down` will remove, as a record beside the cluster file.

In the folder `.wke`, for a cluster file `cluster.toml`:

    cluster.toml.lock   held while a command decides about the machines, makes or removes them
    cluster.toml.use    locked, together with others, by each command that uses the machines; the kernel frees it when one dies
    cluster.toml.json   the record, while there is a loan
    cluster.toml.list   what `up` printed
    cluster.toml.log    all that `up` and `down` wrote, since the last `up` began

This module knows nothing of clusters: the process that ends a loan when its time is up (expiry.py) has the path of the file only.
"""

import fcntl
import json
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from wke.act.providers.programs import Running, run_program, say
from wke.errors import AskedToEndError, MachineError, Problem, StillUpError, WkeError
from wke.values import dataclass

FOLDER = ".wke"
RISING, UP, FALLING = "rising", "up", "falling"


@dataclass(frozen=True, slots=True)
class Loan:
    """Machines by their `names` that `up` made, and what removes them.

    `state` is RISING or FALLING while a program runs, or when it did not come to a good end. They stay for good if they are `kept`, else
    until the last command that uses them ends or, with `until`, till then (seconds since the epoch). `pid` and `born` are the program's.
    """

    state: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    names: tuple[str, ...]
    kept: bool = False
    until: float | None = None
    pid: int = 0
    born: int = 0

    def is_there(self) -> bool:
        """Tell whether the machines are up and their time is not over."""
        return self.state == UP and (self.kept or self.until is None or self.until > time.time())


class LoanBook:
    """The record of a cluster file's loan, and what changes it."""

    def __init__(self, path: Path) -> None:
        """Raise MachineError where no record can be kept."""
        self.path = path.resolve()
        folder = self.path.parent / FOLDER
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileExistsError), (folder / ".gitignore").open("x") as ignored:
                ignored.write("*\n")
        except OSError as error:
            raise MachineError(f"{folder}: {error.strerror}", hint="wke keeps there which machines it has to give back") from error
        self._base = folder / self.path.name

    def file(self, kind: str) -> Path:
        """Return one of the files of the record: json, list, log, lock or use."""
        return self._base.with_name(f"{self._base.name}.{kind}")

    # -- locks

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other command decide about these machines meanwhile; wait for the one that does now."""
        handle = self._open("lock")
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another command, which makes or removes these machines")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def use(self) -> int:
        """Return a handle; until it is closed, the machines are in use. Call it `alone`."""
        handle = self._open("use")
        fcntl.flock(handle, fcntl.LOCK_SH)
        return handle

    def is_used_by_others(self, handle: int) -> bool:
        """Tell whether another command uses the machines than the one that has this handle. Call it `alone`."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            fcntl.flock(handle, fcntl.LOCK_SH)  # a change of a lock that fails loses it
        return False

    def _open(self, kind: str) -> int:
        return os.open(self.file(kind), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    # -- the record

    def read(self) -> Loan | None:
        """Return the loan, None if there is none."""
        try:
            facts = json.loads(self.file("json").read_text())
            lists = {name: tuple(map(str, facts[name])) for name in ("up", "down", "names")}
            return Loan(**{**facts, **lists})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            hint = "remove it when you know that its machines are gone"
            raise MachineError(f"{self.file('json')} is damaged: {error}", hint=hint) from error

    def write(self, loan: Loan) -> Loan:
        """Record a loan in place of the one that is recorded, and return it."""
        part = self.file("part")
        part.touch(0o600)
        part.write_text(json.dumps(asdict(loan)))
        part.rename(self.file("json"))
        return loan

    def listed(self) -> str:
        """Return what `up` printed."""
        try:
            return self.file("list").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    # -- the programs

    def make(self, up: Sequence[str], down: Sequence[str], names: Sequence[str]) -> Loan:
        """Run `up` and return the loan; what it printed is `listed`. Raises MachineError when it fails; what it made is removed then."""
        self.file("log").write_bytes(b"")
        loan = self.write(Loan(RISING, tuple(up), tuple(down), tuple(names)))
        try:
            status, said = self._run(loan, loan.up)
            self.file("list").write_bytes(said)
        except BaseException as error:
            self.give_back(loan, error)
            if isinstance(error, OSError):
                raise MachineError(f"cannot start {up[0]}: {error.strerror}", hint="correct up in [cluster]") from error
            raise
        if status:
            failed = MachineError(f"{shlex.join(up)} failed with status {status}", hint=f"what it wrote is in {self.file('log')}")
            self.give_back(loan, failed)
            raise failed
        return self.write(replace(loan, state=UP))

    def give_back(self, loan: Loan, because: BaseException | None = None, others: Sequence[tuple[str, ...]] = ()) -> None:
        """Run `down`, or one of the `others` if it fails, and end the loan; raise StillUpError, with the reason for ending, if all fail."""
        self.check_idle(loan)
        why = "it cannot be started"
        self.file("list").touch(0o600)
        for down in dict.fromkeys((loan.down, *others)):
            self.write(replace(loan, state=FALLING, down=down))
            try:
                status, _ = self._run(replace(loan, state=FALLING, down=down), down)
            except OSError as error:
                why = f"cannot start {down[0]}: {error.strerror}"
            except (KeyboardInterrupt, AskedToEndError):
                why = "it was interrupted"
                break
            else:
                if not status:
                    self.file("json").unlink(missing_ok=True)
                    self.file("list").unlink(missing_ok=True)
                    return
                why = f"it failed with status {status}"
        command = f"cd {shlex.quote(str(self.path.parent))} && {shlex.join(down)} < {shlex.quote(str(self.file('list')))}"
        hint = f"this gives them back: {command}\n  then `wke cluster down`, with a `down` that succeeds, forgets them"
        left = Problem(f"the machines may still be up: `down` did not remove them: {why}", hint=hint)
        raise StillUpError(*_told(because), left) from because

    def check_idle(self, loan: Loan) -> None:
        """Raise MachineError while a program of a command that was killed still runs. Call it `alone`."""
        if loan.pid and loan.born and _born(loan.pid) == loan.born:
            which = shlex.join(loan.up if loan.state == RISING else loan.down)
            what = f"{which}, which a command started that was killed, still runs (process {loan.pid})"
            raise MachineError(what, hint="wait until it has ended, or end it")

    def _run(self, loan: Loan, argv: Sequence[str]) -> tuple[int, bytes]:
        def started(pid: int) -> None:
            self.write(replace(loan, pid=pid, born=_born(pid)))

        environment = {"WKE_CLUSTER_FILE": str(self.path), "WKE_MACHINES": " ".join(loan.names)}
        given = None if loan.state == RISING else self.file("list")
        return run_program(argv, Running(self.path.parent, environment, self.file("log"), given), started)


def _told(because: BaseException | None) -> tuple[Problem, ...]:
    """Return what was wrong before machines had to be given back."""
    if isinstance(because, WkeError):
        return because.problems
    return () if because is None else (Problem("interrupted" if isinstance(because, KeyboardInterrupt) else str(because)),)


def _born(pid: int) -> int:
    """Return when a process started, in the kernel's own unit; 0 if there is none, or only what is left of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])

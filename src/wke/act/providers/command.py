"""Machines that programs of the user's make and remove: `up` prints where they are, `down` removes them (loan.py)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from wke.act.providers import expiry
from wke.act.providers.loan import UP, Loan, LoanBook
from wke.act.providers.place import Place
from wke.act.providers.programs import heard_signals
from wke.act.providers.provider import Standing, Tell
from wke.act.providers.ssh import place_at
from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.cluster.machinelist import read_machine_list
from wke.describe.cluster.upanddown import UpAndDown
from wke.describe.toml.wording import counted
from wke.errors import InputError, MachineError

MODE = "command"


class CommandProvider:
    """Machines that `up` makes for the first command that needs them, and `down` removes after the last one, or `keep-machines` later.

    Commands that run at the same time share them. A loan that no longer fits the cluster file is ended before the next begins.
    """

    makes_machines = True
    staying = "`wke cluster up` makes machines that stay"

    @contextmanager
    def reach(self, cluster: ClusterSpec, tell: Tell) -> Iterator[Place]:  # noqa: ARG002 - what `up` says is shown as it comes
        """Yield the place where they are, made if need be.

        Raises MachineError when `up` fails, InputError when what it prints makes no sense, StillUpError when `down` fails.
        """
        book = LoanBook(_path(cluster))
        with heard_signals(), book.alone():
            handle = book.use()
            try:
                place = _made(book, cluster, handle)
            except BaseException:
                os.close(handle)
                raise
        try:
            yield place
        except BaseException as error:
            _leave(book, cluster, handle, error)
            raise
        _leave(book, cluster, handle)

    def is_up(self, cluster: ClusterSpec, *, for_good: bool = False) -> bool:
        """Tell whether they are up, and not for the command alone that made them; with `for_good`, until `wke cluster down`."""
        loan = _loan(cluster)
        return loan is not None and (loan.kept or not for_good)

    def find(self, cluster: ClusterSpec) -> Place | None:
        """Return the place where they are, None while they are not up."""
        return None if _loan(cluster) is None else _place(LoanBook(_path(cluster)), cluster)

    # -- wke cluster

    def stand(self, cluster: ClusterSpec) -> Standing:
        """Make the machines, which stay; raise InputError if they do already."""
        book = LoanBook(_path(cluster))
        with heard_signals(), book.alone():
            handle = book.use()
            try:
                if (loan := book.read()) is not None and loan.kept and _fits(loan, cluster):
                    raise InputError(f"the machines of {cluster.path} are up already", hint="`wke cluster down` removes them")
                place = _made(book, cluster, handle)
                if (loan := book.read()) is not None:
                    book.write(replace(loan, kept=True))
            finally:
                os.close(handle)
        return _standing(place)

    def end(self, cluster: ClusterSpec) -> bool:
        """Remove the machines; return whether there were any. Raises InputError while a command uses them, StillUpError as `down` fails."""
        book = LoanBook(_path(cluster))
        with heard_signals(), book.alone():
            if (loan := book.read()) is None:
                return False
            handle = book.use()
            try:
                if book.is_used_by_others(handle):
                    raise InputError("another command uses these machines", hint="stop it, or wait until it ends")
            finally:
                os.close(handle)
            book.give_back(loan, others=(_commands(cluster).down,))
        return True

    def standing(self, cluster: ClusterSpec) -> Standing | None:
        """Return what is up; None if nothing is."""
        book = LoanBook(_path(cluster))
        if (loan := book.read()) is None:
            return None
        if loan.state != UP or not _fits(loan, cluster):
            why = "`up` or `down` runs now, or did not end well" if loan.state != UP else "cluster.toml has changed since `up` ran"
            return Standing(MODE, {}, (f"{counted(len(loan.names), 'machine')} may be up: {why}; `wke cluster down` removes them",))
        left_s = None if loan.kept or loan.until is None else max(0.0, loan.until - time.time())
        notes = () if left_s is None else (f"unless a command uses them, they are removed in {left_s:.0f} s",)
        return replace(_standing(_place(book, cluster)), notes=notes)


def _made(book: LoanBook, cluster: ClusterSpec, handle: int) -> Place:
    """Return the place of the loan that there is, or of a new one. Call it `alone`, with the handle of a use."""
    commands, loan = _commands(cluster), book.read()
    if loan is not None:
        book.check_idle(loan)
        if not (loan.is_there() and _fits(loan, cluster)):
            if book.is_used_by_others(handle):
                hint = "wait until it ends, or use another cluster file"
                raise MachineError(f"another command uses the machines that {cluster.path} described before it was changed", hint=hint)
            book.give_back(loan, others=(commands.down,))
            loan = None
    if loan is None:
        loan = book.make(commands.up, commands.down, [machine.name for machine in cluster.machines])
        try:
            place = _place(book, cluster)
        except InputError as error:
            book.give_back(loan, error)
            raise
    else:
        place = _place(book, cluster)
    book.write(replace(loan, until=None, pid=0, born=0))
    return place


def _leave(book: LoanBook, cluster: ClusterSpec, handle: int, because: BaseException | None = None) -> None:
    """Give the machines back if this was the last command that uses them, or have that done later."""
    try:
        with heard_signals(), book.alone():
            loan = None if book.is_used_by_others(handle) else book.read()
            if loan is None or loan.kept:
                return
            keep_s = _commands(cluster).keep_s
            if keep_s and loan.state == UP:
                book.write(replace(loan, until=time.time() + keep_s))
                expiry.end_when_due(book)
            else:
                book.give_back(loan, because)
    finally:
        with suppress(OSError):
            os.close(handle)


def _loan(cluster: ClusterSpec) -> Loan | None:
    """Return the loan of machines that are up, as the file now says."""
    loan = LoanBook(_path(cluster)).read()
    return loan if loan is not None and loan.is_there() and _fits(loan, cluster) else None


def _fits(loan: Loan, cluster: ClusterSpec) -> bool:
    return loan.up == _commands(cluster).up and loan.names == tuple(machine.name for machine in cluster.machines)


def _place(book: LoanBook, cluster: ClusterSpec) -> Place:
    """Return the place where `up` has said that the machines are; raise InputError if that makes no sense."""
    found = read_machine_list(book.listed(), cluster, f"output of {_commands(cluster).up[0]}")
    return place_at(replace(cluster, machines=tuple(found[machine.name] for machine in cluster.machines)))


def _standing(place: Place) -> Standing:
    return Standing(MODE, {machine.name: {"address": machine.external_addr} for machine in place.cluster.machines})


def _commands(cluster: ClusterSpec) -> UpAndDown:
    assert cluster.commands is not None
    return cluster.commands


def _path(cluster: ClusterSpec) -> Path:
    if cluster.path is None:
        raise InputError("a cluster without a file has no place for the record of its machines", hint="write it to a cluster.toml")
    return cluster.path

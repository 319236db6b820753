"""Machines that are not what stored trials were measured on: whether that matters to a series, and what is to be done then."""

import shlex
import sys
from collections.abc import Iterable
from typing import Literal

import click

from wke.cli.options import told
from wke.cli.prepare import Series, kept
from wke.errors import InputError
from wke.judge.reuse.state import facts_words
from wke.keep.files.lock import person
from wke.keep.machines.acceptance import Harmless
from wke.keep.machines.fingerprint import FactChange, Reference
from wke.keep.store import Store
from wke.tell.terminal.console import Printer, counted

Answer = Literal["measure", "accept", "stop"]


class MachinesChangedError(InputError):
    """Before anything ran: machines are not what `lost` stored trials of the series were measured on."""

    def __init__(self, series: Series, lost: int, changes: Iterable[FactChange]) -> None:
        self.lost = lost
        self.changes = tuple(dict.fromkeys(changes))
        machines = ",".join(dict.fromkeys(change.machine for change in self.changes))
        listed = "".join(f"\n  {words}" for words in facts_words(self.changes))
        name, path, cluster = series.plan.experiment.name, series.plan.experiment.path, told(series.project.whole.path)
        super().__init__(
            f"machines are not what {counted(lost, 'stored trial')} of {name} {'was' if lost == 1 else 'were'} measured on:{listed}\n"
            "Nothing runs before it is said what that means, and nothing is lost.",
            hint=f'if that is harmless: wke accept {shlex.quote(machines)} --reason "..."; else measure these trials again: '
            f"wke measure {path}{cluster} --remeasure",
        )


class PlanChangedError(Exception):
    """Before anything ran: machines turned out to be others than the plan took them for, and no result is lost by that."""


def settle(series: Series, store: Store, number: int, before: Reference) -> None:
    """Settle what the series' machines were found to be, given what they were `before`, which the plan was made for.

    Raises MachinesChangedError when results that counted so far do not on such machines, PlanChangedError when others are to run now.
    """
    now = store.examinations.latest()
    stood_on = {**before, **store.examinations.of_series(series.plan.experiment.name)}
    counted_so_far, counts = kept(series, store, stood_on).stored, kept(series, store, now).stored
    lost = {(attempt.id, attempt.attempt) for trial, attempt in counted_so_far.items() if trial not in counts}
    if lost:
        tried = store.attempts.of_trials({trial for trial, _ in lost}, now)
        raise MachinesChangedError(series, len(lost), (change for a in tried if (a.id, a.attempt) in lost for change in a.changes))
    store.examinations.settle(number)
    if kept(series, store, before) != kept(series, store, now):
        raise PlanChangedError


def resolve(changed: MachinesChangedError, store: Store, number: int, *, remeasure: bool) -> None:
    """Have it settled what a change of machines means, by whoever sits at the terminal; where nobody does, raise the error."""
    answer: Answer = "measure" if remeasure else _asked(changed)
    if answer == "stop":
        raise changed
    if answer == "accept":
        reason = click.prompt("why is it harmless", err=True)
        accepted = store.acceptances.add(Harmless(facts_words(changed.changes), changed.changes), who=person(), reason=reason)
        Printer().talk(f"accepted as {accepted}; `wke accept --take-back {accepted}` takes it back")
    else:
        Printer().talk(f"measured again: {counted(changed.lost, 'stored trial')}; the old results stay in results/")
        store.examinations.settle(number)


def _asked(changed: MachinesChangedError) -> Answer:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "stop"
    Printer().talk(changed.problems[0].what)
    answers: tuple[Answer, ...] = ("measure", "accept", "stop")
    chosen: Answer = click.prompt("measure these trials again, accept the change, or stop", type=click.Choice(answers), err=True)
    return chosen

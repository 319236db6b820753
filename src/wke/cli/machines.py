"""Asks the person at the terminal what a change of machines means."""

import sys
from typing import Literal

import click

from wke.keep.store import Store
from wke.series.machines import MachinesChangedError, accept_machines
from wke.tell.terminal.console import Printer, counted

Answer = Literal["measure", "accept", "stop"]


def resolve(changed: MachinesChangedError, store: Store, number: int, *, remeasure: bool) -> None:
    """Measure again if `remeasure`, else do as the person at the terminal says; without a terminal raise the error."""
    answer: Answer = "measure" if remeasure else _asked(changed)
    if answer == "stop":
        raise changed
    if answer == "accept":
        accepted = accept_machines(changed, store, click.prompt("why is it harmless", err=True))
        Printer().talk(f"accepted as {accepted}; `wke accept --take-back {accepted}` takes it back")
    else:
        Printer().talk(f"measured again: {counted(changed.lost, 'stored trial')}; the old results stay in results/")
        store.examinations.confirm(number)


def _asked(changed: MachinesChangedError) -> Answer:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "stop"
    Printer().talk(changed.problems[0].what)
    answers: tuple[Answer, ...] = ("measure", "accept", "stop")
    chosen: Answer = click.prompt("measure these trials again, accept the change, or stop", type=click.Choice(answers), err=True)
    return chosen

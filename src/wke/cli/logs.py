"""`wke logs`: what a trial's tasks wrote."""

import sys

import click

from wke.cli.options import RESULTS, folder
from wke.errors import InputError, did_you_mean
from wke.keep.logs import lines, tasks
from wke.keep.store import Store
from wke.tell.console import Printer, harmless


@click.command()
@click.argument("trial")
@click.argument("machine", required=False)
@click.option("--target", help="Only of this target.")
@folder
def logs(trial: str, machine: str | None, target: str | None) -> None:
    """Print what the tasks of TRIAL (the beginning of its id is enough) wrote, of MACHINE only if given, in order of time.

    Each line stands behind the seconds since the first one, its target and its machine. The bytes themselves are in the trial's folder,
    whose path is printed first.
    """
    with Store.open(RESULTS, readonly=True) as store:
        stored = store.find(trial)
    written = tasks(stored.folder)
    _check("machine", machine, {task.machine for task in written})
    _check("target", target, {task.target for task in written})
    out = Printer()
    out.talk(f"{stored.folder}  ({stored.outcome}{': ' + stored.why if stored.why else ''})")
    first_ns = None
    for line in lines(stored.folder):
        if machine not in {None, line.task.machine} or target not in {None, line.task.target}:
            continue
        first_ns = first_ns or line.at_ns
        name = f"{line.task.machine}.{line.task.copy}" if line.task.copy else line.task.machine
        mark = "│" if line.stream == 1 else "!"
        sys.stdout.write(f"{(line.at_ns - first_ns) / 1e9:9.3f} {line.task.target} {name} {mark} {harmless(line.data)}\n")


def _check(noun: str, name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        raise InputError(f'in this trial no {noun} "{name}" wrote anything', hint=did_you_mean(name, sorted(known)))

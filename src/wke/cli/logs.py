"""`wke logs`: prints what a trial's tasks wrote."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import click

from wke.cli.follow_logs import Wanted, follow_logs, printed
from wke.cli.options import as_json, folder
from wke.errors import InputError, StoreError, did_you_mean
from wke.judge.clocks import knots, placer
from wke.keep.files.damage import CHECK
from wke.keep.output.logs import Line, lines, tasks
from wke.keep.store import Store
from wke.keep.trials.trials import StoredAttempt
from wke.records import MachineClock
from wke.series.folders import RESULTS
from wke.series.resolve import find_trial
from wke.tell.terminal.console import Printer, json_text
from wke.tell.terminal.output import put
from wke.tell.terminal.sanitize import Safe, visible
from wke.tell.terminal.trial import cleaned_words

MOST_NAMED = 5


@click.command()
@click.argument("trial")
@click.argument("machine", required=False)
@click.option("--target", help="Only the output of this target.")
@click.option("--follow", is_flag=True, help="Go on while TRIAL runs; for a SERIES that is measured, from trial to trial.")
@folder
@as_json
def logs(trial: str, machine: str | None, target: str | None, *, follow: bool, as_json: bool) -> None:
    """Print what the tasks of TRIAL wrote, in order of time on this computer's clock; with MACHINE only the output there.

    TRIAL is the start of its id, or SERIES:PARAMETER=VALUE if that means one trial. Before each line are the seconds since the first one,
    its target and its machine. The path of the trial's folder, which has the raw output, is printed first.

    With --follow, lines are printed as they arrive, by the clocks of the machines.
    """
    if follow:
        follow_logs(trial, Wanted(machine, target), as_json=as_json)
        return
    with Store.open(RESULTS, readonly=True) as store:
        stored = find_trial(store, trial)
        makers = store.details.makers(*stored.ran)
        clocks = store.details.clocks(stored.id, stored.attempt)
        cleaned = store.cleaning.of(stored.id, stored.attempt)
        lost = [path for path in store.details.files(stored.id, stored.attempt) if not (stored.folder / path).exists()]
    if not stored.folder.is_dir():
        raise StoreError(f"the files of trial {stored.id} ({stored.outcome}) are missing: there is no folder {stored.folder}", hint=CHECK)
    written = tasks(stored.folder)
    for one in cleaned:
        Printer().talk(cleaned_words(one))
    _check("machine", machine, {task.machine for task in written})
    _check("target", target, {task.target for task in written})
    found = lines(stored.folder, place=placer(clocks))
    wanted = (line for line in found if Wanted(machine, target).has(line))
    _tell_unknown({task.machine for task in written}, clocks)
    for piece in _document(stored, makers, wanted) if as_json else _text(stored, makers, wanted):
        put("stdout", piece)
    if lost:
        more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
        raise StoreError(f"files of trial {stored.id} are missing: {', '.join(lost[:MOST_NAMED])}{more}", hint=CHECK)


def _text(stored: StoredAttempt, makers: Sequence[str], wanted: Iterable[Line]) -> Iterator[Safe]:
    """Yield the lines; first print where they are from, and which attempts deployed what they ran on."""
    Printer().talk(f"{stored.folder}  ({stored.word}{': ' + stored.why if stored.why else ''})")
    for maker in makers:
        Printer().talk(f"deployed in {maker}: {RESULTS / 'trials' / maker.replace('.', '/')}")
    yield from printed(wanted)


def _document(stored: StoredAttempt, makers: Sequence[str], wanted: Iterable[Line]) -> Iterator[Safe]:
    """Yield one JSON document in pieces: logs may be larger than memory."""
    head = {"trial": stored.id, "folder": str(stored.folder), "outcome": stored.outcome, "why": stored.why, "deployed-in": makers}
    yield visible(json_text(head).removesuffix("}") + ', "lines": [')
    comma = ""
    for line in wanted:
        task = {"step": line.task.step, "target": line.task.target, "machine": line.task.machine, "copy": line.task.copy}
        said = {"at-ns": line.at_ns, **task, "stream": line.stream, "text": line.data.decode(errors="backslashreplace")}
        said |= {"continues": True} if line.continues else {}
        yield visible(f"{comma}\n{json_text(said)}")
        comma = ","
    yield Safe("\n]}\n")


def _tell_unknown(machines: AbstractSet[str], clocks: Mapping[str, MachineClock]) -> None:
    """Say between which machines the order of lines may be wrong."""
    unread = machines - clocks.keys() if len(machines) > 1 else set()
    was_set = {machine for machine in machines & clocks.keys() if not knots(clocks[machine])}
    for names, why in ((unread, "was not compared with others"), (was_set, "was set during the trial, or the machine stood still")):
        if names:
            named = f"{', '.join(sorted(names)[:MOST_NAMED])}{f' and {len(names) - MOST_NAMED} more' if len(names) > MOST_NAMED else ''}"
            Printer().talk(f"the clock {why}: {named}; the order of lines of different machines may be wrong")


def _check(noun: str, name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        raise InputError(f'no {noun} "{name}" wrote anything in this trial', hint=did_you_mean(name, sorted(known)))

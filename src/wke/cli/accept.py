"""`wke accept`: a change is harmless, says somebody; results from before it count."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from wke.act.trials.runner import IdentifiedTrial
from wke.cli.options import RESULTS, as_json, project
from wke.cli.prepare import all_planned, named
from wke.cli.why import relative_of, script_texts
from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.selector import select
from wke.errors import InputError
from wke.judge.reuse.differences import differences
from wke.judge.reuse.state import Relatives, facts_words
from wke.keep.files.lock import person
from wke.keep.machines.acceptance import Acceptance, Harmless
from wke.keep.machines.fingerprint import FactChange, deciding, place
from wke.keep.store import Store
from wke.tell.terminal.console import Printer, counted


@click.command()
@click.argument("what", required=False)
@click.option("--reason", metavar="TEXT", help="Why the change is harmless. Kept with your name and the time.")
@click.option("--list", "listed", is_flag=True, help="Print what was accepted.")
@click.option("--take-back", type=int, metavar="NUMBER", help="Let an acceptance hold no longer.")
@project
@as_json
def accept(what: str | None, cluster_file: Path, *, reason: str | None, listed: bool, take_back: int | None, as_json: bool) -> None:
    """Declare a change harmless: results from before it count as if nothing had changed.

    WHAT is a trial that is to run (the beginning of its id is enough): then all changes that `wke why` names are accepted, for every trial
    of every plan that differs from a stored one in nothing else. Or it selects machines: then what they are now is as good as what they
    were when results were measured on them. Nothing is run, and nothing that is stored changes.
    """
    if (what is not None) + listed + (take_back is not None) != 1:
        raise click.UsageError("say one of WHAT, --list and --take-back")
    if listed:
        with Store.open(RESULTS, readonly=True) as store:
            _print_all(store.acceptances.all(), as_json=as_json)
        return
    if what is not None and not (reason or "").strip():
        raise InputError("no reason is given", hint='say why the change is harmless: --reason "..."')
    if not Store.exists(RESULTS):
        raise InputError(f"there are no results in {RESULTS}", hint="change to the project's folder")
    with Store.open(RESULTS, command="wke accept", series="") as store:
        if take_back is not None:
            number = store.acceptances.take_back(take_back, who=person()).number
        else:
            number = store.acceptances.add(_harmless(what or "", store, cluster_file), who=person(), reason=(reason or "").strip())
        _print_all([each for each in store.acceptances.all() if each.number == number], as_json=as_json)


def _harmless(what: str, store: Store, cluster_file: Path) -> Harmless:
    """Return what is to be accepted; InputError when there is nothing, or when it is more than a change."""
    planned = all_planned(cluster_file)
    trial = named(what, planned)
    cluster = read_cluster(cluster_file)
    try:
        machines = select(cluster, what)
    except InputError as error:
        if trial is None:
            hint = "it must be a trial of a plan (wke plan FILE --verbose shows their ids), or machines"
            raise InputError(
                f'there is no trial "{what}" in a plan, and it selects no machines: {error.problems[0].what}', hint=hint
            ) from None
        return _trial(planned[trial], planned.values(), store)
    if trial is not None:
        raise InputError(f'"{what}" selects machines, and a trial begins with it', hint="give more of the trial's id, or machines as [0]")
    changes = list(_machines(store, {(machine.name, place(machine.external_addr)) for machine in machines}))
    if not changes:
        hint = "wke why TRIAL says what stands between a trial and a result"
        raise InputError("these machines are what they were when results were measured on them, as far as they were examined", hint=hint)
    return Harmless(facts_words(changes), changes)


def _machines(store: Store, machines: set[tuple[str, str]]) -> Iterator[FactChange]:
    """Yield by what machines differ from what they are to any series, and that is not accepted yet."""
    latest, accepted = store.examinations.latest(), store.acceptances.facts()
    for name in store.plans.names():
        for machine, facts in store.examinations.of_series(name).items():
            if machine in machines:
                yield from (change for change in deciding(machine[0], facts, latest[machine]) if not accepted.covering(change))


def _trial(item: IdentifiedTrial, planned: Iterable[IdentifiedTrial], store: Store) -> Harmless:
    """Return what `wke why` says of a trial, and all pairs of a planned trial and a stored one between which nothing else lies."""
    identity = item.planned.id
    if identity in store.attempts.results([identity]):
        raise InputError(f"trial {identity} is stored and reused: there is nothing to accept")
    relative = relative_of(store, item)
    if relative is None:
        raise InputError(
            f"no trial like {identity} was ever measured: none at its point and iteration has a result", hint="wke measure does"
        )
    results, inputs = store.inputs.of_trials_with_results(), json.loads(item.planned.inputs_json)
    if any(change.is_new_metric for change in relative.changes):
        hint = "wke measure measures it"
        raise InputError(f"trial {identity} has a metric that {relative.trial} was not measured with: it has no value of it", hint=hint)
    words = differences(results[relative.trial], inputs, script_texts(planned, store))
    accepted, relatives = set(relative.changes), Relatives(results)
    stored = store.attempts.results(each.planned.id for each in planned)
    pairs = [
        (each.planned, name)
        for each in planned
        if each.planned.id not in stored
        for name, changes in relatives.of(each.planned)[:1]
        if set(changes) <= accepted
    ]
    return Harmless(
        [*words, *facts_words(relative.machines)],
        relative.machines,
        [(trial.id, name) for trial, name in pairs],
        {trial.id: trial.inputs_json for trial, _ in pairs},
    )


def _print_all(acceptances: Iterable[Acceptance], *, as_json: bool) -> None:
    out = Printer()
    if as_json:
        facts = [{key.replace("_", "-"): value for key, value in asdict(each).items()} for each in acceptances]
        out.data(json.dumps({"acceptances": facts}, indent=2))
        return
    for each in acceptances:
        good = f", for {counted(each.trials, 'trial')}" if each.trials else ""
        gone = f"; taken back {_day(each.taken_back_ns)} by {each.taken_back_by}" if each.taken_back_ns is not None else ""
        out.data(f"{each.number}  {_day(each.at_ns)} by {each.who}{good}: {each.reason}{gone}")
        for change in each.changes:
            out.data("\n".join(f"     {line}" for line in change.splitlines()))


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""`wke accept`: declares a change harmless, so that earlier results count."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from wke.cli.options import as_json, project
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.keep.files.localtime import local_time
from wke.keep.files.lock import person
from wke.keep.machines.acceptance import Acceptance
from wke.keep.store import Store
from wke.series.acceptance import changes_to_accept
from wke.series.folders import RESULTS
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("what", required=False)
@click.option("--reason", metavar="TEXT", help="Why the change is harmless; stored with your name and the time.")
@click.option("--list", "listed", is_flag=True, help="List what was accepted.")
@click.option("--take-back", type=int, metavar="NUMBER", help="Take back an acceptance.")
@project
@as_json
def accept(what: str | None, cluster_file: Path, *, reason: str | None, listed: bool, take_back: int | None, as_json: bool) -> None:
    """Declare a change harmless: earlier results count as if nothing had changed.

    WHAT is a trial that would run, by the start of its id or as SERIES:PARAMETER=VALUE: all changes that `wke why` names are accepted, for
    every trial of every plan that differs from a stored one in nothing else. Or WHAT selects machines: their state now is accepted in place
    of their state when results were measured on them. Nothing is run, and stored results are not changed.
    """
    if (what is not None) + listed + (take_back is not None) != 1:
        raise click.UsageError("give one of WHAT, --list and --take-back")
    if listed:
        with Store.open(RESULTS, readonly=True) as store:
            _print_all(store.acceptances.all(), as_json=as_json)
        return
    if what is not None and not (reason or "").strip():
        raise InputError("a reason is missing", hint='say why the change is harmless: --reason "..."')
    if not Store.exists(RESULTS):
        raise InputError(f"there are no results in {RESULTS}", hint="change to the project's folder")
    with Store.open(RESULTS, command="wke accept", series="") as store:
        if take_back is not None:
            number = store.acceptances.take_back(take_back, who=person()).number
        else:
            number = store.acceptances.add(changes_to_accept(what or "", store, cluster_file), who=person(), reason=(reason or "").strip())
        _print_all([each for each in store.acceptances.all() if each.number == number], as_json=as_json)


def _print_all(acceptances: Iterable[Acceptance], *, as_json: bool) -> None:
    out = Printer()
    if as_json:
        facts = [{key.replace("_", "-"): value for key, value in asdict(each).items()} for each in acceptances]
        out.document({"acceptances": facts})
        return
    for each in acceptances:
        good = f", for {counted(each.trials, 'trial')}" if each.trials else ""
        gone = f"; taken back {local_time(each.taken_back_ns)} by {each.taken_back_by}" if each.taken_back_ns is not None else ""
        out.data(f"{each.number}  {local_time(each.at_ns)} by {each.who}{good}: {each.reason}{gone}")
        for change in each.changes:
            out.data("\n".join(f"     {line}" for line in change.splitlines()))

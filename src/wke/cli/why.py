"""`wke why`: what stands between a trial and a stored result."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import indent

import click

from wke.act.runner import Due
from wke.cli.options import RESULTS, as_json, project
from wke.cli.prepare import plan_series, read_project
from wke.describe.experiment import read_experiment
from wke.errors import InputError
from wke.judge.differences import Inputs, Script, differences, nearest
from wke.keep.identity import scripts
from wke.keep.store import Store
from wke.keep.trials import StoredTrial
from wke.tell.console import Printer


@click.command()
@click.argument("trial")
@project
@as_json
def why(trial: str, cluster_file: Path, *, as_json: bool) -> None:
    """Say what TRIAL (the beginning of its id is enough) has that its nearest relative has not.

    A trial of a plan that is to run is compared with the nearest stored one: what changed is why that one's result does not count for it. A
    stored trial that no plan holds any more is compared with the nearest planned one. All of experiments/ is planned; nothing is started.
    """
    planned = tuple(_planned(cluster_file))
    plans = {item.planned.id: json.loads(item.planned.inputs_json) for item in planned}
    texts = {digest: content.decode("utf-8", "replace") for item in planned for digest, content in scripts(item.trial).items()}
    with Store.open(RESULTS, readonly=True) as store:
        stored = store.result_inputs()

        def script(digest: str) -> str | None:
            return texts.get(digest) or store.script(digest)

        identity = _named(trial, plans) or store.find(trial).id
        if identity in plans and identity in stored:
            answer = Answer(identity, "is stored and reused: nothing that it depends on has changed")
        elif identity in plans:
            answer = _to_run(identity, plans[identity], stored, store.attempts(identity), script)
        else:
            answer = _unplanned(identity, store.inputs(identity), plans, script)
    if as_json:
        Printer().data(json.dumps(asdict(answer), indent=2))
    else:
        Printer().data("\n".join([f"{answer.trial} {answer.verdict}", *(indent(change, "  ") for change in answer.changes)]))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be said of a trial; `changes` are what differs between it and the `nearest` other."""

    trial: str
    verdict: str
    nearest: str | None = None
    changes: tuple[str, ...] = ()


def _to_run(identity: str, own: Inputs, stored: Mapping[str, Inputs], tried: Sequence[StoredTrial], script: Script) -> Answer:
    if tried:
        return Answer(identity, f"is to run: its last attempt was {tried[-1].outcome}{': ' + tried[-1].why if tried[-1].why else ''}")
    other = nearest(own, stored)
    if other is None:
        return Answer(identity, "is to run: nothing is stored yet")
    changes = tuple(differences(stored[other], own, script))
    same = f"is to run: it was not measured yet; {other} is the same in another iteration"
    return Answer(identity, f"is to run; since {other}, the nearest result:" if changes else same, other, changes)


def _unplanned(identity: str, own: Inputs, plans: Mapping[str, Inputs], script: Script) -> Answer:
    other = nearest(own, plans)
    if other is None:
        return Answer(identity, "is in no plan: experiments/ has none")
    changes = tuple(differences(own, plans[other], script))
    same = f"is in no plan now; {other} is the same in another iteration"
    return Answer(identity, f"is in no plan now; to {other}, the nearest planned trial:" if changes else same, other, changes)


def _named(prefix: str, plans: dict[str, Inputs]) -> str | None:
    """Return the planned trial whose id begins so, None when there is none; InputError when there are several."""
    found = [identity for identity in plans if identity.startswith(prefix)]
    if len(found) > 1 and prefix not in found:
        raise InputError(f'"{prefix}" begins several trials: {", ".join(found[:5])}', hint="give more of the id")
    return prefix if prefix in found else found[0] if found else None


def _planned(cluster_file: Path) -> Iterator[Due]:
    for file in sorted(Path("experiments").glob("*.toml")):
        if read_experiment(file).steps:  # others belong to benchmark scripts
            yield from plan_series(read_project(file, cluster_file)).trials

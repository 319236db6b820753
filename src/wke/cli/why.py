"""`wke why`: explains why a trial has to run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import indent

import click

from wke.cli.options import as_json, project
from wke.describe.toml.wording import counted
from wke.series.why import Explanation, TrialGroup, explain, explain_series
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("trial")
@project
@as_json
def why(trial: str, cluster_file: Path, *, as_json: bool) -> None:
    """Explain how TRIAL differs from its nearest relative; for an experiment, sum that up for all its trials.

    TRIAL is the start of its id, SERIES:PARAMETER=VALUE if that means one trial, or an experiment: its file or its name. A planned trial
    without a result is compared with the nearest stored one: the listed changes, of its inputs or its machines, are why that result does
    not count. If they may be declared harmless, the `wke accept` command for that is printed. A stored trial that is in no plan any more
    is compared with the nearest planned one. All of experiments/ is planned; nothing is started.
    """
    groups = explain_series(trial, cluster_file)
    if groups is not None:
        _tell_groups(groups, as_json=as_json)
        return
    answer = explain(trial, cluster_file)
    if as_json:
        Printer().document(asdict(answer))
    else:
        _tell(answer)


def _tell_groups(groups: Sequence[TrialGroup], *, as_json: bool) -> None:
    """Print why the trials of a series run, or do not, with an example for each reason."""
    if as_json:
        Printer().document({"groups": [asdict(group) for group in groups]})
        return
    for group in groups:
        Printer().data(f"{counted(len(group.trials), 'trial')}: {group.state}")
        if group.example is not None and group.example.changes:
            Printer().data("for example")
            _tell(group.example)


def _tell(answer: Explanation) -> None:
    Printer().data("\n".join([f"{answer.trial} {answer.verdict}", *(indent(change, "  ") for change in answer.changes)]))
    if answer.accept is not None:
        Printer().talk(f"if that is harmless: {answer.accept}")

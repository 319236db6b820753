"""`wke why`: explains why a trial has to run."""

from dataclasses import asdict
from pathlib import Path
from textwrap import indent

import click

from wke.cli.options import as_json, project
from wke.series.why import explain
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("trial")
@project
@as_json
def why(trial: str, cluster_file: Path, *, as_json: bool) -> None:
    """Explain how TRIAL differs from its nearest relative.

    TRIAL is the start of its id, or SERIES:PARAMETER=VALUE if that means one trial. A planned trial without a result is compared with the
    nearest stored one: the listed changes, of its inputs or its machines, are why that result does not count. If they may be declared
    harmless, the `wke accept` command for that is printed. A stored trial that is in no plan any more is compared with the nearest planned
    one. All of experiments/ is planned; nothing is started.
    """
    answer = explain(trial, cluster_file)
    if as_json:
        Printer().document(asdict(answer))
        return
    Printer().data("\n".join([f"{answer.trial} {answer.verdict}", *(indent(change, "  ") for change in answer.changes)]))
    if answer.accept is not None:
        Printer().talk(f"if that is harmless: {answer.accept}")

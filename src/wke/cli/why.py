"""`wke why`: what stands between a trial and a stored result."""

import json
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
    """Say what TRIAL (the beginning of its id is enough) has that its nearest relative has not.

    A trial of a plan that is to run is compared with the nearest stored one: what changed, also of its machines, is why that one's result
    does not count for it, and `wke accept` is named where that may be declared harmless. A stored trial that no plan holds any more is
    compared with the nearest planned one. All of experiments/ is planned; nothing is started.
    """
    answer = explain(trial, cluster_file)
    if as_json:
        Printer().data(json.dumps(asdict(answer), indent=2))
        return
    Printer().data("\n".join([f"{answer.trial} {answer.verdict}", *(indent(change, "  ") for change in answer.changes)]))
    if answer.accept is not None:
        Printer().talk(f"if that is harmless: {answer.accept}")

"""`wke abandon`: stops the trial that `wke measure --detach` left running."""

from pathlib import Path

import click

from wke.act.interrupt import run_to_end
from wke.act.providers.provide import provide
from wke.act.session.detached import abandon as stop
from wke.cli.options import project
from wke.describe.cluster.cluster import read_cluster
from wke.describe.toml.wording import counted
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.resolve import series_name
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("experiment", required=False)
@project
def abandon(experiment: str | None, cluster_file: Path) -> None:
    """Stop the trial that `wke measure --detach` left running, and free its machines; with EXPERIMENT only one of that series.

    The attempt stays in results/ as interrupted, and the trial runs again with the next `wke measure`. If a machine cannot be reached,
    repeat the command later, or let the lease run out.
    """
    described = read_cluster(cluster_file)
    series = _left() if Store.exists(RESULTS) else set()
    if experiment is not None:
        series &= {series_name(experiment)}
    if not series:
        Printer().talk("nothing was left running")
        return
    with provide(described) as place:
        for name in sorted(series):
            with Store.open(RESULTS, command="wke abandon", series=name) as store:
                for left in store.attempts.detached(name):
                    run_to_end(stop(place, left.folders))
                    store.writer.interrupt(left.attempt, "abandoned")
                    Printer().talk(f"trial {left.attempt.trial} of series {name} is stopped on {counted(len(left.folders), 'machine')}")


def _left() -> set[str]:
    """Return the names of the series with a trial that was left running."""
    with Store.open(RESULTS, readonly=True) as store:
        return {left.series for left in store.attempts.detached()}

"""`wke cluster`: makes machines that stay until they are removed."""

from pathlib import Path

import click

from wke.act.providers.provide import maker_of
from wke.act.providers.provider import Standing
from wke.cli.options import as_json, project
from wke.describe.cluster.cluster import read_cluster
from wke.describe.toml.wording import counted
from wke.tell.terminal.console import Printer


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cluster() -> None:
    """Make machines, remove them, show them.

    Machines are made where provider is "local" (emulated) or "command" (by your own programs). `wke run` and `wke measure` make their own
    and remove them at the end. After `wke cluster up` the machines stay, with everything on their disks, until `wke cluster down`.
    """


@cluster.command()
@project
def up(cluster_file: Path) -> None:
    """Make the machines; they stay until `wke cluster down`."""
    described = read_cluster(cluster_file)
    _show(maker_of(described).stand(described))


@cluster.command()
@project
def down(cluster_file: Path) -> None:
    """Remove the machines with everything that runs and was written on them."""
    described = read_cluster(cluster_file)
    was_up = maker_of(described).end(described)
    Printer().talk("the machines are gone" if was_up else "no machine was up")


@cluster.command()
@project
@as_json
def show(cluster_file: Path, *, as_json: bool) -> int:
    """List the machines that are up; exit status 1 when none is."""
    described = read_cluster(cluster_file)
    found = maker_of(described).standing(described)
    if as_json:
        facts = {"mode": found.mode if found else None, "machines": found.machines if found else {}}
        Printer().document({"up": found is not None, **facts, **({"notes": list(found.notes)} if found and found.notes else {})})
    elif found is None:
        Printer().talk("no machine is up; `wke cluster up` makes them")
    else:
        _show(found)
    return 0 if found else 1


def _show(found: Standing) -> None:
    out = Printer()
    for note in found.notes:
        out.talk(note)
    width = max(map(len, found.machines), default=0)
    for name, facts in found.machines.items():
        out.data(f"{name:<{width}}  {facts['address']}")
    if found.machines:
        out.talk(f"{counted(len(found.machines), 'machine')} {'is' if len(found.machines) == 1 else 'are'} up ({found.mode})")

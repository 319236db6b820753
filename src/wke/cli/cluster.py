"""`wke cluster`: starts emulated machines that stay until they are removed."""

from pathlib import Path

import click

from wke.act.emulation import emulation
from wke.act.providers.provide import check_made
from wke.cli.options import as_json, project
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.toml.wording import counted
from wke.tell.terminal.console import Printer


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cluster() -> None:
    """Start emulated machines, remove them, show them.

    Only clusters with provider = "local" have emulated machines. `wke run` and `wke measure` start their own and remove them at the end.
    After `wke cluster up` the machines stay, with everything on their disks, until `wke cluster down`.
    """


@cluster.command()
@project
def up(cluster_file: Path) -> None:
    """Start the machines; they stay until `wke cluster down`."""
    emulated = emulation.up(_local(cluster_file), keep=True)
    out = Printer()
    for sentence in emulated.missing:
        out.talk(sentence)
    _show(emulated)


@cluster.command()
@project
def down(cluster_file: Path) -> None:
    """Remove the machines with everything that runs and was written on them."""
    was_up = emulation.down(_local(cluster_file))
    Printer().talk("the machines are gone" if was_up else "no machine was up")


@cluster.command()
@project
@as_json
def show(cluster_file: Path, *, as_json: bool) -> int:
    """List the machines that are up; exit status 1 when none is."""
    emulated = emulation.find(_local(cluster_file))
    if as_json:
        machines = {m.name: {"address": m.address, "pid": m.pid} for m in emulated.machines.values()} if emulated else {}
        Printer().document({"up": emulated is not None, "mode": emulated.mode if emulated else None, "machines": machines})
    elif emulated is None:
        Printer().talk("no machine is up; `wke cluster up` makes them")
    else:
        _show(emulated)
    return 0 if emulated else 1


def _show(emulated: emulation.Emulation) -> None:
    out = Printer()
    width = max(map(len, emulated.machines))
    for machine in emulated.machines.values():
        out.data(f"{machine.name:<{width}}  {machine.address}")
    out.talk(f"{counted(len(emulated.machines), 'machine')} {'is' if len(emulated.machines) == 1 else 'are'} up ({emulated.mode})")


def _local(cluster_file: Path) -> ClusterSpec:
    described = read_cluster(cluster_file)
    check_made(described)
    return described

"""`wke connect`: opens an interactive shell on a machine, through the transport that targets use, or connections for later commands."""

import subprocess
from dataclasses import replace
from pathlib import Path

import click

from wke.act.providers.place import Place
from wke.act.providers.provide import provide
from wke.cli.options import project
from wke.describe.cluster.cluster import MachineSpec, read_cluster
from wke.describe.cluster.selector import select
from wke.describe.expression.quantity import seconds as read_seconds
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.records import Record
from wke.tell.terminal.console import Printer
from wke.tell.words import seconds


@click.command()
@click.argument("machine")
@click.option(
    "--keep", metavar="TIME", help="Open no shell; let connections wait this long for commands, as in 10m. MACHINE is a selector."
)
@project
def connect(machine: str, cluster_file: Path, *, keep: str | None) -> int:
    """Open an interactive shell on MACHINE (a name, or an index as [2]); leave it with `exit` or Ctrl-D.

    Over ssh this is your own `ssh`, so it asks about an unknown host key and remembers your answer. With `--keep` no shell is opened:
    the connections to the machines that the selector MACHINE names wait for later commands, which then need not log in.
    """
    cluster = read_cluster(cluster_file)
    found = select(cluster, machine)
    if keep is None and len(found) != 1:
        raise InputError(f'"{machine}" names {len(found)} machines; connect takes one', hint=f"for example wke connect {found[0].name}")
    keep_s = None if keep is None else _time(keep)
    with provide(cluster, tell=Printer().talk) as place:
        if keep_s is None:
            return subprocess.run(place.shells[found[0].name], check=False).returncode
        _keep(place, found, keep_s)
    return 0


def _time(text: str) -> float:
    try:
        keep_s = read_seconds(text)
    except ValueError as error:
        raise InputError(f"--keep {text}: {error}") from error
    if keep_s <= 0:
        raise InputError(f"--keep {text}: must be more than 0", hint="wke disconnect ends connections that are kept")
    return keep_s


def _keep(place: Place, machines: tuple[MachineSpec, ...], keep_s: float) -> None:
    """Connect to machines, and leave the connections to later commands."""
    from wke.act.interrupt import run_to_end  # noqa: PLC0415 - a shell needs none of this, here and below
    from wke.act.session.steps import connect_once  # noqa: PLC0415
    from wke.tell.terminal.connecting import ConnectingLine  # noqa: PLC0415
    from wke.tell.terminal.console import TaskLines  # noqa: PLC0415

    if place.keeping is None or any(machine.via is not None for machine in place.cluster.machines):
        raise InputError("only connections over ssh are kept", hint="machines that are emulated here need no login")
    if place.cluster.forward_agent:
        raise InputError(
            "connections that let programs on the machines use your ssh agent are not kept", hint="remove forward-agent = true"
        )
    connecting, lines = ConnectingLine(), TaskLines(tuple(machine.name for machine in machines))

    def show(record: Record) -> None:
        connecting(record)
        lines(record)

    run_to_end(connect_once(replace(place, keeping=replace(place.keeping, keep_s=keep_s)), machines, show))
    Printer().talk(f"{counted(len(machines), 'connection')} kept for {seconds(keep_s)} after the last command")

"""`wke disconnect`: ends the connections that are kept for the next command."""

from pathlib import Path

import click

from wke.act.kept.client import end_connections
from wke.cli.options import project
from wke.describe.toml.wording import counted
from wke.errors import InputError
from wke.tell.terminal.console import Printer


@click.command()
@click.option("--all", "every", is_flag=True, help="End the connections to all of your clusters.")
@project
def disconnect(cluster_file: Path, *, every: bool) -> None:
    """End the connections to the cluster's machines that are kept for the next command (`keep-connections`).

    Connections that a command uses now end with that command.
    """
    if not every and not cluster_file.exists():
        raise InputError(f"there is no {cluster_file}", hint="wke disconnect --all ends the connections to all of your clusters")
    ended, busy = end_connections(None if every else str(cluster_file.resolve()))
    more = f"; {counted(busy, 'connection')} in use will end with {'its command' if busy == 1 else 'their commands'}" if busy else ""
    Printer().talk(f"ended {counted(ended, 'connection')}{more}")

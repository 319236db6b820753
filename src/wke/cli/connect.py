"""`wke connect`: opens an interactive shell on a machine, through the transport that targets use."""

import subprocess
from pathlib import Path

import click

from wke.act.providers.provide import provide
from wke.cli.options import project
from wke.describe.cluster.cluster import read_cluster
from wke.describe.cluster.selector import select
from wke.errors import InputError


@click.command()
@click.argument("machine")
@project
def connect(machine: str, cluster_file: Path) -> int:
    """Open an interactive shell on MACHINE (a name, or an index as [2]); leave it with `exit` or Ctrl-D.

    Over ssh this is your own `ssh`, so it asks about an unknown host key and remembers your answer.
    """
    cluster = read_cluster(cluster_file)
    found = select(cluster, machine)
    if len(found) != 1:
        raise InputError(f'"{machine}" names {len(found)} machines; connect takes one', hint=f"for example wke connect {found[0].name}")
    with provide(cluster) as place:
        return subprocess.run(place.shells[found[0].name], check=False).returncode

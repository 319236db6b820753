"""The choice of a provider. Nothing else asks which one a cluster has.

A provider yields a `Place`; what follows (connections, sessions, the runner, the commands) is the same for all. A new provider is a module
here with the methods of `Provider`, a line in PROVIDERS, and its name in the tables of `describe/cluster/clusterfile.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from wke.act.providers.place import Place
from wke.act.providers.provider import Maker, Provider, Tell
from wke.act.providers.ssh import SshProvider
from wke.describe.cluster.cluster import ClusterSpec
from wke.errors import InputError, Location


def _local() -> Provider:
    from wke.act.providers.local import LocalProvider  # noqa: PLC0415 - ssh, the common case, does without emulation

    return LocalProvider()


def _command() -> Provider:
    from wke.act.providers.command import CommandProvider  # noqa: PLC0415 - and without the user's programs

    return CommandProvider()


def _slurm() -> Provider:
    from wke.act.providers.slurm import SlurmProvider  # noqa: PLC0415

    return SlurmProvider()


PROVIDERS: Mapping[str, Callable[[], Provider]] = {"ssh": SshProvider, "local": _local, "command": _command, "slurm": _slurm}


def provider_of(cluster: ClusterSpec) -> Provider:
    """Return a cluster's provider."""
    return PROVIDERS[cluster.provider]()


def maker_of(cluster: ClusterSpec) -> Maker:
    """Return a cluster's provider if it makes machines; raise InputError if they exist already."""
    provider = provider_of(cluster)
    if not provider.makes_machines:
        raise InputError(
            f'the machines of provider "{cluster.provider}" exist already; only those of "local" and "command" are made',
            where=Location(str(cluster.path), key="cluster.provider"),
            hint='write provider = "local" in [cluster] to emulate the machines on this computer',
        )
    return cast("Maker", provider)


@contextmanager
def provide(cluster: ClusterSpec, *, lasting: bool = False, tell: Tell = lambda _: None) -> Iterator[Place]:
    """Yield the place where `cluster` is.

    Machines that have to be made are there until the block is left; machines that `wke cluster up` keeps are used as they are and stay.
    `tell` hears what is waited for until they are there.
    Raises MachineError when machines cannot be made, InputError when they have to be although `lasting` ones are wanted.
    """
    provider = provider_of(cluster)
    if lasting and not provider.is_up(cluster, for_good=True):
        raise InputError(
            "nothing can outlive this command on machines that are made for it alone",
            hint=provider.staying,
        )
    with provider.reach(cluster, tell) as place:
        yield place

"""The plan by which a keeper makes the machines of a cluster, from the cluster and this process's surroundings."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from ipaddress import IPv4Address
from pathlib import Path
from shutil import which

from wke.act.emulation.keeper.disk import OWN, within
from wke.act.emulation.keeper.plan import NAMESPACES, PROCESSES, KeeperPlan, LinkPlan, MachinePlan
from wke.describe.cluster.cluster import ClusterSpec
from wke.documents import Json
from wke.errors import InputError, Location, MachineError, Problem

ONLY_ROOT = "only machines that are emulated as root can be limited"
GATEWAY = "169.254.0.1"  # link-local: never a machine's address
FIRST_LOOPBACK = IPv4Address("127.0.1.1")


def check(cluster: ClusterSpec, mode: str) -> None:
    """Raise InputError or MachineError for what can be known beforehand to fail."""
    if cluster.refusals:
        raise InputError(*cluster.refusals)
    if which("python3", path=search_path()) is None:
        raise MachineError("there is no python3 for the emulated machines", hint=f"searched: {search_path()}")
    if mode != PROCESSES and which("nsenter") is None:
        raise MachineError("the program nsenter is missing", hint="install util-linux")
    if mode != NAMESPACES and cluster.limits and not cluster.tries_limits:
        raise unlimited(cluster, [ONLY_ROOT])
    if mode == PROCESSES and cluster.links:
        raise MachineError("plain processes have no links that could be slowed down", hint="remove [links], or emulate as root")


def unlimited(cluster: ClusterSpec, problems: Sequence[str]) -> InputError:
    """Return the error about limits that do not hold here."""
    hint = 'remove them, or write limits = "try" in [cluster] to go on without those that do not hold'
    where = Location(str(cluster.path), key="limits") if cluster.path else None
    return InputError(*(Problem(f"these limits cannot be kept: {problem}", where, hint) for problem in problems))


def make_plan(cluster: ClusterSpec, mode: str, folder: Path) -> KeeperPlan:
    """Return the plan for a keeper whose folder is `folder`."""
    link = cluster.links.get("default")
    return KeeperPlan(
        mode=mode,
        folder=str(folder),
        hidden=str(folder.parent),
        gateway=GATEWAY,
        machines=[
            MachinePlan(
                name, address, str(folder / "machines" / str(number)), cluster.limits[name].given() if name in cluster.limits else {}
            )
            for number, (name, address) in enumerate(addresses(cluster, mode).items())
        ],
        visible=visible((*_project(cluster), sys.prefix, sys.base_prefix, *search_path().split(":")), hidden=str(folder.parent)),
        share=shared(cluster),
        link=LinkPlan(link.rate_bits, link.delay_s, link.jitter_s, link.loss) if link else None,
        tries_limits=cluster.tries_limits,
    )


def addresses(cluster: ClusterSpec, mode: str) -> dict[str, str]:
    """Return each machine's address: the described one, or one of this computer's own where machines are plain processes."""
    if mode == PROCESSES:
        return {m.name: str(FIRST_LOOPBACK + number) for number, m in enumerate(cluster.machines)}
    return {m.name: m.internal_addr for m in cluster.machines}


def visible(wanted: Iterable[str], *, hidden: str) -> list[str]:
    """Return those of the folders `wanted` that lie where a machine has folders of its own, and therefore have to be listed by name."""
    found: list[str] = []
    for path in sorted({p for w in wanted for p in (os.path.abspath(w), os.path.realpath(w))}):  # noqa: PTH100 - keeps symbolic links
        own = within(path, OWN) and path not in OWN and not within(path, (hidden,))
        if own and Path(path).is_dir() and not within(path, tuple(found)):
            found.append(path)
    return found


def shared(cluster: ClusterSpec) -> list[str]:
    """Return the folders that machines write through to; relative ones are the project's."""
    base = cluster.path.parent if cluster.path else Path()
    return [str((base / Path(folder).expanduser()).resolve()) for folder in cluster.share]


def search_path() -> str:
    """Return the machines' PATH: this interpreter's folder, then what this process searches."""
    folders = [str(Path(sys.executable).parent), *os.environ.get("PATH", os.defpath).split(":")]
    return ":".join(dict.fromkeys(f for f in folders if Path(f).is_absolute()))


def shape(cluster: ClusterSpec) -> dict[str, Json]:
    """Return what of a cluster makes its emulation another one, as JSON gives it back."""
    limits = {name: one.given() for name, one in cluster.limits.items()}
    return {"share": shared(cluster), "links": {key: asdict(link) for key, link in cluster.links.items()}, "limits": limits}


def _project(cluster: ClusterSpec) -> Iterable[str]:
    yield str(Path.cwd())
    if cluster.path is not None:
        yield str(cluster.path.parent.absolute())

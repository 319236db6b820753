"""Limits of emulated machines: what each of them may use of this computer, as [limits] of cluster.toml describes it."""

from collections.abc import Iterator
from dataclasses import asdict, replace

from wke.describe.cluster.clusterfile import MACHINES_ARE, ClusterFile, LimitEntry
from wke.describe.cluster.selector import Grouped, Named, select
from wke.describe.toml.tables import TomlTable
from wke.documents import Json
from wke.errors import InputError, Problem
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What a machine may use; None is no limit. `cpus` is a number of processors, such as 0.5; `memory` is in bytes.

    `disk_rate` is in bytes per second, for reads and for writes each; `cores` are the numbers of this computer's cores on which it runs.
    """

    cpus: float | None = None
    memory: int | None = None
    disk_rate: int | None = None
    cores: tuple[int, ...] | None = None

    def given(self) -> dict[str, Json]:
        """Return the limits that there are, by their names in the file."""
        values = {name.replace("_", "-"): value for name, value in asdict(self).items() if value is not None}
        return values | {"cores": list(self.cores)} if self.cores else values


def read_limits(table: TomlTable[ClusterFile], cluster: Grouped[Named], provider: str, problems: list[Problem]) -> dict[str, MachineLimits]:
    """Return the limits of each machine that has some: of each kind of limit, the last one whose selector matches the machine."""
    found: dict[str, MachineLimits] = {}
    for selector, entry in table.value.limits.items():
        problems += _entry_problems(table, selector, entry)
        try:
            machines = select(cluster, selector)
        except InputError as error:
            problems += [replace(problem, where=table.at("limits", selector)) for problem in error.problems]
            continue
        given = {name: value for name, value in vars(entry).items() if name in entry.given and value is not None}
        for machine in machines:
            found[machine.name] = replace(found.get(machine.name, MachineLimits()), **given)
    problems += _provider_problems(table, provider)
    return {name: limits for name, limits in found.items() if limits != MachineLimits()}


def _entry_problems(table: TomlTable[ClusterFile], selector: str, entry: LimitEntry) -> Iterator[Problem]:
    if entry.cores is not None and not entry.cores:
        yield Problem("lists no core", table.at("limits", selector, "cores"), "list the numbers of cores, or remove the key")
    if entry.cores and entry.cpus is not None and entry.cpus > len(entry.cores):
        what = f"allows {entry.cpus:g} processors, but lists only {len(entry.cores)} of them in cores"
        yield Problem(what, table.at("limits", selector, "cpus"), "lower cpus, or list more cores")


def _provider_problems(table: TomlTable[ClusterFile], provider: str) -> Iterator[Problem]:
    if MACHINES_ARE[provider] == "emulated":
        return
    hint = 'remove it, or write provider = "local" in [cluster]; machines of your own keep the limits that they have'
    cluster = table.value.cluster
    for key, is_given in ((("limits",), bool(table.value.limits)), (("cluster", "limits"), "limits" in cluster.given)):
        if is_given:
            yield Problem(f'only emulated machines can be limited, not those of provider "{provider}"', table.at(*key), hint)

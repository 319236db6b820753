"""The machines of a cluster file before they are a cluster: names unfolded, entries that name several machines taken apart."""

import re
from collections.abc import Iterator, Mapping

from wke.describe.cluster.clusterfile import MOST_MACHINES, ClusterFile, MachineEntry
from wke.describe.cluster.folding import unfold
from wke.describe.toml.shape import Key
from wke.describe.toml.tables import TomlTable
from wke.describe.toml.wording import counted
from wke.errors import Problem
from wke.values import dataclass

RESERVED_NAMES = frozenset({"all"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A machine with a name and an entry, but without an index yet."""

    name: str
    entry: MachineEntry
    key: Key
    external: str | None
    internal: str | None


def machine_drafts(table: TomlTable[ClusterFile], problems: list[Problem]) -> list[Draft]:
    """Return the machines, with folded names expanded and without wrong and repeated ones."""
    value = table.value
    number = value.cluster.machines
    if number is not None and value.machines:
        problems.append(Problem("machines are given here and in [machines]", table.at("cluster", "machines"), "keep one of the two"))
    if number is None and not value.machines:
        problems.append(Problem("the cluster has no machines", table.at(), 'write machines = 3 in [cluster], or a = "host" in [machines]'))
    entries: Mapping[str | int, MachineEntry] = value.machines or {f"m{i}": MachineEntry() for i in range(number or 0)}
    drafts: dict[str, Draft] = {}
    for key, entry in entries.items():
        try:
            unfolded = list(_unfolded(key, entry))
        except ValueError as error:
            problems.append(Problem(str(error), table.at("machines", key)))
            continue
        for draft in unfolded:
            what = name_problem("machine", draft.name)
            if draft.name in drafts:
                first = table.at(*drafts[draft.name].key)
                what = f'machine "{draft.name}" is defined twice, the first time in line {first.line}'
            if what:
                problems.append(Problem(what, table.at(*draft.key)))
            drafts.setdefault(draft.name, draft)
        if len(drafts) > MOST_MACHINES:
            problems.append(Problem(f"there are more than {MOST_MACHINES} machines", table.at("machines", key), "divide the cluster"))
            break
    return list(drafts.values())[:MOST_MACHINES]


def _unfolded(key: str | int, entry: MachineEntry) -> Iterator[Draft]:
    """Yield the machines of one entry. In a list of machines, the address is the name."""
    if isinstance(key, int) and not entry.external_addr:
        msg = "has no external-addr, which in a list of machines is also the name"
        raise ValueError(msg)
    names = unfold(key if isinstance(key, str) else entry.external_addr or "")
    addresses: list[tuple[str | None, ...]] = []
    for word, address in (("external-addr", entry.external_addr), ("internal-addr", entry.internal_addr)):
        unfolded = (None,) * len(names) if address is None else unfold(address)
        if len(unfolded) != len(names):
            msg = f"means {counted(len(names), 'machine')}, but its {word} means {len(unfolded)}"
            raise ValueError(msg)
        addresses.append(unfolded)
    for name, external, internal in zip(names, *addresses, strict=True):
        yield Draft(name, entry, ("machines", key), external, internal)


def name_problem(noun: str, name: str) -> str | None:
    """Return what is wrong with the name of a machine or class: it must fit into selectors, file names and host names."""
    if not name:
        return f"the name of a {noun} must not be empty"
    if name in RESERVED_NAMES:
        return f'"{name}" is reserved and cannot be the name of a {noun}'
    if re.search(r"[\s,!&/\[\]]|^[-.]|\.\.", name):
        return f'"{name}" cannot be the name of a {noun}: it contains a space or one of , ! & / [ ] or starts with a dash or a dot'
    return None

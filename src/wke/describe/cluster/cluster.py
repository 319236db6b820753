"""The cluster: its machines, their classes, and the links between them, as cluster.toml describes them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wke.describe.cluster.clusterfile import COME_BACK, ENTERED_BY_WKE, MACHINES_ARE, ClusterFile, LinkEntry
from wke.describe.cluster.drafts import Draft, machine_drafts, name_problem
from wke.describe.cluster.folding import unfold
from wke.describe.cluster.machinelimits import MachineLimits, read_limits
from wke.describe.cluster.selector import select
from wke.describe.cluster.slurm import SlurmSpec
from wke.describe.cluster.upanddown import UpAndDown, read_up_and_down
from wke.describe.toml.shape import value_of
from wke.describe.toml.tables import TomlTable, read
from wke.describe.toml.userfile import is_folder
from wke.describe.toml.wording import counted
from wke.errors import InputError, Problem, did_you_mean
from wke.values import dataclass

if TYPE_CHECKING:
    from wke.describe.cluster.via import ViaSpec

LOCAL_NETWORK = ip_network("10.181.0.0/16")
"""The network of emulated machines; the first one is 10.181.0.2."""

DETACHED_LEASE_S = 7200.0
"""The lease of a trial that is left running, if the file gives none."""

WAIT_S = 300.0
"""How long a machine with which contact was lost is waited for, if the file does not tell and it can come back."""


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """One host under test. wke connects to `external_addr` (None for emulated machines), machines connect to `internal_addr`.

    `python` is the program that runs wke's code there; None for the first one that is new enough. A machine that is lent is known by its
    name; its addresses are other ones each time, and stand in plans as `later_addr` returns them. `via` is how a program is started there
    if not by ssh; then `external_addr` may be None, and `internal_addr` "": wke does not know it.
    """

    name: str
    index: int
    external_addr: str | None
    internal_addr: str
    classes: tuple[str, ...] = ()
    ssh_port: int | None = None
    username: str | None = None
    python: str | None = None
    is_lent: bool = False
    via: "ViaSpec | None" = None

    @property
    def known_as(self) -> str | None:
        """The address by which the store knows the machine, of a lent one the same text whichever it is now; None if it is emulated."""
        return later_addr(self.name, "external") if self.is_lent else self.external_addr


def later_addr(name: str, kind: str) -> str:
    """Return the text that stands in a plan for the `external` or `internal` address of a lent machine (plan/binding.py replaces it)."""
    return f"<{name}.{kind}-addr>"


def facts_of(machine: MachineSpec, username: str | None = None) -> dict[str, str]:
    """Return what is known of a machine as `via` names it; `username` is the login name of the cluster."""
    known = {
        "name": machine.name,
        "index": str(machine.index),
        "external-addr": machine.external_addr,
        "internal-addr": machine.internal_addr,
        "username": machine.username or username,
    }
    return {name: value for name, value in known.items() if value}


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """How packets from one machine to another are disturbed; `rate_bits` is None for no limit."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    rate_bits: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """All machines, in the file's order.

    `classes` has the names of each class's machines in that order; `links` has the keys of the file; `limits` has the machines that are
    limited, and the emulation `tries_limits` that it cannot keep; `warnings` are the file's old spellings, `refusals` what its provider
    cannot do, `notes` what its machines lack. `detached_lease_s` is the lease of trials that are left running on purpose, `keep_s` how long
    connections are kept after a command, `wait_s` how long a series waits for a machine to come back.
    """

    path: Path | None
    provider: str
    machines: tuple[MachineSpec, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    username: str | None = None
    workdir: str | None = None
    ssh_port: int | None = None
    connect_limit: int = 64
    connect_timeout_s: float = 30.0
    lease_s: float = 30.0
    wait_s: float = 0.0
    detached_lease_s: float = DETACHED_LEASE_S
    keep_s: float = 0.0
    ssh_options: tuple[str, ...] = ()
    forward_agent: bool = False
    key_exchange: str | None = None
    ciphers: str | None = None
    share: tuple[str, ...] = ()
    slurm: SlurmSpec = SlurmSpec()
    links: Mapping[str, LinkSpec] = field(default_factory=dict)
    limits: Mapping[str, MachineLimits] = field(default_factory=dict)
    tries_limits: bool = False
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    refusals: tuple[Problem, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    commands: UpAndDown | None = field(default=None, compare=False)


def read_cluster(path: Path) -> ClusterSpec:
    """Read a cluster.toml; raise InputError with all its mistakes."""
    return read(path, ClusterFile, _build)


class TooFewMachinesError(InputError):
    """The cluster is too small for a point."""


def sized(cluster: ClusterSpec, sizes: Mapping[str, int]) -> ClusterSpec:
    """Return the cluster with some classes reduced to their first machines; raise TooFewMachinesError if a class has fewer.

    A machine that is then in none of its classes leaves the cluster. The others keep their index and address.
    """
    for name, size in sizes.items():
        if name not in cluster.classes:
            raise InputError(f'there is no class "{name}" to size', hint=did_you_mean(name, cluster.classes))
        available = len(cluster.classes[name])
        if size < 0:
            raise InputError(f"class {name} cannot have {size} machines", hint="the smallest class has 0")
        if size > available:
            hint = f"it has {counted(available, 'machine')} in the cluster"
            raise TooFewMachinesError(f"class {name} cannot have {counted(size, 'machine')}", hint=hint)
    classes = {name: members[: sizes.get(name, len(members))] for name, members in cluster.classes.items()}
    own = _memberships(classes)
    staying = (machine for machine in cluster.machines if machine.name in own or not machine.classes)
    return replace(cluster, machines=tuple(replace(machine, classes=own.get(machine.name, ())) for machine in staying), classes=classes)


def restricted(cluster: ClusterSpec, selector: str) -> ClusterSpec:
    """Return the cluster with only the selected machines and their classes; each machine keeps its index and address.

    Raises InputError as `select` does.
    """
    machines = select(cluster, selector)
    names = {machine.name for machine in machines}
    members = {name: tuple(m for m in members if m in names) for name, members in cluster.classes.items()}
    kept = {name: left for name, left in members.items() if left or not cluster.classes[name]}
    return replace(cluster, machines=machines, classes=kept)


def _build(table: TomlTable[ClusterFile], problems: list[Problem]) -> ClusterSpec:
    section = table.value.cluster
    drafts = machine_drafts(table, problems)
    exist = section.via is not None or table.value.via or any(draft.external or draft.internal for draft in drafts)
    provider = section.provider or ("ssh" if exist else "local")
    classes = _classes(table, drafts, problems)
    own = _memberships(classes)
    cluster = ClusterSpec(
        path=table.path,
        provider=provider,
        machines=tuple(_machine(draft, index, provider, own.get(draft.name, ())) for index, draft in enumerate(drafts)),
        classes=classes,
        username=section.username,
        workdir=section.workdir,
        ssh_port=section.ssh_port,
        connect_limit=section.connect_limit,
        connect_timeout_s=section.connect_timeout,
        lease_s=section.lease,
        wait_s=(WAIT_S if provider in COME_BACK else 0.0) if section.wait is None else section.wait,
        detached_lease_s=section.lease if "lease" in section.given else DETACHED_LEASE_S,
        keep_s=section.keep_connections,
        ssh_options=section.ssh_options,
        forward_agent=section.forward_agent,
        key_exchange=section.key_exchange,
        ciphers=section.ciphers,
        share=section.share,
        slurm=value_of(SlurmSpec, table.value.slurm, time_s=table.value.slurm.time),
        tries_limits=section.limits == "try",
        warnings=table.old_spellings,
        commands=read_up_and_down(table, provider, problems),
    )
    before = len(problems)
    cluster = _with_vias(table, cluster, drafts, problems)
    if MACHINES_ARE[provider] == "named" and len(problems) == before:
        problems += _missing_addresses(table, drafts, cluster)
    links = _links(table, cluster, problems)
    limits = read_limits(table, cluster, provider, problems)
    machines = _with_pythons(table, cluster, problems)
    return replace(cluster, machines=machines, links=links, limits=limits, refusals=tuple(_refusals(table, provider)))


def _refusals(table: TomlTable[ClusterFile], provider: str) -> Iterator[Problem]:
    """Yield what a provider cannot do, so that whatever uses its machines is refused."""
    for key in table.value.links:
        if MACHINES_ARE[provider] == "emulated" and key != "default":
            hint = "remove it, or write default = { ... } for the links of all machines"
            yield Problem('only "default" can be emulated yet, the same link for every machine', table.at("links", key), hint)
    if table.value.cluster.keep_connections and table.value.cluster.forward_agent:
        what = "keeps connections that let programs on the machines use your ssh agent, also between commands"
        yield Problem(what, table.at("cluster", "keep-connections"), "remove it, or forward-agent = true")
    for index, folder in enumerate(table.value.cluster.share if MACHINES_ARE[provider] == "emulated" else ()):
        if not is_folder(table.path.parent / Path(folder).expanduser()):
            yield Problem(f"{folder} is not a folder", table.at("cluster", "share", index), "relative paths start at the project's folder")


def _machine(draft: Draft, index: int, provider: str, classes: tuple[str, ...]) -> MachineSpec:
    """Make a machine of a draft. Addresses in the file are those of machines that exist already; others get theirs elsewhere."""
    kind, external, internal = MACHINES_ARE[provider], draft.external, draft.internal or draft.external or ""
    if kind == "lent":
        external, internal = later_addr(draft.name, "external"), later_addr(draft.name, "internal")
    elif kind == "emulated":
        external, internal = None, str(LOCAL_NETWORK[index + 2])
    return MachineSpec(
        name=draft.name,
        index=index,
        external_addr=external,
        internal_addr=internal,
        classes=classes,
        ssh_port=draft.entry.ssh_port,
        username=draft.entry.username,
        python=draft.entry.python,
        is_lent=kind == "lent",
    )


def _with_vias(table: TomlTable[ClusterFile], cluster: ClusterSpec, drafts: Sequence[Draft], problems: list[Problem]) -> ClusterSpec:
    """Return the cluster with what the file says of machines that are not reached by ssh."""
    section, key = table.value.cluster, ("via",) if table.value.via else ("cluster", "via")
    if section.via is None and not table.value.via:
        return cluster
    if cluster.provider in ENTERED_BY_WKE:
        hint = 'remove it, or write provider = "ssh" in [cluster] for machines that exist already'
        problems.append(Problem(f'machines of provider "{cluster.provider}" are entered by wke itself', table.at(*key), hint))
        return cluster
    from wke.describe.cluster.via import read_via, what_lacks  # noqa: PLC0415 - few clusters have it

    facts = {machine.name: facts_of(machine, section.username) for machine in cluster.machines}
    vias = read_via(table, cluster, drafts, facts, problems)
    machines = tuple(replace(machine, via=vias.get(machine.name)) for machine in cluster.machines)
    return replace(cluster, machines=machines, notes=what_lacks(vias, facts))


def _with_pythons(table: TomlTable[ClusterFile], cluster: ClusterSpec, problems: list[Problem]) -> tuple[MachineSpec, ...]:
    """Return the machines, each with its own Python or else the last one whose selector matches it."""
    pythons: dict[str, str] = {}
    for selector, python in table.value.cluster.python.items():
        try:
            pythons |= {machine.name: python for machine in select(cluster, selector)}
        except InputError as error:
            problems += [replace(problem, where=table.at("cluster", "python", selector)) for problem in error.problems]
    return tuple(replace(machine, python=machine.python or pythons.get(machine.name)) for machine in cluster.machines)


def _missing_addresses(table: TomlTable[ClusterFile], drafts: Iterable[Draft], cluster: ClusterSpec) -> Iterator[Problem]:
    reached = {machine.name for machine in cluster.machines if machine.via is not None}
    for key in dict.fromkeys(draft.key for draft in drafts if not draft.external and draft.name not in reached):
        hint = 'write external-addr = "host", or provider = "local" in [cluster] for emulated machines'
        where = table.at(*key) if key in table.positions else table.at("cluster", "machines")
        yield Problem("has no external-addr, which wke connects to", where, hint)


def _classes(table: TomlTable[ClusterFile], drafts: list[Draft], problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    """Return the machines of each class: those listed in [classes], those that name the class, or as many free ones as it asks for."""
    names = {draft.name: place for place, draft in enumerate(drafts)}
    members: dict[str, set[str]] = {name: set() for name in table.value.classes}
    for draft in drafts:
        for name in draft.entry.class_:
            members.setdefault(name, set()).add(draft.name)
    for name, listed in table.value.classes.items():
        if isinstance(listed, int):
            continue
        already: set[str] = set()
        for index, text in enumerate(listed):
            found, problem = _listed_machines(text, names, already)
            already.update(found)
            if problem:
                problems.append(replace(problem, where=table.at("classes", name, index)))
        members[name] |= already
    _hand_out(table, names, members, problems)
    problems += _class_name_problems(table, names, drafts, members)
    return {name: tuple(sorted(found, key=names.__getitem__)) for name, found in members.items()}


def _listed_machines(text: str, names: Collection[str], already: set[str]) -> tuple[list[str], Problem | None]:
    """Return the machines of one element of a class's list, and what is wrong with it."""
    try:
        found = unfold(text)
    except ValueError as error:
        return [], Problem(str(error))
    unknown = [name for name in found if name not in names]
    if unknown:
        return [], Problem(f'there is no machine "{unknown[0]}"', hint=did_you_mean(unknown[0], names))
    twice = [name for name in found if name in already]
    return list(found), Problem(f'lists machine "{twice[0]}" twice') if twice else None


def _hand_out(table: TomlTable[ClusterFile], names: Collection[str], members: dict[str, set[str]], problems: list[Problem]) -> None:
    """Give classes that ask for a number of machines the next ones that are in no class yet."""
    taken = set().union(*members.values())
    free = [name for name in names if name not in taken]
    for name, size in table.value.classes.items():
        if not isinstance(size, int):
            continue
        where = table.at("classes", name)
        if members[name]:
            what = f"asks for {counted(size, 'machine')}, but machines already name this class"
            problems.append(Problem(what, where, "use only one of the two"))
        elif size > len(free):
            left = f"{len(free)} of {counted(len(names), 'machine')} {'is' if len(free) == 1 else 'are'} in no other class"
            problems.append(Problem(f"asks for {counted(size, 'machine')}, but only {left}", where))
        else:
            members[name], free = set(free[:size]), free[size:]


def _class_name_problems(
    table: TomlTable[ClusterFile], names: Collection[str], drafts: list[Draft], members: Iterable[str]
) -> Iterator[Problem]:
    for name in members:
        what = name_problem("class", name)
        if name in names:
            what = f'"{name}" is already the name of a machine'
        if what:
            naming = (draft for draft in drafts if name in draft.entry.class_)
            yield Problem(what, table.at("classes", name) if name in table.value.classes else table.at(*next(naming).key, "class"))


def _memberships(classes: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each machine, if it has any."""
    own: dict[str, tuple[str, ...]] = {}
    for name, members in classes.items():
        for machine in members:
            own[machine] = (*own.get(machine, ()), name)
    return own


def _links(table: TomlTable[ClusterFile], cluster: ClusterSpec, problems: list[Problem]) -> dict[str, LinkSpec]:
    """Return the links; an entry takes missing values from the default one."""
    entries = table.value.links
    default = _link(entries["default"], LinkSpec()) if "default" in entries else LinkSpec()
    for key in entries:
        ends = _ends(key)
        if ends is None and key != "default":
            hint = 'write "clients -> servers", selectors on both sides, or default'
            problems.append(Problem(f'"{key}" is not a link', table.at("links", key), hint))
        for end in ends or ():
            try:
                select(cluster, end)
            except InputError as error:
                problems += [replace(problem, where=table.at("links", key)) for problem in error.problems]
    return {key: _link(entry, default) for key, entry in entries.items()}


def _link(entry: LinkEntry, default: LinkSpec) -> LinkSpec:
    given: dict[str, Any] = {"delay_s": entry.delay, "jitter_s": entry.jitter, "loss": entry.loss, "rate_bits": entry.rate}
    return replace(default, **{name: value for name, value in given.items() if value is not None})


def _ends(key: str) -> tuple[str, str] | None:
    """Return the two selectors of a link's key, `FROM -> TO`."""
    source, arrow, destination = key.partition("->")
    return (source.strip(), destination.strip()) if arrow else None

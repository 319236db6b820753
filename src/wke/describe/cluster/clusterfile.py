"""The shape of cluster.toml. What its words mean together is cluster.py's business."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from wke.describe.expression.quantity import fraction, rate_bits, seconds
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, NonEmpty, TableModel
from wke.describe.toml.wording import quoted, shown
from wke.documents import TomlValue

MOST_MACHINES = 60_000
"""More do not fit into the network of an emulated cluster."""


def _plain_word(value: str) -> str:
    """Refuse what ssh could take for an option, or a shell for two words."""
    if not value:
        raise FlawError("must not be empty")
    if re.search(r"\s", value) or value.startswith("-"):
        raise FlawError(f"must be one word that does not begin with a dash, not {quoted(value)}")
    return value


Word = Annotated[str, After(_plain_word)]
Port = Annotated[int, Bounds(at_least=1, at_most=65535)]
Duration = Annotated[float, Before(seconds, str | float)]
Share = Annotated[float, Before(fraction, str | float)]
Rate = Annotated[int, Before(rate_bits, str | int)]


def _listed(value: TomlValue) -> TomlValue:
    return [value] if isinstance(value, str) else value


class MachineEntry(TableModel):
    """One machine, or as many as its folded name stands for."""

    external_addr: Word | None = None
    """Where we connect: a host name, an address, a name of ~/.ssh/config. Emulated machines have none, all others need one."""
    internal_addr: Word | None = None
    """What the machines use among themselves, @INTERNAL; by default the external address."""
    class_: Annotated[Items[Word], Before(_listed, str | list[str])] = ()
    """The class it is in, or a list of them."""
    ssh_port: Port | None = None
    """Its port, where it is not the cluster's."""
    username: Word | None = None
    """Its login name, where it is not the cluster's."""


def _as_machine_table(value: TomlValue) -> TomlValue:
    """Turn `"host"`, `["host"]` and `["external", "internal"]` into the table they are short for."""
    if isinstance(value, str):
        return {"external-addr": _plain_word(value)}
    if isinstance(value, list):
        if len(value) not in {1, 2}:
            raise FlawError(f"must list one or two addresses, external and internal, not {len(value)}")
        for index, address in enumerate(value):
            if not isinstance(address, str):
                raise FlawError(f"must be an address, not {shown(address)}", key=(index,))
            if not address:
                raise FlawError("must not be empty", key=(index,))
        return dict(zip(("external-addr", "internal-addr"), value, strict=False))
    if not isinstance(value, dict):
        raise FlawError(f"must be an address, not {shown(value)}", 'write "host", ["external", "internal"] or { external-addr = "host" }')
    return value


MachineForm = Annotated[MachineEntry, Before(_as_machine_table, str | list[str] | MachineEntry)]


def _numbered(value: TomlValue) -> TomlValue:
    """Turn a list of machines into a table under the list's own indices."""
    if isinstance(value, list):
        return dict(enumerate(value))
    if not isinstance(value, dict):
        hint = f"to ask for so many, write machines = {value} in [cluster]" if isinstance(value, int) else None
        raise FlawError(f"must be a table or a list of machines, not {shown(value)}", hint)
    return value


NumberedMachines = Before(_numbered, Mapping[str, MachineForm] | list[MachineForm])


def _class_members(value: TomlValue) -> int | tuple[str, ...]:
    """Accept a list of machine names or a number of machines; a union of both would complain twice about one mistake."""
    if isinstance(value, bool) or not isinstance(value, int | list):
        raise FlawError(f"must be a list of machines or a number of them, not {shown(value)}")
    if isinstance(value, int):
        if value < 1:
            raise FlawError(f"asks for {value} machines, but a class needs one at least")
        return value
    if not value:
        raise FlawError("must not be empty: a class needs a machine")
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise FlawError(f"must be a machine's name, not {shown(name)}", key=(index,))
    return tuple(value)


ClassMembers = Annotated[int | tuple[str, ...], Before(_class_members, int | list[str])]


class LinkEntry(TableModel):
    """What disturbs the packets between machines."""

    delay: Duration | None = None
    """How long a packet takes, such as `0.2ms`."""
    jitter: Duration | None = None
    """By how much the delay varies."""
    loss: Share | None = None
    """The share of packets that get lost, such as `0.1%`."""
    rate: Rate | None = None
    """Bits a second, such as `1Gbit`."""


ADDRESSED = {"ssh": True, "local": False}
"""The providers, and whether their machines have addresses, which the file has to give."""


class ClusterSection(TableModel):
    """What holds for the cluster as a whole."""

    provider: Literal["ssh", "local"] | None = None
    """Where the machines are: there already (ssh) or emulated on this computer (local). By default ssh if a machine has an address."""
    machines: Annotated[int, Bounds(at_least=1, at_most=MOST_MACHINES)] | None = None
    """So many machines called m0, m1 and so on, instead of [machines]."""
    username: Word | None = None
    """Login name on the machines; by default ssh decides."""
    workdir: NonEmpty | None = None
    """Folder on the machines in which scripts run; by default the login's home."""
    ssh_port: Port | None = None
    """Port of the ssh servers; by default ssh decides."""
    connect_limit: Annotated[int, Bounds(at_least=1)] = 64
    """How many connections are opened at a time."""
    connect_timeout: Duration = 30.0
    """A machine that does not answer for so long cannot be reached."""
    lease: Duration = 30.0
    """Contact lost for so long makes a machine stop all that was started on it. From 5 min on `wke measure` detaches, as with --detach."""
    ssh_options: Items[str] = ()
    """Further arguments for ssh, each a text of its own; they come first and win over ours."""
    forward_agent: bool = False
    """Let programs on the machines use your ssh agent."""
    key_exchange: Word | None = None
    """KexAlgorithms of ssh, `default` to leave them alone; by default a cheaper exchange where that of your OpenSSH is dear."""
    share: Items[NonEmpty] = ()
    """Folders of this computer that emulated machines write through to, all of them; relative ones are the project's."""


class ClusterFile(TableModel):
    """All of cluster.toml."""

    cluster: ClusterSection = ClusterSection()
    """What holds for the cluster as a whole."""
    machines: Annotated[Mapping[str | int, MachineForm], NumberedMachines] = {}
    """The machines in order: NAME = ADDRESS, or a list of addresses. A folded name `node[1-3]` stands for three."""
    classes: Mapping[str, ClassMembers] = {}
    """NAME = a list of machines, or so many machines that are in no class yet."""
    links: Mapping[str, LinkEntry] = {}
    """`default`, or "FROM -> TO" with selectors on both sides. Provider local applies `default`, nothing applies the others yet."""

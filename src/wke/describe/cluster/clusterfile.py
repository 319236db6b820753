"""The shape of cluster.toml and its short forms. Checks that involve several keys are in cluster.py."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from wke.describe.expression.quantity import fraction, rate_bits, rate_bytes, seconds, size_bytes
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, Most, NonEmpty, TableModel
from wke.describe.toml.wording import quoted, shown
from wke.documents import TomlValue

MOST_MACHINES = 60_000
"""The network of an emulated cluster has no room for more."""


def _plain_word(value: str) -> str:
    """Refuse texts that ssh could take for an option, or a shell for two words."""
    if not value:
        raise FlawError("must not be empty")
    if re.search(r"\s", value) or value.startswith("-"):
        raise FlawError(f"must be one word that does not start with a dash, not {quoted(value)}")
    return value


Word = Annotated[str, After(_plain_word)]


def _program(value: str) -> str:
    """Refuse what is neither an absolute path nor a name to be found in $PATH."""
    if "/" in value and not value.startswith("/"):
        raise FlawError(f"must be an absolute path or a name in $PATH, not {quoted(value)}")
    return _plain_word(value)


Program = Annotated[str, After(_program)]
Port = Annotated[int, Bounds(at_least=1, at_most=65535)]
Duration = Annotated[float, Before(seconds, str | float)]
Share = Annotated[float, Before(fraction, str | float)]
Rate = Annotated[int, Before(rate_bits, str | int)]
ByteRate = Annotated[int, Before(rate_bytes, str | int), Bounds(at_least=1024)]
Memory = Annotated[int, Before(size_bytes, str | int), Bounds(at_least=1 << 20)]


def _listed(value: TomlValue) -> TomlValue:
    return [value] if isinstance(value, str) else value


class MachineEntry(TableModel):
    """One machine, or several if its name is folded."""

    external_addr: Word | None = None
    """Where wke connects: a host name, an address, or a name from ~/.ssh/config. Required for ssh."""
    internal_addr: Word | None = None
    """The address that machines use among themselves (`@INTERNAL`); by default the external address."""
    class_: Annotated[Items[Word], Before(_listed, str | list[str])] = ()
    """The class of the machine, or a list of classes."""
    ssh_port: Port | None = None
    """The port of its ssh server, if it differs from the cluster's."""
    username: Word | None = None
    """The login name, if it differs from the cluster's."""
    python: Program | None = None
    """The Python that wke uses there, if it differs from the cluster's."""


def _as_machine_table(value: TomlValue) -> TomlValue:
    """Turn the short forms `"host"`, `["host"]` and `["external", "internal"]` into a table."""
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


class ListedMachine(TableModel):
    """One machine as a program lists it that made it."""

    machine: MachineForm
    """Its address, a list of its addresses, or a table."""


def _numbered(value: TomlValue) -> TomlValue:
    """Turn a list of machines into a table with their indices as keys."""
    if isinstance(value, list):
        return dict(enumerate(value))
    if not isinstance(value, dict):
        hint = f"to ask for this number of machines, write machines = {value} in [cluster]" if isinstance(value, int) else None
        raise FlawError(f"must be a table or a list of machines, not {shown(value)}", hint)
    return value


def _for_selectors(value: TomlValue) -> TomlValue:
    """Turn a program for all machines into a table of programs by selectors."""
    if not isinstance(value, str | dict):
        raise FlawError(f"must be a program or a table of programs by selectors, not {shown(value)}", 'write "/opt/python3.12/bin/python3"')
    return {"all": _program(value)} if isinstance(value, str) else value


NumberedMachines = Before(_numbered, Mapping[str, MachineForm] | list[MachineForm])


def _class_members(value: TomlValue) -> int | tuple[str, ...]:
    """Accept a list of machine names or a number of machines."""
    if isinstance(value, bool) or not isinstance(value, int | list):
        raise FlawError(f"must be a list or a number of machines, not {shown(value)}")
    if isinstance(value, int):
        if value < 0:
            raise FlawError(f"asks for {value} machines; the smallest class has 0")
        return value
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise FlawError(f"must be a machine's name, not {shown(name)}", key=(index,))
    return tuple(value)


ClassMembers = Annotated[int | tuple[str, ...], Before(_class_members, int | list[str])]


class LinkEntry(TableModel):
    """How the network between machines disturbs packets."""

    delay: Duration | None = None
    """How long a packet takes, such as `0.2ms`."""
    jitter: Duration | None = None
    """How much the delay varies."""
    loss: Share | None = None
    """The share of packets that get lost, such as `0.1%`."""
    rate: Rate | None = None
    """Bits per second, such as `1Gbit`."""


class LimitEntry(TableModel):
    """What an emulated machine may use of this computer. What is not given is not limited."""

    cpus: Annotated[float, Bounds(at_least=0.01)] | None = None
    """Processors, such as `1` or `0.5`: the time that all its processes together may use per second."""
    memory: Memory | None = None
    """Memory, such as `1GiB`. When it is used up, the kernel kills a process of the machine. Swap is not used."""
    disk_rate: ByteRate | None = None
    """Bytes per second, such as `50MB/s`, for reads and for writes each. With cgroup v1 it limits direct and synced writes only."""
    cores: Items[Annotated[int, Bounds(at_least=0)]] | None = None
    """The numbers of the cores of this computer on which the machine runs, such as `[0]`."""


def _argument(value: str) -> str:
    """Refuse what no program can be given."""
    if "\0" in value:
        raise FlawError("must not contain a NUL character: arguments of programs cannot")
    return value


Argument = Annotated[str, After(_argument)]


def _command(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names no program."""
    if not value or not value[0]:
        raise FlawError("must begin with a program", 'a list of its words, such as ["./up", "--small"]')
    return value


Command = Annotated[Items[Argument], After(_command)]


class ViaEntry(TableModel, others=True):
    """How a program is started on machines that are not reached by ssh. Further keys are settings of the preset."""

    preset: NonEmpty | None = None
    """A way that wke knows by name: `docker`, `kubectl`, `lxc`, `nsenter`, `podman` or `sudo`."""
    command: Command | None = None
    """Any other way: the argument list to which the program is appended. `{name}` and other facts of a machine stand for their values."""
    quoted: bool = False
    """Append the program as one word, quoted for the shell that `command` gives it to at the far end, as `["ssh", "HOST"]` does."""

    def check(self) -> None:
        """Raise FlawError unless there is one way."""
        if (self.preset is None) == (self.command is None):
            raise FlawError("needs a preset or a command, and not both", 'for example { preset = "docker" }')
        if self.quoted and self.preset is not None:
            raise FlawError("goes with command only", key=("quoted",))


def _as_via_table(value: TomlValue) -> TomlValue:
    """Turn the short forms `"PRESET"` and `["PROGRAM", "ARGUMENT"]` into a table."""
    if isinstance(value, str):
        return {"preset": value}
    if isinstance(value, list):
        return {"command": value}
    if not isinstance(value, dict):
        raise FlawError(
            f"must be a list of words or a preset, not {shown(value)}", 'write ["kubectl", "exec", "-i", "{name}", "--"] or "kubectl"'
        )
    return value


ViaForm = Annotated[ViaEntry, Before(_as_via_table, str | list[str] | ViaEntry)]


MACHINES_ARE = {"ssh": "named", "local": "emulated", "command": "lent", "slurm": "lent"}
"""The providers, and what their machines are: *named* ones have addresses in the file, *lent* ones only while they are up."""
OWN_KEYS = {"up": "command", "down": "command", "keep-machines": "command"}
"""The keys of [cluster] that are for one provider only."""
ENTERED_BY_WKE = frozenset({"local", "slurm"})
"""The providers whose machines are reached in a way of their own, neither by ssh nor by `via`."""
COME_BACK = frozenset({"ssh", "command"})
"""The providers whose machines may come back after contact was lost, such as one that reboots."""


SET_BY_WKE = ("nodes", "N", "no-shell", "job-name", "J", "jobid", "nodelist", "w", "time", "t", "parsable", "output", "o", "wrap")


def _slurm_option(value: str) -> str:
    """Refuse what is no option, and options that wke sets itself."""
    if not value.startswith("-"):
        raise FlawError(f"must be an option with its value in one text, such as --qos=low, not {quoted(value)}")
    name = value.partition("=")[0] if value.startswith("--") else value[:2]
    if name.lstrip("-") in SET_BY_WKE:
        raise FlawError(f"{name} is set by wke", "by machines, by the keys of [slurm], or by wke measure --submit")
    return value


class SlurmSection(TableModel):
    """Which nodes are asked for with `provider = "slurm"`. Inside an allocation (`salloc`, `sbatch`) its nodes are used instead."""

    nodes: Literal["any", "named"] = "any"
    """`any`: each machine is one of the nodes that Slurm gives, in Slurm's order. `named`: the name of a machine is that of its node."""
    partition: Word | None = None
    """The partition; by default, Slurm's."""
    time: Annotated[Duration, Bounds(at_least=1)] | None = None
    """How long the nodes are asked for, such as `4h`; Slurm counts whole minutes. By default, the partition's default. When the time is
    too short for another trial, the series stops."""
    account: Word | None = None
    """The account that is charged."""
    constraint: NonEmpty | None = None
    """Features that the nodes must have, such as `ib&haswell`."""
    exclusive: bool = True
    """Ask for whole nodes with all their memory, because other jobs on the same node disturb measurements."""
    options: Items[Annotated[str, After(_slurm_option)]] = ()
    """Further options of `salloc` and `sbatch`, one text each, such as `--qos=low`."""
    connect: Literal["dial-back", "stdio"] = "dial-back"
    """How wke talks to nodes: `dial-back`, they connect to this computer; `stdio`, one `srun` for each, where a firewall forbids that."""
    address: Word | None = None
    """With `dial-back`: the address of this computer to which nodes connect; by default, the one from which it reaches them."""
    fan_out: Annotated[int, Bounds(at_least=2)] = 32
    """With `dial-back`: how many nodes wke, and each node that relays what others say, talks to directly."""


class ClusterSection(TableModel):
    """Settings of the whole cluster."""

    provider: Literal["ssh", "local", "command", "slurm"] | None = None
    """Where the machines are: existing ones (`ssh`), emulated on this computer (`local`), made by your own programs (`command`), or nodes
    of a Slurm cluster (`slurm`). Default: `ssh` if a machine has an address or `via` is given, else `local`."""
    machines: Annotated[int, Bounds(at_least=1, at_most=MOST_MACHINES)] | None = None
    """The number of machines, which are called m0, m1 and so on; instead of [machines]."""
    username: Word | None = None
    """Login name on the machines; by default, that of ssh."""
    workdir: NonEmpty | None = None
    """Folder on the machines in which scripts run; by default the home folder."""
    ssh_port: Port | None = None
    """Port of the ssh servers; by default, that of ssh."""
    connect_limit: Annotated[int, Bounds(at_least=1)] = 64
    """How many connections are opened at the same time."""
    connect_timeout: Duration = 30.0
    """A machine that does not answer for this long counts as unreachable."""
    wait: Duration | None = None
    """How long `wke measure` waits for a machine with which contact was lost, such as one that reboots, before the next trial. By default
    5 min, and 0 for emulated machines and nodes of Slurm, which do not come back."""
    lease: Duration = 30.0
    """After contact was lost for this long, a machine stops what was started on it. From 5 min on, `wke measure` detaches (`--detach`)."""
    keep_connections: Duration = 0.0
    """How long ssh connections wait for the next command after one has ended, such as `10m`; by default they end with their command."""
    ssh_options: Items[str] = ()
    """Further arguments for ssh, one text each; they come first, so they take precedence."""
    forward_agent: bool = False
    """Let programs on the machines use your ssh agent."""
    key_exchange: Word | None = None
    """KexAlgorithms of ssh, or `default` for those of ssh. By default wke chooses a cheaper exchange if that of your OpenSSH is slow."""
    via: ViaForm | None = None
    """How wke starts a program on the machines, if not by ssh: an argument list such as `["docker", "exec", "-i", "{name}"]`, the name of a
    preset, or `{ preset = NAME, SETTING = VALUE }`. [via] does the same for some machines."""
    up: Command | None = None
    """Provider `command`: the program that makes the machines, and its arguments. It prints a line `NAME ADDRESS` for each, or JSON."""
    down: Command | None = None
    """Provider `command`: the program that removes the machines, and its arguments. Its standard input is what `up` printed."""
    keep_machines: Duration = 0.0
    """Provider `command`: how long the machines stay after the last command that used them, such as `10m`; by default they go at once."""
    ciphers: Word | None = None
    """Ciphers of ssh, or `default` for those of ssh. By default aes128-gcm comes first if nobody chose and the processor has AES."""
    python: Annotated[Mapping[str, Program], Before(_for_selectors, str | Mapping[str, Program])] = {}
    """The Python that wke uses on machines, or `{ SELECTOR = PYTHON }`: the last that matches. Default: the first that is 3.6 or newer."""
    limits: Literal["require", "try"] = "require"
    """What happens when this computer cannot keep all [limits]: `require` ends with an error, `try` goes on and says which do not hold."""
    share: Items[NonEmpty] = ()
    """Folders of this computer to which emulated machines write directly; relative paths start at the project's folder."""


class ClusterFile(TableModel):
    """All of cluster.toml."""

    cluster: ClusterSection = ClusterSection()
    """Settings of the whole cluster."""
    machines: Annotated[Mapping[str | int, MachineForm], NumberedMachines] = {}
    """The machines in order: NAME = ADDRESS, or a list of addresses. A folded name such as `node[1-3]` means three machines."""
    classes: Mapping[str, ClassMembers] = {}
    """NAME = a list of machines, or a number: that many machines that are in no class yet."""
    via: Mapping[str, ViaForm] = {}
    """SELECTOR = how wke starts a program on these machines, as `via` in [cluster]; where several match a machine, the last one counts."""
    links: Annotated[Mapping[str, LinkEntry], Most()] = {}
    """`default`, or `"FROM -> TO"` with selectors on both sides. Provider `local` applies `default`; the others are not applied yet."""
    limits: Annotated[Mapping[str, LimitEntry], Most()] = {}
    """SELECTOR = what each of these emulated machines may use; where several match a machine, the last one counts."""
    slurm: SlurmSection = SlurmSection()
    """Which nodes are asked for with `provider = "slurm"`."""

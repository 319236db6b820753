"""Transports: how a program is started on a machine, as the beginning of an argument list.

A transport is a list of arguments to which the program's own are appended; the process then has the program's standard input, output and
error. ssh is the user's own OpenSSH client with the user's own settings. Host keys are always checked, and ssh never asks a question, since
there may be a thousand machines. The cluster's `ssh-options` come first, so that they win over ours.
"""

import os
import shlex
from collections.abc import Sequence
from functools import cache
from math import ceil
from pathlib import Path

from wke.act.connection import bootstrap
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, facts_of

CHEAP_EXCHANGES = ("mlkem768x25519-sha256", "curve25519-sha256")
DEAR_EXCHANGE = "sntrup761x25519"
FAST_CIPHER = "aes128-gcm@openssh.com"
USUAL_CIPHERS = tuple(  # what OpenSSH has where nobody chose: before version 10, and since
    ",".join(("chacha20-poly1305@openssh.com", *order))
    for order in (
        ("aes128-ctr", "aes192-ctr", "aes256-ctr", FAST_CIPHER, "aes256-gcm@openssh.com"),
        (FAST_CIPHER, "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    )
)
FIRST_PROCESSOR = 1 << 13  # bytes of /proc/cpuinfo that describe the first one
ASK_SSH_S = 10.0
LOGIN = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -il; exec sh -i")


class SshTransport(tuple[str, ...]):
    """An argument list whose far end is a login shell: a program is appended as one word, quoted for the shell."""

    __slots__ = ()


class QuotedTransport(tuple[str, ...]):
    """An argument list of the user's whose far end is a shell: a program is appended as one word, quoted for that shell."""

    __slots__ = ()


Transport = Sequence[str]

SSH_MEMORY = {b"MALLOC_TRIM_THRESHOLD_": b"16777216", b"MALLOC_MMAP_THRESHOLD_": b"16777216"}


def command_line(transport: Transport, program: Sequence[str]) -> list[str]:
    """Return the argument list that runs `program` through `transport`."""
    if isinstance(transport, SshTransport):
        return [*transport, "exec " + shlex.join(program)]
    if isinstance(transport, QuotedTransport):
        return [*transport, shlex.join(program)]
    return [*transport, *program]


def agent_command(transport: Transport, python: str | None) -> list[str]:
    """Return the argument list that starts an agent through `transport`, in `python` if that is given."""
    return command_line(transport, bootstrap.command(python))


def process_environment(transport: Transport) -> dict[bytes, bytes] | None:
    """Return the environment that the transport's process is to have; None is ours.

    While we are behind, ssh lets its buffer grow to the 2 MB of its window, a packet at a time, and every step is a new block. The GNU C
    library would fetch each from the kernel and give it back: with sixteen machines an eighth of all CPU time. Here it keeps them.
    """
    return {**SSH_MEMORY, **os.environb} if isinstance(transport, SshTransport) else None


def transport_to(cluster: ClusterSpec, machine: MachineSpec) -> Transport:
    """Return the transport to a machine: the list that `via` gives it, else the user's OpenSSH client."""
    return _via(cluster, machine) if machine.via is not None else ssh_transport(cluster, machine)


def shell_on(cluster: ClusterSpec, machine: MachineSpec) -> list[str]:
    """Return the command that opens an interactive shell on a machine in the same way."""
    return command_line(_via(cluster, machine, terminal=True), LOGIN) if machine.via is not None else ssh_shell(cluster, machine)


def _via(cluster: ClusterSpec, machine: MachineSpec, *, terminal: bool = False) -> Transport:
    """Return the list of the user's that leads to a machine. A program with a relative path is looked for beside the cluster file."""
    assert machine.via is not None
    program, *words = machine.via.filled(facts_of(machine, cluster.username), terminal=terminal)
    if "/" in program and cluster.path is not None:
        program = str(cluster.path.parent.resolve() / Path(program).expanduser())
    return (QuotedTransport if machine.via.is_quoted else tuple)((program, *words))


def ssh_transport(cluster: ClusterSpec, machine: MachineSpec) -> SshTransport:
    """Return the transport to a machine through the user's OpenSSH client.

    Asks that client once per process and cluster for its settings, to choose the key exchange and the cipher.
    """
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ForwardAgent": "yes" if cluster.forward_agent else "no",
        "ClearAllForwardings": "yes",
        "RemoteCommand": "none",
        "ControlMaster": "no",  # an existing master is used, but other sessions must not depend on ours
        "LogLevel": "ERROR",
        "ConnectTimeout": str(max(1, int(cluster.connect_timeout_s * 0.9))),
        "ServerAliveInterval": str(ceil(cluster.lease_s / 3)),  # ssh gives up later than we do
        "ServerAliveCountMax": "3",
    }
    exchange = _key_exchange(cluster)
    if exchange is not None:
        options["KexAlgorithms"] = exchange
    ciphers = _ciphers(cluster)
    if ciphers is not None:
        options["Ciphers"] = ciphers
    ours = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return SshTransport(["ssh", *cluster.ssh_options, "-T", *ours, *_address(cluster, machine)])


def ssh_shell(cluster: ClusterSpec, machine: MachineSpec) -> list[str]:
    """Return the command that opens an interactive shell on a machine: the user's own ssh, which asks what it has to ask."""
    return ["ssh", *cluster.ssh_options, *_address(cluster, machine)]


def _address(cluster: ClusterSpec, machine: MachineSpec) -> list[str]:
    port = machine.ssh_port or cluster.ssh_port
    user = machine.username or cluster.username
    host = machine.external_addr or machine.name
    return [*(("-p", str(port)) if port else ()), *(("-l", user) if user else ()), "--", host]


def _key_exchange(cluster: ClusterSpec) -> str | None:
    """Return what to ask for as KexAlgorithms, None to leave them alone.

    The default of OpenSSH 9.0 to 9.8 costs 60 ms of CPU per connection, ten times as much as the defaults before and after it.
    A user who has chosen algorithms keeps them; "^" keeps the rest of the default for servers that know nothing newer.
    """
    if cluster.key_exchange is not None:
        return None if cluster.key_exchange == "default" else cluster.key_exchange
    first = next(machine for machine in cluster.machines if machine.via is None)
    return _cheaper_exchange(tuple(cluster.ssh_options), first.external_addr or first.name)


@cache
def _cheaper_exchange(options: tuple[str, ...], host: str) -> str | None:
    """Return a cheaper key exchange where OpenSSH's default is dear and the user left it alone."""
    configured = _settings(said_by_ssh(("ssh", *options), host)[0]).get("kexalgorithms")
    if configured is None or not configured.startswith(DEAR_EXCHANGE):
        return None
    default = settings_of(["ssh", "-F", "none"], host).get("kexalgorithms")
    cheap = [name for name in CHEAP_EXCHANGES if name in _known_exchanges()]
    return "^" + ",".join(cheap) if default == configured and cheap else None


@cache
def _known_exchanges() -> tuple[str, ...]:
    return tuple(_asked(["ssh", "-Q", "kex"])[0].split())


def _ciphers(cluster: ClusterSpec) -> str | None:
    """Return what to ask for as Ciphers, None to leave them alone.

    With instructions for AES, a processor is about twice as fast with AES-GCM as with the ChaCha20 that OpenSSH puts first.
    """
    if cluster.ciphers is not None:
        return None if cluster.ciphers == "default" else cluster.ciphers
    first = next(machine for machine in cluster.machines if machine.via is None)
    configured = _settings(said_by_ssh(("ssh", *cluster.ssh_options), first.external_addr or first.name)[0]).get("ciphers", "")
    return f"^{FAST_CIPHER}" if configured in USUAL_CIPHERS and _has_aes() else None


@cache
def _has_aes() -> bool:
    """Tell whether this computer's processor has instructions for AES."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            first = file.read(FIRST_PROCESSOR)
    except OSError:
        return False
    return any("aes" in line.split() for line in first.splitlines() if line.startswith(("flags", "Features")))


def settings_of(command: Sequence[str], host: str) -> dict[str, str]:
    """Return the settings that the OpenSSH client `command` (`ssh` and options) has for a host, by their names in lower case."""
    return _settings(_asked([*command, "-G", "--", host])[0])


@cache
def said_by_ssh(command: tuple[str, ...], host: str) -> tuple[str, str]:
    """Return the settings that an OpenSSH client has for a host, a line each, and its log of how it got them; asks once per process."""
    return _asked([*command, "-v", "-G", "--", host])


def _settings(text: str) -> dict[str, str]:
    lines = (line.partition(" ") for line in text.splitlines())
    return {key: value for key, _, value in reversed(list(lines))}


def _asked(command: Sequence[str]) -> tuple[str, str]:
    """Return what the OpenSSH client prints about itself and its log, "" if there is none: that is reported when it is used."""
    import subprocess  # noqa: PLC0415 - nothing is asked where connections are kept

    try:
        answer = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=ASK_SSH_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "", ""
    return answer.stdout.decode("utf-8", "replace"), answer.stderr.decode("utf-8", "replace")

"""Host keys of many machines that are not known yet: one command shows all fingerprints and then accepts them."""

import shlex
from collections import defaultdict
from collections.abc import Sequence

from wke.act.connection.diagnosis import UnknownKeyError, address_of
from wke.act.connection.transport import settings_of
from wke.errors import Problem

NAMED = 3
USUAL_FILE = "~/.ssh/known_hosts"


def together(unknown: Sequence[UnknownKeyError]) -> tuple[Problem, ...]:
    """Return one problem for all machines whose keys are not known, with one command; each its own if there is no such command."""
    each = tuple(problem for error in unknown for problem in error.problems)
    transport = unknown[0].transport
    if len(unknown) == 1:
        return each
    settings = settings_of([*transport[: transport.index("-T")], *address_of(transport)], transport[-1])
    jump = settings.get("proxyjump", "none")
    if settings.get("proxycommand", "none") != "none" or "," in jump:
        return each
    through = [] if jump == "none" else [*_without_jump(transport[: transport.index("-T")]), jump]
    file = settings.get("userknownhostsfile", USUAL_FILE).split()[0]
    names = sorted(error.machine for error in unknown)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (
        Problem(
            f"machines {', '.join(names[:NAMED])}{more}: checking their host keys failed: they are not known here",
            hint="this shows the fingerprints of all of them, and accepts them if you then answer yes: "
            + _command(_by_port(unknown), through, file if file.startswith("~/") else shlex.quote(file)),
        ),
    )


def _without_jump(command: Sequence[str]) -> list[str]:
    """Return the command without the option -J, which is not for the jump host itself."""
    return [word for before, word in zip(("", *command), command, strict=False) if "-J" not in {before, word}]


def _by_port(unknown: Sequence[UnknownKeyError]) -> dict[str, list[str]]:
    """Return the hosts by their ports; known_hosts calls a host with another port than 22 `[HOST]:PORT`."""
    hosts = defaultdict(list)
    for host in sorted({error.host for error in unknown}):
        name, _, port = host.rpartition("]:") if host.startswith("[") else (host, "", "22")
        hosts[port].append(name.removeprefix("["))
    return hosts


def _command(hosts: dict[str, list[str]], through: Sequence[str], file: str) -> str:
    scans = (shlex.join([*through, "ssh-keyscan", "-p", port, *hosts[port]]) for port in sorted(hosts, key=int))
    return f'k=$(mktemp) && ({"; ".join(scans)}) >$k && ssh-keygen -lf $k && printf "yes? " && read a && [ "$a" = yes ] && cat $k >>{file}'

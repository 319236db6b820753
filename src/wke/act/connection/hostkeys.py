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
    """Return what to tell about machines whose keys are not known: one command for many, and the rest one by one."""
    groups: dict[tuple[str, ...], list[UnknownKeyError]] = defaultdict(list)
    for error in unknown:
        groups[_way(error) if len(unknown) > 1 else ()].append(error)
    problems: list[Problem] = []
    for way, errors in groups.items():
        if not way or len(errors) == 1:
            problems += [problem for error in errors for problem in error.problems]
        else:
            problems.append(_for_all(errors, way[1:], way[0]))
    return tuple(problems)


def _way(error: UnknownKeyError) -> tuple[str, ...]:
    """Return the known_hosts file of a machine and the command that leads to its jump host, if any; nothing if keys cannot be asked for."""
    command = error.transport[: error.transport.index("-T")]
    settings = settings_of([*command, *address_of(error.transport)], error.transport[-1])
    jump = settings.get("proxyjump", "none")
    if settings.get("proxycommand", "none") != "none" or settings.get("hostkeyalias") or "," in jump:
        return ()
    file = settings.get("userknownhostsfile", USUAL_FILE).split()[0]
    return (file, *([] if jump == "none" else [*_without_jump(command), jump]))


def _for_all(errors: Sequence[UnknownKeyError], through: Sequence[str], file: str) -> Problem:
    names = sorted(error.machine for error in errors)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return Problem(
        f"machines {', '.join(names[:NAMED])}{more}: checking their host keys failed: they are not known here",
        hint="this shows the fingerprints of all of them, and accepts them if you then answer yes: "
        + _command(_by_port(errors), through, file if file.startswith("~/") else shlex.quote(file)),
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

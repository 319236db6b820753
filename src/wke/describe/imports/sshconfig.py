"""The configuration of the OpenSSH client, `~/.ssh/config`: each Host that is no pattern is a machine.

The names of the file become external addresses, so ssh itself applies its HostName, User, Port, ProxyJump, keys and all else. A HostName
is also the address that machines use among themselves.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource
from wke.values import dataclass

_LINE = re.compile(r"(?P<keyword>\w+)(?:\s*=\s*|\s+)(?P<rest>.*)")
_HOST = re.compile(r"^[ \t]*Host(?:[ \t]*=[ \t]*|[ \t]+)\S", re.MULTILINE | re.IGNORECASE)
USERS_OWN = Path("~/.ssh/config")


def recognises(text: str) -> bool:
    """Return whether a text has a line that begins a Host."""
    return _HOST.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Block:
    """The values of a Host, by keyword in lower case; those before the first Host have the pattern `*`, and a Match has none."""

    patterns: tuple[str, ...]
    line: int
    values: dict[str, str] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """Yield the names that are no patterns."""
        yield from (name for name in self.patterns if not re.search(r"[*?!]", name))

    def matches(self, name: str) -> bool:
        """Return whether the values hold for a name."""
        if any(_fits(pattern[1:], name) for pattern in self.patterns if pattern.startswith("!")):
            return False
        return any(_fits(pattern, name) for pattern in self.patterns)


def read(source: ImportSource) -> ImportedMachines:
    """Return a machine for each name; of several values of a keyword that hold for it, the first counts."""
    blocks, notes = _blocks(source)
    names = {name: block.line for block in reversed(blocks) for name in block.names()}
    order = dict.fromkeys(name for block in blocks for name in block.names())
    if not order:
        raise source.wrong("has no Host that is a name; all are patterns", hint="write a line such as: Host server1")
    machines = tuple(_machine(name, blocks, names[name]) for name in order)
    if source.path is None:
        notes.append('ssh has to find these names: import the file, or write ssh-options = ["-F", "FILE"] in [cluster]')
        return ImportedMachines(machines, notes=tuple(notes))
    path = source.path.expanduser().resolve()
    is_own = path == USERS_OWN.expanduser().resolve()
    return ImportedMachines(machines, () if is_own else ("-F", str(path)), notes=tuple(notes))


def _blocks(source: ImportSource) -> tuple[list[_Block], list[str]]:
    blocks, notes = [_Block(("*",), 0)], []
    for number, line in enumerate(source.text.splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None or line.lstrip().startswith("#"):
            continue
        keyword = match["keyword"].lower()
        try:
            words = shlex.split(match["rest"])
        except ValueError:
            raise source.wrong(f"{match['keyword']} has a quote that is not closed", number, "close it") from None
        if keyword == "host":
            blocks.append(_Block(tuple(words), number))
        elif keyword == "match":
            blocks.append(_Block((), number))
        elif keyword == "include":
            notes.append(f"line {number}: the Hosts of {' '.join(words)} are left out: import these files too, if they have machines")
        elif words:
            blocks[-1].values.setdefault(keyword, " ".join(words))
    return blocks, notes


def _machine(name: str, blocks: list[_Block], line: int) -> ImportedMachine:
    values: dict[str, str] = {}
    for block in blocks:
        if block.matches(name):
            values = {**block.values, **values}
    host = values.get("hostname", "").replace("%h", name).replace("%%", "%")
    return ImportedMachine(name, name, host if host not in {"", name} else None, about=_about(values, host), line=line)


def _about(values: Mapping[str, str], host: str) -> str:
    words = [("as", "user"), ("port", "port"), ("through", "proxyjump"), ("by", "proxycommand")]
    told = [f"{word} {values[key]}" for word, key in words if key in values]
    return f"ssh: {', '.join([*([host] if host else []), *told])}" if told else ""


def _fits(pattern: str, name: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None


SSH_CONFIG = Importer("ssh-config", "configuration of ssh", recognises, read)

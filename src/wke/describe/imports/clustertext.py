"""The text of a cluster.toml for imported machines: readable, with comments on where it came from, the same for the same source."""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from wke.describe.cluster.folding import fold
from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource
from wke.describe.toml.limits import LONGEST_NAME
from wke.describe.toml.wording import counted
from wke.values import dataclass

RESERVED = "all"
LONGEST_COMMENT = 120
_UNFIT = re.compile(r"[\s,!&/\[\]]+|\.(?=\.)")


@dataclass(frozen=True, slots=True)
class ClusterText:
    """The text, what it has, and what a user has to know of it."""

    text: str
    machines: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def cluster_text(source: ImportSource, importer: Importer, found: ImportedMachines) -> ClusterText:
    """Return the text for the machines of a source; raise InputError for an address that ssh would not take for one."""
    notes: list[str] = []
    machines = _named(_checked(source, found.machines), notes)
    names = [machine.name for machine in machines]
    machines = _with_classes(machines, notes)
    notes = [*found.notes, *notes]
    classes = {name: tuple(m.name for m in machines if name in m.classes) for name in dict.fromkeys(c for m in machines for c in m.classes)}
    cluster = _common(machines)
    lines = [
        f"# {counted(len(machines), 'machine')} from {_comment(source.name)} ({importer.title}), written by `wke cluster import`.",
        "# The file is yours: change it, and check it with `wke check`.",
        *(f"# Note: {_comment(note)}" for note in notes),
        "",
        *_section(
            "cluster", [*(f"{key} = {_toml(value)}" for key, value in cluster.items()), *_options(found.ssh_options), *_via(found.via)]
        ),
        *_section("machines", _machine_lines(machines, cluster)),
        *_section("classes", [f"{_key(name)} = {_list(fold(members))}" for name, members in classes.items()]),
    ]
    return ClusterText("\n".join(lines).rstrip() + "\n", tuple(names), classes, tuple(notes))


def _checked(source: ImportSource, machines: Iterable[ImportedMachine]) -> Iterator[ImportedMachine]:
    for machine in machines:
        for word in filter(None, (machine.external_addr, machine.internal_addr, machine.username, machine.python)):
            if re.search(r"[\s\[\]]", word) or word.startswith("-") or not word.isprintable():
                what = f"{machine.name} has {word!r}, which is no address, login or program"
                raise source.wrong(what, machine.line, "it has to be one word that does not start with a dash")
        yield machine


def _named(machines: Iterable[ImportedMachine], notes: list[str]) -> list[ImportedMachine]:
    """Return the machines with names that are valid and different; what is twice in a source is one machine with the classes of both."""
    found: dict[str, ImportedMachine] = {}
    places: dict[tuple[str, str, int | None], str] = {}
    for machine in machines:
        place = (machine.name, machine.external_addr, machine.ssh_port)
        if place in places:
            first = found[places[place]]
            found[first.name] = replace(first, classes=tuple(dict.fromkeys((*first.classes, *machine.classes))))
            continue
        name = places[place] = _valid(machine.name, found)
        if name != machine.name:
            notes.append(f'"{machine.name}" is called {name}: a name has to be unique, without blanks and , ! & / [ ]')
        found[name] = replace(machine, name=name)
    return list(found.values())


def _with_classes(machines: Sequence[ImportedMachine], notes: list[str]) -> list[ImportedMachine]:
    """Return the machines with names of classes that are valid, and that no machine has."""
    taken = {machine.name for machine in machines}
    renamed: dict[str, str] = {}
    for name in dict.fromkeys(name for machine in machines for name in machine.classes):
        renamed[name] = _valid(name, taken, "-class")
        taken.add(renamed[name])
        if renamed[name] != name:
            notes.append(f'class "{name}" is called {renamed[name]}: a name has to be unique, without blanks and , ! & / [ ]')
    return [replace(machine, classes=tuple(renamed[name] for name in machine.classes)) for machine in machines]


def _valid(text: str, taken: Container[str], ending: str = "") -> str:
    """Return the name that is nearest to a text, with an ending or a number behind it where it is taken."""
    plain = "".join(sign if sign.isprintable() else "-" for sign in text)
    short = plain.encode("utf-8", "ignore")[: LONGEST_NAME - 10].decode(errors="ignore")
    plain = _UNFIT.sub("-", short).lstrip("-.") or "machine"
    choices = chain([plain], [plain + ending] if ending else [], (f"{plain}-{number}" for number in count(2)))
    return next(name for name in choices if name != RESERVED and name not in taken)


def _common(machines: Sequence[ImportedMachine]) -> dict[str, str | int]:
    """Return the settings of [cluster] that are those of every machine."""
    settings = {"username": "username", "ssh-port": "ssh_port", "python": "python"}
    values = {key: {getattr(machine, attribute) for machine in machines} for key, attribute in settings.items()}
    return {key: found.pop() for key, found in values.items() if len(found) == 1 and None not in found}


def _machine_lines(machines: Sequence[ImportedMachine], common: Mapping[str, str | int]) -> Iterator[str]:
    """Yield a line for each machine; machines that are only names share lines."""
    plain: list[str] = []
    for machine in machines:
        value = _value(machine, common)
        if value == _toml(machine.name) and not machine.about:
            plain.append(machine.name)
            continue
        yield from _plain_lines(plain)
        plain = []
        yield f"{_key(machine.name)} = {value}{f'  # {_comment(machine.about)}' if machine.about else ''}"
    yield from _plain_lines(plain)


def _plain_lines(names: Sequence[str]) -> Iterator[str]:
    yield from (f"{_key(name)} = {_toml(name)}" for name in fold(names))


def _value(machine: ImportedMachine, common: Mapping[str, str | int]) -> str:
    settings = {"username": machine.username, "ssh-port": machine.ssh_port, "python": machine.python}
    own = {key: value for key, value in settings.items() if value is not None and key not in common}
    addresses = {"external-addr": machine.external_addr, "internal-addr": machine.internal_addr}
    given = {key: value for key, value in addresses.items() if value}
    if not own and machine.external_addr:
        return _toml(machine.external_addr) if len(given) == 1 else _list(given.values())
    return _table({**given, **own})


def _table(entry: Mapping[str, str | int]) -> str:
    return f"{{ {', '.join(f'{key} = {_toml(value)}' for key, value in entry.items())} }}"


def _section(name: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [f"[{name}]", *found, ""] if found else []


def _options(options: Sequence[str]) -> list[str]:
    return [f"ssh-options = {_list(options)}"] if options else []


def _via(via: Mapping[str, str]) -> list[str]:
    return [f"via = {_table(via) if len(via) > 1 else _toml(via['preset'])}"] if via else []


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_toml, values))}]"


def _comment(text: str) -> str:
    """Return text that stays on its line."""
    line = "".join(sign if sign.isprintable() else "?" for sign in text)
    return line if len(line) <= LONGEST_COMMENT else f"{line[: LONGEST_COMMENT - 1]}…"

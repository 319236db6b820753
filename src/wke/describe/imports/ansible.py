"""Ansible inventories: what `ansible-inventory --list` prints, or an INI file. Groups are classes.

Where ansible-inventory is installed it reads inventories of all kinds, with group_vars/, plugins and scripts. YAML needs it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from wke.describe.imports.ansible_ini import inventory_of, looks_like_ini
from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, parsed, port
from wke.documents import Json

BUILTIN = ("all", "ungrouped")
CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh")
UNUSED = ("ansible_ssh_private_key_file", "ansible_ssh_common_args", "ansible_ssh_extra_args")
"""Variables that ssh has to be told in another way."""
NEEDED = "install ansible-core, whose ansible-inventory wke runs; or import what `ansible-inventory -i FILE --list` prints elsewhere"
MOST_SHOWN = 3
_YAML = re.compile(r"^(?:---|[\w.-]+:)[ \t]*(?:#.*)?$", re.MULTILINE)
_YAML_GROUP = re.compile(r"^[ \t]+(?:hosts|children):", re.MULTILINE)


def recognises(text: str) -> bool:
    """Return whether a text is an inventory, in JSON, INI or YAML."""
    document = parsed(text)
    if isinstance(document, dict):
        return isinstance(document.get("_meta"), dict) or (isinstance(document.get("all"), dict) and "children" in document["all"])
    return looks_like_ini(text) or _is_yaml(text)


def read(source: ImportSource) -> ImportedMachines:
    """Return the hosts that are reached by ssh; variables of groups count as they do for Ansible."""
    text = source.text.lstrip()
    if not text.startswith(("{", "[")) and _is_yaml(source.text):
        raise source.wrong("is an inventory in YAML, which only Ansible can read", hint=NEEDED)
    inventory = source.json() if text.startswith("{") else inventory_of(source)
    if not isinstance(inventory, dict):
        raise source.wrong("is not an inventory", hint=NEEDED)
    groups = _Groups(source, inventory)
    found, notes, unused = list[ImportedMachine](), list[str](), dict[str, list[str]]()
    for host in groups.hosts():
        values = groups.variables(host)
        connection = values.get("ansible_connection", "ssh")
        if connection not in CONNECTIONS:
            notes.append(f"{host} is left out: Ansible reaches it by {connection}, not by ssh")
            continue
        found.append(_machine(source, host, groups.of(host), values))
        for name in (name for name in UNUSED if values.get(name)):
            unused.setdefault(name, []).append(host)
    for name, hosts in unused.items():
        more = f" and {len(hosts) - MOST_SHOWN} more" if len(hosts) > MOST_SHOWN else ""
        notes.append(f"{name} of {', '.join(hosts[:MOST_SHOWN])}{more} is not taken over: write it in ~/.ssh/config, or in ssh-options")
    if not found:
        raise source.wrong("has no host that is reached by ssh", hint="is it the inventory that you meant?")
    return ImportedMachines(tuple(found), notes=tuple(notes))


def _machine(source: ImportSource, host: str, classes: Sequence[str], values: Mapping[str, Json]) -> ImportedMachine:
    def value(*names: str) -> str | None:
        text = next((str(values[name]) for name in names if values.get(name)), None)
        if text and "{{" in text:
            raise source.wrong(f"{names[0]} of {host} is a template: {text}", hint="only a playbook can fill it in: write its value")
        return text

    address, number = value("ansible_host", "ansible_ssh_host") or host, value("ansible_port", "ansible_ssh_port")
    python = value("ansible_python_interpreter") or ""
    return ImportedMachine(
        name=host,
        external_addr=address,
        classes=tuple(classes),
        username=value("ansible_user", "ansible_ssh_user"),
        ssh_port=port(source, number) if number else None,
        python=python if python.startswith("/") else None,
    )


class _Groups:
    """The groups of an inventory: their hosts, the groups in them, and variables."""

    def __init__(self, source: ImportSource, inventory: Mapping[str, Json]) -> None:
        self._source = source
        self._hostvars: Mapping[str, Json] = _mapping(_mapping(inventory.get("_meta")).get("hostvars"))
        self._groups = {
            name: {"hosts": value} if isinstance(value, list) else _mapping(value) for name, value in inventory.items() if name != "_meta"
        }
        children = {child for name in self._groups for child in self._children(name)}
        self._depths: dict[str, int] = {}
        for name in sorted(self._groups, key=lambda name: name != "all"):
            if name == "all" or name not in children:
                self._visit(name, 0 if name == "all" else 1)
        if left := [name for name in self._groups if name not in self._depths]:
            self._circle(left[0])
        self._members: dict[str, dict[str, None]] = {}

    def hosts(self) -> list[str]:
        """Return all hosts in the order of the inventory."""
        found = {host: None for name in self._depths for host in self._all_of(name)}
        return list(found | dict.fromkeys(self._hostvars))

    def of(self, host: str) -> list[str]:
        """Return the groups that a host is in, also by way of others, without those that every inventory has."""
        return [name for name in self._depths if name not in BUILTIN and host in self._all_of(name)]

    def variables(self, host: str) -> Mapping[str, Json]:
        """Return the variables of a host; those of a group further inside count more, those of the host most."""
        values: dict[str, Json] = {}
        for name in sorted(
            (name for name in self._depths if name == "all" or host in self._all_of(name)), key=lambda n: (self._depths[n], n)
        ):
            values |= _mapping(self._group(name).get("vars"))
        return {**values, **_mapping(self._hostvars.get(host))}

    def _group(self, name: str) -> Mapping[str, Json]:
        return self._groups.get(name, {})

    def _children(self, name: str) -> Iterator[str]:
        yield from _texts(self._group(name).get("children"))

    def _visit(self, name: str, depth: int) -> None:
        if depth > len(self._groups) + 1:
            self._circle(name)
        if self._depths.get(name, -1) < depth:
            self._depths[name] = depth
            for child in self._children(name):
                self._visit(child, depth + 1)

    def _circle(self, name: str) -> None:
        raise self._source.wrong(f"group {name} is inside itself", hint="remove it from the children of its groups")

    def _all_of(self, name: str) -> Mapping[str, None]:
        if name not in self._members:
            own = dict.fromkeys(_texts(self._group(name).get("hosts")))
            self._members[name] = own | {host: None for child in self._children(name) for host in self._all_of(child)}
        return self._members[name]


def _is_yaml(text: str) -> bool:
    return _YAML.search(text) is not None and _YAML_GROUP.search(text) is not None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _texts(value: Json) -> Iterator[str]:
    yield from (str(item) for item in value) if isinstance(value, list | dict) else ()


ANSIBLE = Importer("ansible", "Ansible inventory", recognises, read, ("ansible-inventory", "-i", "{}", "--list"))

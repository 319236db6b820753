"""What `terraform output -json` prints: addresses by the names of outputs.

An output that is a list or a map of addresses, or of objects with addresses, is a class. Outputs whose names differ only in "public" and
"private" describe the two addresses of the same machines. Sensitive outputs and those that are no addresses are left out.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, parsed
from wke.documents import Json

PUBLIC = frozenset({"public", "external", "floating", "nat"})
PRIVATE = frozenset({"private", "internal"})
ADDRESS = frozenset(
    {"ip", "ips", "ipv4", "address", "addresses", "addr", "addrs", "dns", "fqdn", "fqdns", "host", "hosts", "hostname", "hostnames"}
)
EXTERNAL_KEYS = (
    *("public_ip", "public_ip_address", "external_ip", "floating_ip", "access_ip_v4", "nat_ip", "ipv4_address", "public_dns"),
    *("ip_address", "ip", "address", "host", "hostname", "fqdn"),
)
INTERNAL_KEYS = ("private_ip", "private_ip_address", "internal_ip", "ipv4_address_private", "network_ip", "private_dns")
NAME_KEYS = ("name", "hostname", "id")
USER_KEYS = ("ssh_user", "username", "user")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\.?")


def recognises(text: str) -> bool:
    """Return whether a text is an object of outputs."""
    document = parsed(text)
    return isinstance(document, dict) and bool(document) and all(map(_is_output, document.values()))


class _Row(NamedTuple):
    """What an output says of a machine."""

    external: str | None
    internal: str | None = None
    name: str | None = None
    username: str | None = None


class _Output(NamedTuple):
    """The name of an output, without the words that say what kind of address it has."""

    name: str
    base: str
    is_private: bool
    is_address: bool


def read(source: ImportSource) -> ImportedMachines:
    """Return the machines whose addresses are in outputs; raise InputError if public and private addresses do not match."""
    document = source.json()
    if not (isinstance(document, dict) and all(map(_is_output, document.values()))):
        raise source.wrong("is not a set of outputs", hint="save what `terraform output -json` prints, without a name behind it")
    groups: dict[str, dict[str, _Row]] = {}
    unused: list[str] = []
    for name, output in document.items():
        about = _told(name)
        rows = {} if output.get("sensitive") else dict(_rows(output["value"], about, ""))
        if not rows:
            unused.append(name)
        elif about.base not in groups:
            groups[about.base] = rows
        elif groups[about.base].keys() != rows.keys():
            what = f"output {name} has {len(rows)} addresses, and the one for their other addresses has {len(groups[about.base])}"
            raise source.wrong(what, hint="both have to have the same machines in the same order")
        else:
            groups[about.base] = {key: _joined(row, groups[about.base][key]) for key, row in rows.items()}
    machines = [machine for base, rows in groups.items() for machine in _machines(base, rows)]
    if not machines:
        raise source.wrong(
            "has no output with addresses", hint='write an output such as: output "servers" { value = aws_instance.server[*].public_ip }'
        )
    notes = (f"these outputs are left out, being sensitive or no addresses: {', '.join(unused)}",) if unused else ()
    return ImportedMachines(tuple(_each_once(machines)), notes=notes)


def _is_output(value: Json) -> bool:
    return isinstance(value, dict) and "value" in value and ("type" in value or "sensitive" in value)


def _told(name: str) -> _Output:
    words = re.split(r"[_-]", name)
    base = "_".join(word for word in words if word.lower() not in PUBLIC | PRIVATE | ADDRESS)
    lowered = {word.lower() for word in words}
    return _Output(name, base, bool(lowered & PRIVATE), bool(lowered & ADDRESS))


def _rows(value: Json, about: _Output, key: str) -> list[tuple[str, _Row]]:
    """Return what a value says, by the keys and indices that lead to it."""
    if isinstance(value, str):
        if not (_is_ip(value) or (about.is_address and "." in value and _HOST.fullmatch(value))):
            return []
        return [(key, _Row(None, value) if about.is_private else _Row(value))]
    if isinstance(value, dict) and (row := _object(value)):
        return [(key, row)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for part, each in items for found in _rows(each, about, f"{key}-{part}" if key else str(part))]


def _object(value: Mapping[str, Json]) -> _Row | None:
    """Return what an object says that has addresses under well-known keys."""

    def first(keys: tuple[str, ...]) -> str | None:
        return next((value[key] for key in keys if isinstance(value.get(key), str) and _HOST.fullmatch(value[key])), None)

    external, internal = first(EXTERNAL_KEYS), first(INTERNAL_KEYS)
    return _Row(external, internal, first(NAME_KEYS), first(USER_KEYS)) if external or internal else None


def _joined(one: _Row, other: _Row) -> _Row:
    return _Row(*(mine or theirs for mine, theirs in zip(one, other, strict=True)))


def _machines(base: str, rows: Mapping[str, _Row]) -> list[ImportedMachine]:
    alone = list(rows) == [""]
    found = []
    for key, row in rows.items():
        name = row.name or (f"{base or 'm'}{'-' * bool(base)}{key}" if key.replace("-", "").isdigit() else key) or base or "m"
        external = row.external or row.internal or ""
        internal = row.internal if row.internal != external else None
        found.append(ImportedMachine(name, external, internal, () if alone or not base else (base,), row.username))
    return found


def _each_once(machines: list[ImportedMachine]) -> list[ImportedMachine]:
    """Return the machines, of those with the same address the first, with the classes of all."""
    found: dict[str, ImportedMachine] = {}
    for machine in machines:
        first = found.get(machine.external_addr, machine)
        classes = tuple(dict.fromkeys((*first.classes, *machine.classes)))
        found[machine.external_addr] = ImportedMachine(first.name, first.external_addr, first.internal_addr, classes, first.username)
    return list(found.values())


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


TERRAFORM = Importer("terraform", "outputs as `terraform output -json` prints them", recognises, read)

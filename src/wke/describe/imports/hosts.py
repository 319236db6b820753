"""/etc/hosts: an address and its names per line. Loopback, multicast and other addresses that are no machine are left out."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, lines


def recognises(text: str) -> bool:
    """Return whether each line is an address with names."""
    found = [line.split() for _, line in lines(text)]
    return bool(found) and all(len(words) > 1 and _address(words[0]) is not None for words in found)


def read(source: ImportSource) -> ImportedMachines:
    """Return a machine for each address, called by the first of its names; of two addresses of a name, the first counts."""
    names: dict[str, tuple[list[str], int]] = {}
    for number, line in lines(source.text):
        first, *rest = line.split()
        address = _address(first)
        if address is None or not rest:
            raise source.wrong(f"{line} is not an address with names", number, "a line is 10.0.0.1 server1")
        if not _is_special(address):
            names.setdefault(first, ([], number))[0].extend(rest)
    machines: dict[str, ImportedMachine] = {}
    others: list[str] = []
    for address_text, (found, number) in names.items():
        name, *aliases = dict.fromkeys(found)
        if name in machines:
            others.append(f"{name}: its second address {address_text} is left out")
            continue
        about = f"also called {', '.join(aliases)}" if aliases else ""
        machines[name] = ImportedMachine(name, address_text, about=about, line=number)
    if not machines:
        raise source.wrong("names no machine: all addresses are of this computer, or of none", hint="a line is 10.0.0.1 server1")
    return ImportedMachines(tuple(machines.values()), notes=tuple(others))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    broadcast = str(address) == "255.255.255.255"
    unusual = address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local
    return broadcast or unusual or str(address) in {"fe00::", "ff00::"}


HOSTS = Importer("hosts", "/etc/hosts", recognises, read)

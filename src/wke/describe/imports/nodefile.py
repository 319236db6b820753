"""Node files of OAR (Grid'5000) and PBS: a host per line, as often as it has cores in the job."""

import re

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, lines

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:]+")


def recognises(text: str) -> bool:
    """Return whether each line is one host."""
    found = lines(text)
    return bool(found) and all(_HOST.fullmatch(line) for _, line in found)


def read(source: ImportSource) -> ImportedMachines:
    """Return the hosts in the order of the file, each once."""
    hosts: dict[str, int] = {}
    for number, line in lines(source.text):
        if not _HOST.fullmatch(line):
            raise source.wrong(f"{line} is not the name of a host", number, "a node file has one host per line")
        hosts.setdefault(line, number)
    if not hosts:
        raise source.wrong("names no host", hint="a node file has one host per line, as $OAR_NODEFILE has")
    return ImportedMachines(tuple(ImportedMachine(host, host, line=number) for host, number in hosts.items()))


NODE_FILE = Importer("node-file", "node file of OAR, Grid'5000 or PBS", recognises, read)

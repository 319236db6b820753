"""Host lists of Slurm and ClusterShell: `node[01-04,07],gpu1`, with steps (`node[0-8/2]`), several brackets, and operators between sets.

`,` or a new line adds machines, `!` removes some, `&` keeps those in both, `^` those in one of the two, from left to right.
"""

import re
from collections.abc import Iterator

from wke.describe.cluster.folding import unfold
from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, lines

_PART = re.compile(r"(?P<operator>[\s,!&^]*)(?P<name>(?:[^\s,!&^\[\]]|\[[^\[\]]*\])+)")
_PADDED = re.compile(r"(?<![0-9])(?P<first>[0-9]+)-(?P<last>0[0-9]*)")
_LINE = re.compile(r"[\w.-](?:[\w.,!&^@*/-]|\[[0-9,/ -]+\])*")
_EXAMPLE = "a list is node[01-04,07],gpu1"


def recognises(text: str) -> bool:
    """Return whether each line is one list, and one of them has brackets or several names."""
    found = [re.sub(r"\s*([,!&^])\s*", r"\1", line) for _, line in lines(text)]
    return all(_LINE.fullmatch(line) for line in found) and any(re.search(r"[\[,]", line) for line in found)


def read(source: ImportSource) -> ImportedMachines:
    """Return the machines in the order in which the list names them first; their names are their addresses."""
    found: dict[str, int] = {}
    for number, line in lines(source.text):
        for operator, text in _parts(source, number, line):
            found = _combined(found, operator, dict.fromkeys(_unfolded(source, number, text), number))
    if not found:
        raise source.wrong("names no machine", hint=_EXAMPLE)
    return ImportedMachines(tuple(ImportedMachine(name, name, line=number) for name, number in found.items()))


def _combined(found: dict[str, int], operator: str, names: dict[str, int]) -> dict[str, int]:
    """Return what an operator makes of two sets of names, each with its line."""
    if operator == "!":
        return {name: at for name, at in found.items() if name not in names}
    if operator == "&":
        return {name: at for name, at in found.items() if name in names}
    both = found.keys() & names.keys() if operator == "^" else set[str]()
    united = found | {name: at for name, at in names.items() if name not in found}
    return {name: at for name, at in united.items() if name not in both}


def _parts(source: ImportSource, number: int, line: str) -> Iterator[tuple[str, str]]:
    """Yield the names between operators, folded, each with the operator before it."""
    at = 0
    while at < len(line):
        match = _PART.match(line, at)
        operator = re.sub(r"\s", "", match["operator"]) if match else ""
        if match is None or len(operator) > 1:
            raise source.wrong(f"{line[at:]} is not a list of hosts", number, _EXAMPLE)
        yield operator, match["name"]
        at = match.end()


def _unfolded(source: ImportSource, number: int, text: str) -> tuple[str, ...]:
    if text.startswith("@") or "*" in text:
        raise source.wrong(f"{text} is a group or a pattern of ClusterShell", number, f"import what `nodeset -f {text}` prints")
    for padded in _PADDED.finditer(text):
        if len(padded["first"]) != len(padded["last"]):
            raise source.wrong(f"{padded[0]} in {text} has ends of different widths", number, "write 001-010, or 1-10")
    try:
        names = unfold(re.sub(r"\s", "", text))
    except ValueError as error:
        raise source.wrong(str(error), number, "a range is 1-8, or 0-8/2 with a step") from None
    if "[" in names[0]:
        raise source.wrong(f"{text} has brackets without numbers", number, "a range is [1-8], or [0-8/2] with a step")
    return names


HOST_LIST = Importer("host-list", "host list of Slurm or ClusterShell", recognises, read)

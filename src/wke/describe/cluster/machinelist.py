"""The list of machines that a program prints which made them: a line for each, or JSON.

    # comment
    NAME ADDRESS
    NAME ADDRESS CLASS
    NAME ADDRESS internal-addr=10.0.0.1 ssh-port=2222 username=me class=servers

JSON is what [machines] of a cluster file may say: {"NAME": "ADDRESS", "NAME": {"external-addr": "ADDRESS", ...}}, or a list of such
objects, each with its "name".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.cluster.clusterfile import ListedMachine, MachineEntry
from wke.describe.toml.shape import Reader
from wke.describe.toml.tables import key_text
from wke.describe.toml.wording import counted, quoted, shortened
from wke.documents import Json
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.values import dataclass

FORM = "write NAME ADDRESS [CLASS] [KEY=VALUE...], or JSON"
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Listed:
    """A machine of the list: its name, what is said of it, and where."""

    name: str
    facts: Json
    where: Location


def read_machine_list(text: str, cluster: ClusterSpec, source: str) -> dict[str, MachineSpec]:
    """Return the machines of the cluster, by name, with the addresses that the list `text` gives them; `source` is who printed it.

    Raises InputError with every line that makes no sense, for machines that the cluster file does not have, and for those that are missing.
    """
    problems: list[Problem] = []
    is_json = text.lstrip()[:1] in {"{", "["}
    listed = list((_json if is_json else _lines)(text, source, problems))
    known = {machine.name: machine for machine in cluster.machines}
    found: dict[str, MachineSpec] = {}
    for one in listed:
        if one.name not in known:
            hint = f"{did_you_mean(one.name, known)}; the cluster file names the machines in [machines] or by their number"
            problems.append(Problem(f"lists {quoted(one.name)}, which is no machine of the cluster", one.where, hint))
        elif one.name in found:
            problems.append(Problem(f"lists {quoted(one.name)} twice", one.where))
        else:
            found[one.name] = _machine(known[one.name], one, problems)
    missing = [name for name in known if name not in found]
    if missing and not problems:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        lacks = f"{', '.join(missing[:MOST_NAMED])}{more} {'is' if len(missing) == 1 else 'are'} missing"
        what = f"lists {counted(len(listed), 'machine')}; {lacks}"
        problems.append(Problem(what, Location(source), FORM))
    if problems:
        raise InputError(*problems)
    return found


def _lines(text: str, source: str, problems: list[Problem]) -> Iterator[_Listed]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = Location(source, number)
        facts = _facts(words[2:])
        if len(words) < 2 or facts is None:
            problems.append(Problem(f"makes no sense: {shortened(line)}", where, FORM))
        else:
            yield _Listed(words[0], {"external-addr": words[1], **facts}, where)


def _facts(words: Sequence[str]) -> dict[str, Json] | None:
    """Return what follows the address, None if it makes no sense."""
    facts: dict[str, Json] = {}
    for number, word in enumerate(words):
        key, equals, value = word.partition("=")
        if not equals and number == 0:
            key, value = "class", word
        elif not equals or not value or key in facts:
            return None
        facts[key] = int(value) if key == "ssh-port" and value.isascii() and value.isdigit() else value
    return facts


def _json(text: str, source: str, problems: list[Problem]) -> Iterator[_Listed]:
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        shown = text.splitlines()[line - 1] if text.splitlines() else ""
        problems.append(Problem(f"is not JSON: {error}: {shortened(shown)}", Location(source, line), FORM))
        return
    if isinstance(data, dict):
        yield from (_Listed(name, facts, Location(source, key=key_text([name]))) for name, facts in data.items())
        return
    for number, one in enumerate(data):
        where = Location(source, key=key_text([number]))
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield _Listed(one["name"], {key: value for key, value in one.items() if key != "name"}, where)
        else:
            problems.append(
                Problem(f"makes no sense: {shortened(json.dumps(one))}", where, 'an element is {"name": NAME, "external-addr": ADDRESS}')
            )


def _key(key: str) -> str:
    return "external-addr" if key == "address" else key


def _machine(machine: MachineSpec, listed: _Listed, problems: list[Problem]) -> MachineSpec:
    """Return a machine of the cluster with what the list says of it."""
    reader = Reader()
    facts = {_key(key): value for key, value in listed.facts.items()} if isinstance(listed.facts, dict) else listed.facts
    value = reader.table(ListedMachine, {"machine": facts})
    for mistake in reader.mistakes:
        key = key_text(mistake.key[1:])
        problems.append(Problem(f"{quoted(listed.name)}{f', {key}' if key else ''}: {mistake.what}", listed.where, mistake.hint))
    if value is None or reader.mistakes:
        return machine
    entry: MachineEntry = value.machine
    if not entry.external_addr:
        problems.append(Problem(f"gives no address of {quoted(listed.name)}", listed.where, FORM))
        return machine
    for name in entry.class_:
        if name not in machine.classes:
            has = f"is in {', '.join(machine.classes)}" if machine.classes else "is in no class"
            hint = "correct one of the two: experiments are planned by the classes of the cluster file"
            problems.append(
                Problem(f"puts {quoted(machine.name)} into class {quoted(name)}; in the cluster file it {has}", listed.where, hint)
            )
    given: Mapping[str, Any] = {"ssh_port": entry.ssh_port, "username": entry.username, "python": entry.python}
    return replace(
        machine,
        external_addr=entry.external_addr,
        internal_addr=entry.internal_addr or entry.external_addr,
        **{name: value for name, value in given.items() if value is not None},
    )

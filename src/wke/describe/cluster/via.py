"""`via`: machines that are reached through an argument list of the user's instead of ssh.

Whatever joins its standard input and output to a program on a machine will do. The list is never given to a shell here.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from wke.describe.cluster.clusterfile import ClusterFile, ViaEntry
from wke.describe.cluster.drafts import Draft
from wke.describe.cluster.presets import FACTS, PRESETS, Part, Preset
from wke.describe.cluster.selector import Grouped, N, select
from wke.describe.toml.shape import FlawError, Key
from wke.describe.toml.tables import TomlTable
from wke.describe.toml.wording import quoted, shown
from wke.errors import InputError, Problem, did_you_mean
from wke.values import dataclass

MOST_NAMED = 4
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
LASTS = (
    "what runs on them lasts through a lost connection (lease, --detach) only if it goes on without the pipe, as with `docker exec` and"
    " unlike `docker run`; otherwise the trial runs again"
)


@dataclass(frozen=True, slots=True)
class ViaSpec:
    """How a program is started on machines: `words`, in which `{name}` and other facts of the machine stand for their values.

    `terminal` are the words for a person's shell. If it `is_quoted`, the program is appended as one word for a shell at the far end. With
    `shares_disk` the machines write to this computer's disk. `lacks` is what these machines do not have, "" for nothing.
    """

    words: tuple[str, ...]
    terminal: tuple[str, ...]
    is_quoted: bool = False
    shares_disk: bool = False
    lacks: str = ""

    def names(self, fact: str) -> bool:
        """Tell whether a fact of the machine is part of the list."""
        return any(fact in placeholders(word) for word in self.words)

    def filled(self, facts: Mapping[str, str], *, terminal: bool = False) -> tuple[str, ...]:
        """Return the argument list of the machine that has these facts."""
        return tuple(_filled(word, facts.__getitem__) for word in (self.terminal if terminal else self.words))


def placeholders(word: str) -> tuple[str, ...]:
    """Return the names of a word's placeholders; raise FlawError for a brace that belongs to none."""
    names = []
    for found in _PLACEHOLDER.finditer(word):
        if found[0] in {"{", "}"}:
            raise FlawError(f"{quoted(word)} has a brace without its other one", "a brace that stands for itself is doubled: {{ or }}")
        if found[1] is not None:
            names.append(found[1])
    return tuple(names)


Facts = Mapping[str, str]


def read_via(
    table: TomlTable[ClusterFile], cluster: Grouped[N], drafts: Sequence[Draft], facts: Mapping[str, Facts], problems: list[Problem]
) -> dict[str, ViaSpec]:
    """Return how each machine is reached that is not reached by ssh: as the last selector of [via] says, else as [cluster] via says.

    `facts` has what is known of each machine, by its name.
    """
    found: dict[str, tuple[ViaSpec, Key]] = {}
    entries: list[tuple[Key, str, ViaEntry]] = [(("via", selector), selector, entry) for selector, entry in table.value.via.items()]
    if table.value.cluster.via is not None:
        entries.insert(0, (("cluster", "via"), "all", table.value.cluster.via))
    for key, selector, entry in entries:
        via = _spec(table, key, entry, problems)
        try:
            machines = select(cluster, selector)
        except InputError as error:
            problems += [replace(problem, where=table.at(*key)) for problem in error.problems]
            continue
        found |= {machine.name: (via, key) for machine in machines if via is not None}
    problems += dict.fromkeys(_lacking_facts(table, found, facts))
    problems += dict.fromkeys(_idle_keys(table, {name: via for name, (via, _) in found.items()}, drafts))
    return {name: via for name, (via, _) in found.items()}


def _lacking_facts(
    table: TomlTable[ClusterFile], found: Mapping[str, tuple[ViaSpec, Key]], facts: Mapping[str, Facts]
) -> Iterator[Problem]:
    told: set[tuple[Key, str]] = set()
    for name, (via, key) in found.items():
        for fact in FACTS:
            if via.names(fact) and fact not in facts[name] and (key, fact) not in told:
                told.add((key, fact))
                yield Problem(
                    f"{{{fact}}} stands for nothing: machine {name} has no {fact}", table.at(*key), f"give it in [machines]: {fact}"
                )


def _idle_keys(table: TomlTable[ClusterFile], found: Mapping[str, ViaSpec], drafts: Sequence[Draft]) -> Iterator[Problem]:
    """Yield the keys of machines that would have no effect."""
    for draft in drafts:
        via = found.get(draft.name)
        if via is not None and draft.entry.ssh_port is not None:
            yield Problem("is for ssh, and this machine is reached via something else", table.at(*draft.key, "ssh-port"), "remove it")
        if via is not None and draft.entry.username is not None and not via.names("username"):
            hint = "remove it; a user is a setting of the preset, or {username} in the list"
            yield Problem("has no effect: via does not use it", table.at(*draft.key, "username"), hint)


def what_lacks(found: Mapping[str, ViaSpec], facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """Return what machines that are not reached by ssh cannot do, in sentences."""
    ways: dict[ViaSpec, list[str]] = {}
    for name, via in found.items():
        ways.setdefault(via, []).append(name)
    said: list[str] = []
    for via, names in ways.items():
        who = f"{_several(names)} (via {via.words[0]})"
        said += [f"{who}: {via.lacks}"] if via.lacks else []
        if unknown := [name for name in names if "internal-addr" not in facts[name]]:
            said.append(f"{_several(unknown)} (via {via.words[0]}): wke knows no address; give internal-addr where a script needs one")
    return tuple(said)


def _several(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more"


def _spec(table: TomlTable[ClusterFile], key: Key, entry: ViaEntry, problems: list[Problem]) -> ViaSpec | None:
    """Return what an entry says, None if it has mistakes."""
    own = len(problems)
    preset = _preset(table, key, entry, problems)
    if len(problems) > own:
        return None
    words = entry.command or () if preset is None else _words(preset, {name: str(value) for name, value in entry.others.items()})
    for index, word in enumerate(words):
        where = (
            table.at(*key) if preset is not None else table.at(*key, *(("command",) if (*key, "command") in table.positions else ()), index)
        )
        try:
            unknown = [name for name in placeholders(word) if name not in FACTS]
        except FlawError as error:
            problems.append(Problem(str(error), where, error.hint))
        else:
            problems += [Problem(f"{{{name}}} is no fact of a machine", where, did_you_mean(name, FACTS)) for name in unknown]
    if len(problems) > own:
        return None
    if preset is None:
        return ViaSpec(words, words, entry.quoted, lacks=LASTS)
    terminal = tuple(preset.terminal.get(word, word) for word in words)
    return ViaSpec(words, terminal, shares_disk=preset.shares_disk, lacks=preset.lacks)


def _preset(table: TomlTable[ClusterFile], key: Key, entry: ViaEntry, problems: list[Problem]) -> Preset | None:
    """Return the preset that an entry names, None for none; add to `problems` what is wrong with its name and settings."""
    if entry.preset is None:
        problems += [Problem("is a setting of no preset", table.at(*key, name), "command has no settings") for name in entry.others]
        return None
    if entry.preset not in PRESETS:
        hint = did_you_mean(entry.preset, PRESETS)
        what = f"there is no preset {quoted(entry.preset)}"
        problems.append(Problem(what, table.at(*key), f'{hint}; any other way is a list: via = ["PROGRAM", "{{name}}"]'))
        return None
    preset = PRESETS[entry.preset]
    known = settings_of_preset(preset)
    for name, value in entry.others.items():
        if name not in known:
            problems.append(
                Problem(f'preset "{entry.preset}" has no setting {quoted(name)}', table.at(*key, name), did_you_mean(name, known))
            )
        elif isinstance(value, bool) or not isinstance(value, str | int) or not str(value) or "\0" in str(value):
            problems.append(Problem(f"must be a text, not {shown(value)}", table.at(*key, name)))
    if preset.needs and not set(preset.needs) & entry.others.keys():
        *first, last = preset.needs
        hint = f'for example {{ preset = "{entry.preset}", {last} = "/run/netns/{{name}}" }}'
        problems.append(Problem(f'preset "{entry.preset}" needs {", ".join(first)} or {last}', table.at(*key), hint))
    return preset


def settings_of_preset(preset: Preset) -> tuple[str, ...]:
    """Return the settings of a preset, in the order in which its words name them."""
    words = [word for part in preset.words for word in _listed(part)]
    return tuple(dict.fromkeys(name for word in words for name in placeholders(word) if name not in FACTS))


def _words(preset: Preset, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of a preset with its settings in them; only facts of the machine are left to fill in."""
    known = {**preset.defaults, **settings}
    parts = [part for part in preset.words if isinstance(part, str) or all(n in known for word in part for n in placeholders(word))]
    return tuple(_filled(word, lambda name: known.get(name, f"{{{name}}}"), keeps_braces=True) for part in parts for word in _listed(part))


def _listed(part: Part) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part


def _filled(word: str, value: Callable[[str], str], *, keeps_braces: bool = False) -> str:
    """Return a word with its placeholders replaced."""

    def one(found: "re.Match[str]") -> str:
        if found[1] is not None:
            return value(found[1])
        return found[0] if keeps_braces else found[0][0]

    return _PLACEHOLDER.sub(one, word)

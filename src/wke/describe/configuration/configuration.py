"""A configuration: the folder of targets and preludes for one project, with what it inherits."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path

import wke.errors
from wke.describe.configuration.configfile import ConfigurationFile, OptionEntry
from wke.describe.configuration.copies import COPY_DATA
from wke.describe.configuration.habits import unexpanded, wants_agent
from wke.describe.configuration.macros import check_macros, is_macro
from wke.describe.configuration.optionvalue import Scalar, as_text, converted, type_of
from wke.describe.configuration.secret import Secret, secret_of, secret_variable
from wke.describe.toml.limits import MOST_NESTED
from wke.describe.toml.shape import Key
from wke.describe.toml.tables import TomlTable, key_text, read
from wke.describe.toml.userfile import content, is_file, is_folder
from wke.describe.toml.wording import counted, quoted, shown
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.values import dataclass

RESERVED_NAMES = ("all", "help", COPY_DATA)
BUILT_IN_TARGETS = Path(wke.errors.__file__).parent / "targets"
NO_DESCRIPTION = "No description"
MOST_UNKNOWN = 20


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """A value that a target takes. `default` None means no default; empty `choices` allow every value of the type."""

    name: str
    default: Scalar | None = None
    required: bool = False
    choices: tuple[Scalar, ...] = ()
    value_type: str = "any"
    about: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Prelude:
    """Shell lines that run before a target, in its shell."""

    name: str
    about: str
    content: bytes


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A script and its options. `content` is None if the script is missing: such a target can be shown but not run."""

    name: str
    about: str
    options: tuple[OptionSpec, ...] = ()
    content: bytes | None = None
    path: Path | None = None
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class ConfigurationSpec:
    """Everything that a config.toml and the files that it inherits from define.

    `path` is that file, `parents` are the inherited configurations, nearest first. `warnings` are missing scripts and old spellings.
    `versions` are the commands that print versions of software.
    """

    name: str
    path: Path
    targets: Mapping[str, TargetSpec]
    preludes: Mapping[str, Prelude]
    default_prelude: str | None = None
    required_packages: tuple[str, ...] = ()
    required_repositories: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    parents: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def read_configuration(name: str, base: Path) -> ConfigurationSpec:
    """Read the configuration in the folder `name` of `base`; raise InputError with all its mistakes and those of its parents."""
    name = name.rstrip("/") or name
    return _read(name, base / name, trail=(Path(name).name,))


def bind_options(
    target: TargetSpec, values: Mapping[str, object], at: Callable[..., Location | None] = lambda *_: None
) -> tuple[tuple[str, str | Secret], ...]:
    """Return every option of a target with the text that its script gets, in the order of the definition.

    Values are converted to the option's type first, then to text with Python's `str`, which scripts for wke 0.1 expect (`True`, not
    `true`). An option without value or default is the empty text. Macros are checked here and replaced later. Raise InputError with
    every unknown option, missing option, and value of the wrong type or not among the choices; `at` returns where an option is given.
    """
    problems = list(_unknown_options(target, values, at))
    bound: list[tuple[str, str | Secret]] = []
    for option in target.options:
        needs_value = option.required and not (option.secret and secret_variable(option.name) in os.environ)
        if option.name not in values and needs_value:
            named = f" or set {secret_variable(option.name)}" if option.secret else ""
            choices = f"; one of {_listed(option.choices)}" if option.choices else ""
            problems.append(Problem(f'target "{target.name}" needs option "{option.name}"', at(), f"give it a value{choices}{named}"))
            continue
        try:
            value = _value(option, values)
        except InputError as error:
            what, where = f'target "{target.name}", option "{option.name}": ', at(option.name)
            problems += [replace(problem, what=what + problem.what, where=where) for problem in error.problems]
        else:
            bound.append((option.name, value if isinstance(value, Secret) else as_text(value)))
    if problems:
        raise InputError(*problems)
    return tuple(bound)


def _unknown_options(target: TargetSpec, values: Mapping[str, object], at: Callable[..., Location | None]) -> Iterator[Problem]:
    """Yield the options that a target does not have, those after the first ones as one problem."""
    names = {option.name: None for option in target.options}
    unknown = [name for name in values if name not in names]
    for name in unknown[:MOST_UNKNOWN]:
        yield Problem(f'target "{target.name}" has no option "{name}"', at(name), did_you_mean(name, names))
    if len(unknown) > MOST_UNKNOWN:
        more = counted(len(unknown) - MOST_UNKNOWN, "more option")
        yield Problem(f'target "{target.name}" has none of {more} either', at())


def _value(option: OptionSpec, values: Mapping[str, object]) -> Scalar | Secret | None:
    if option.secret:
        return secret_of(option.name, values.get(option.name))
    return _bound(option, values[option.name]) if option.name in values else option.default


def _bound(option: OptionSpec, value: object) -> Scalar:
    """Return a given value converted to an option's type; a macro fits every type."""
    if isinstance(value, str) and is_macro(value):
        check_macros(value)
        return value
    try:
        result = converted(value, option.value_type)
    except ValueError as error:
        raise InputError(str(error)) from None
    if "\0" in as_text(result):
        raise InputError("must not contain a NUL character: arguments of programs cannot")
    if option.choices and as_text(result) not in map(as_text, option.choices):
        raise InputError(f"must be one of {_listed(option.choices)}, not {shown(value)}")
    return result


def _listed(values: tuple[Scalar, ...]) -> str:
    return ", ".join(quoted(value) if isinstance(value, str) else as_text(value) for value in values)


def _read(name: str, folder: Path, trail: tuple[str, ...]) -> ConfigurationSpec:
    """Read one configuration of a chain of parents; `trail` has the names so far, this one last."""
    if not is_folder(folder):
        others = sorted(path.parent.name for path in folder.parent.glob("*/config.toml")) if is_folder(folder.parent) else []
        hint = did_you_mean(folder.name, others) if others else f"{folder.parent} has no folder with a config.toml"
        raise InputError(f'there is no configuration "{name}": {folder} is not a folder', hint=hint)

    def build(table: TomlTable[ConfigurationFile], problems: list[Problem]) -> ConfigurationSpec:
        parent = _parent(table, folder, trail, problems)
        targets = {name: target for name, target in parent.targets.items() if not target.builtin} if parent else {}
        targets |= _targets(table, folder, targets, problems)
        if "install-packages" not in targets:
            targets["install-packages"] = _install_packages()
        preludes = dict(parent.preludes) if parent else {}
        preludes |= _preludes(table, folder, preludes, problems)
        config, ubuntu = table.value.config, table.value.ubuntu
        if config.default_prelude is not None and config.default_prelude not in preludes:
            problems.append(_no_default_prelude(table, config.default_prelude, preludes))
        inherited = parent or ConfigurationSpec(name, table.path, {}, {})
        return ConfigurationSpec(
            name=name,
            path=table.path,
            targets=targets,
            preludes=preludes,
            default_prelude=inherited.default_prelude if config.default_prelude is None else config.default_prelude,
            required_packages=_or(ubuntu.required_packages, inherited.required_packages),
            required_repositories=_or(ubuntu.required_repositories, inherited.required_repositories),
            warnings=tuple(_warnings(table, inherited, targets, preludes)),
            parents=(parent.name, *parent.parents) if parent else (),
            versions={**inherited.versions, **config.versions},
        )

    return read(folder / "config.toml", ConfigurationFile, build)


def _or(own: tuple[str, ...] | None, inherited: tuple[str, ...]) -> tuple[str, ...]:
    return inherited if own is None else own


def _parent(table: TomlTable[ConfigurationFile], folder: Path, trail: tuple[str, ...], problems: list[Problem]) -> ConfigurationSpec | None:
    """Read the configuration that this one inherits from; return None if there is none or it is wrong."""
    name = table.value.config.inherits
    if name is None:
        return None
    where = table.at("config", "inherits")
    if "/" in name or name in {".", ".."}:
        problems.append(Problem(f"must be the name of a sibling folder, not {quoted(name)}", where))
    elif len(trail) > MOST_NESTED:
        problems.append(Problem(f"inherits from more than {MOST_NESTED} configurations in a row", where, "inherit from one of the first"))
    elif name in trail:
        circle = " -> ".join((*trail[trail.index(name) :], name))
        problems.append(Problem(f"inherits in a circle: {circle}", where, "remove inherits from one of them"))
    else:
        try:
            return _read(name, folder.parent / name, (*trail, name))
        except InputError as error:
            problems += [problem if problem.where else replace(problem, where=where) for problem in error.problems]
    return None


def _targets(
    table: TomlTable[ConfigurationFile], folder: Path, inherited: Mapping[str, TargetSpec], problems: list[Problem]
) -> Iterator[tuple[str, TargetSpec]]:
    """Yield the targets of this file; each takes missing parts from the inherited target of the same name."""
    for name, entry in table.value.targets.items():
        problems += _name_problems(name, "target", table.at("targets", name))
        old = inherited.get(name, TargetSpec(name, NO_DESCRIPTION))
        options = tuple(_options(table, name, entry.options, problems)) if entry.options is not None else old.options
        script = _script(folder, "targets", name)
        text = _content(script, problems) if script else old.content
        yield name, TargetSpec(name, entry.about or old.about, options, text, script or old.path)


def _preludes(
    table: TomlTable[ConfigurationFile], folder: Path, inherited: Mapping[str, Prelude], problems: list[Problem]
) -> Iterator[tuple[str, Prelude]]:
    """Yield the preludes of this file that have a script, their own or an inherited one."""
    for name, entry in table.value.preludes.items():
        problems += _name_problems(name, "prelude", table.at("preludes", name))
        old = inherited.get(name)
        script = _script(folder, "preludes", name)
        text = _content(script, problems) if script else old.content if old else None
        if text is not None:
            yield name, Prelude(name, entry.about or (old.about if old else NO_DESCRIPTION), text)


def _warnings(
    table: TomlTable[ConfigurationFile], inherited: ConfigurationSpec, targets: Mapping[str, TargetSpec], preludes: Mapping[str, Prelude]
) -> Iterator[Problem]:
    """Yield missing scripts, which matter only when they are run; inherited ones only if this file defines them again."""
    own = [("targets", name) for name in table.value.targets] + [("preludes", name) for name in table.value.preludes]
    yield from table.old_spellings
    yield from _habits(table, targets)
    redefined = {key_text(key) for key in own}
    yield from (warning for warning in inherited.warnings if not (warning.where and warning.where.key in redefined))
    for kind, name in own:
        missing = targets[name].content is None if kind == "targets" else name not in preludes
        if missing:
            alternative = f" or targets/{_python_name(name)}" if kind == "targets" else ""
            yield Problem("has no script", table.at(kind, name), f"write {table.path.parent / kind / name}{alternative}")


def _habits(table: TomlTable[ConfigurationFile], targets: Mapping[str, TargetSpec]) -> Iterator[Problem]:
    """Find defaults and scripts that worked in another way in wke 0.1."""
    for name, target in table.value.targets.items():
        for index, option in enumerate(target.options or ()):
            if found := unexpanded(option.default):
                yield Problem(found[0], table.at("targets", name, "options", index, "default"), found[1])
        if wants_agent(targets[name].content):
            hint = "if it does, set forward-agent = true in [cluster] of cluster.toml"
            yield Problem("its script seems to need your ssh agent, which wke 0.1 forwarded", table.at("targets", name), hint)


def _no_default_prelude(table: TomlTable[ConfigurationFile], name: str, preludes: Mapping[str, Prelude]) -> Problem:
    where = table.at("config", "default-prelude")
    if name in table.value.preludes:
        return Problem(f'prelude "{name}" has no script', where, f"write {table.path.parent / 'preludes' / name}")
    return Problem(f'there is no prelude "{name}"', where, did_you_mean(name, preludes))


def _name_problems(name: str, noun: str, where: Location) -> Iterator[Problem]:
    if name in RESERVED_NAMES:
        yield Problem(f'"{name}" is reserved and cannot be the name of a {noun}', where, "choose another name")
    elif not name or "/" in name or "\0" in name or name in {".", ".."} or set(name) & set(",+"):
        yield Problem(f"{quoted(name)} cannot be the name of a {noun}", where, "names are file names without , and +")


def _script(folder: Path, kind: str, name: str) -> Path | None:
    """Return the script of a target or prelude, None if there is none."""
    names = [name, _python_name(name)] if kind == "targets" else [name]
    candidates = [folder / kind / each for each in names if each and "\0" not in each]
    return next((path for path in candidates if is_file(path)), None)


def _python_name(name: str) -> str:
    return name.lower().replace("-", "_") + ".py"


def _content(script: Path, problems: list[Problem]) -> bytes | None:
    try:
        return content(script)
    except InputError as error:
        problems += error.problems
        return None


def _install_packages() -> TargetSpec:
    script = BUILT_IN_TARGETS / "install-packages"
    return TargetSpec(script.name, "Install the required debian packages", (), script.read_bytes(), script, builtin=True)


def _options(
    table: TomlTable[ConfigurationFile], target: str, entries: tuple[OptionEntry, ...], problems: list[Problem]
) -> Iterator[OptionSpec]:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        key: Key = ("targets", target, "options", index)
        if entry.name in seen:
            problems.append(Problem(f'option "{entry.name}" is defined twice', table.at(*key), "remove or rename one of the two"))
        if "=" in entry.name or "\0" in entry.name:
            problems.append(Problem(f"{quoted(entry.name)} cannot be the name of an option", table.at(*key), "leave out the equals sign"))
        seen.add(entry.name)
        yield _option(table, key, entry, problems)


def _option(table: TomlTable[ConfigurationFile], key: Key, entry: OptionEntry, problems: list[Problem]) -> OptionSpec:
    has_default = "default" in entry.given
    option = OptionSpec(
        name=entry.name,
        required=not has_default if entry.required is None else entry.required,
        value_type=entry.type or ("any" if (*key[:2], "arguments") in table.positions else _implied_type(entry)),
        about=entry.about or "",
        secret=entry.secret,
    )
    for given, name in ((has_default, "default"), (entry.choices is not None, "choices")):
        if entry.secret and given:
            problems.append(
                Problem("is secret: its value must not be in this file", table.at(*key, name), f"set {secret_variable(entry.name)}")
            )
            return replace(option, required=True)
    choices: list[Scalar] = []
    for number, choice in enumerate(entry.choices or ()):
        try:
            choices.append(converted(choice, option.value_type))
        except ValueError as error:
            problems.append(Problem(str(error), table.at(*key, "choices", number), "choices are of the option's type"))
    if entry.choices == ():
        problems.append(Problem("must not be empty", table.at(*key, "choices"), "leave it out to allow every value"))
    option = replace(option, choices=tuple(choices))
    if not has_default:
        return option
    try:
        return replace(option, default=_bound(option, entry.default))
    except InputError as error:
        problems += [replace(problem, where=table.at(*key, "default")) for problem in error.problems]
        return option


def _implied_type(entry: OptionEntry) -> str:
    """Return the type of the default, else that of the choices if all have the same."""
    if "default" in entry.given:
        return type_of(entry.default)
    types = {type_of(choice) for choice in entry.choices or ()}
    return types.pop() if len(types) == 1 else "any"

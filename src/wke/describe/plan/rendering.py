"""Rendered configuration: the files of a `copy-data` step with `render = true`, filled in for each of its machines.

    ${wke:memory}                         a parameter
    ${wke:replicas + 1}                   a calculation
    ${wke:servers.internal-addr}          a fact of the cluster; several values are joined by ","
    ${wke:@NAME}                          a macro: what it means for the machine that gets the file
    ${wke:@GROUP_INDEX + 1}               a calculation with a macro
    ${wke:for servers: @INTERNAL:2380}    the text for each of these machines: a line each if it is alone on its line, else joined by ","
    $${wke:                               is ${wke: in the rendered file

Everything else stays as it is, so braces, dollar signs and percent signs of JSON, YAML, nginx or shell need no care. Values are written as
configuration files have them: true and false. A file that is not UTF-8 text is deployed as it is.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.cluster.selector import select
from wke.describe.configuration.copies import Copy, RenderedFile
from wke.describe.configuration.macros import MACROS, check_addresses, expand_macros
from wke.describe.configuration.optionvalue import as_text
from wke.describe.experiment.sweep import Point
from wke.describe.experiment.template import fill, parameters_of
from wke.describe.toml.userfile import content
from wke.describe.toml.wording import quoted
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.values import dataclass

MOST_BYTES = 1 << 20
MOST_FILES = 1000
_TOKEN = re.compile(r"\$(?P<literal>\$\{wke:)|\$\{wke:(?P<reference>[^{}\n]*)\}|(?P<open>\$\{wke:)")
_EACH = re.compile(r"for\s+(?P<selector>(?:[^:\[\]]|\[[^\]]*\])+):\s?(?P<text>.*)")
_MACRO = re.compile(r"@[A-Z_]+")
_LITERAL = "; $${wke: is a literal ${wke:"
_NUMBERS = ("@GROUP_INDEX", "@GROUP_SIZE")


def rendered(copy: Copy, machines: Sequence[MachineSpec], point: Point, cluster: ClusterSpec) -> Copy:
    """Return a copy with its files filled in; raise InputError with the file and the line of everything that cannot be."""
    problems: dict[Problem, None] = {}
    files: list[RenderedFile] = []
    for template in _templates(copy.source, copy.state):
        filler = _Filler(template, point, cluster, machines)
        path, contents = _path(copy, template.name), dict[bytes, list[str]]()
        for index, machine in enumerate(machines if template.differs else machines[:1]):
            names = [machine.name] if template.differs else [each.name for each in machines]
            contents.setdefault(filler.filled(machine, index), []).extend(names)
        problems.update(dict.fromkeys(filler.problems))
        files += [
            RenderedFile(path, tuple(names), template.mode, data, hashlib.sha256(data).hexdigest()) for data, names in contents.items()
        ]
    if problems:
        raise InputError(*problems)
    return replace(copy, rendered=tuple(files))


@dataclass(frozen=True, slots=True)
class _Template:
    """A file to fill in; its name is relative to the source, "" if it is the source. `text` is None for what is not text."""

    name: str
    file: str
    mode: int
    raw: bytes
    text: str | None

    @property
    def differs(self) -> bool:
        """Whether machines may get different files."""
        found = _TOKEN.finditer(self.text or "")
        return any("@" in (match["reference"] or "") and not _EACH.fullmatch(match["reference"].strip()) for match in found)


@lru_cache(maxsize=64)
def _templates(source: str, _: str) -> tuple[_Template, ...]:
    """Return the files of a source, in order; raise InputError for links and for what is too large."""
    try:
        files = sorted(_files(source))
        if len(files) > MOST_FILES:
            raise InputError(f"{source} has more than {MOST_FILES} files, and cannot be rendered", hint="copy the others in another step")
        return tuple(_template(source, file) for file in files)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}", hint="check its owner and mode") from None


def _files(source: str) -> Iterator[str]:
    if not Path(source).is_dir():
        yield source
        return
    for folder, folders, files in os.walk(source):
        for name in (*files, *(name for name in folders if Path(folder, name).is_symlink())):
            path = os.path.join(folder, name)  # noqa: PTH118 - "code/." is not "code"
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise InputError(f"{path} is no file, and cannot be rendered", hint="copy it in another step, without render")
            yield path


def _template(source: str, file: str) -> _Template:
    where, status = Location(file), os.stat(file)  # noqa: PTH116
    if status.st_size > MOST_BYTES:
        raise InputError(
            f"is larger than {MOST_BYTES >> 20} MiB, and cannot be rendered", where=where, hint="copy it in another step, without render"
        )
    raw = content(Path(file), where=where)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    name = "" if file == source else os.path.relpath(file, source)
    return _Template(name, file, stat.S_IMODE(status.st_mode), raw, text)


def _path(copy: Copy, name: str) -> str:
    """Return where a file lands: what the source becomes, or is put into if the destination ends with a slash."""
    destination = copy.destination
    if destination and not destination.endswith("/"):
        return "/".join(filter(None, (destination, name)))
    own = "" if copy.source.endswith("/.") else Path(copy.source).name
    return destination + "/".join(filter(None, (own, name)))


@dataclass(slots=True)
class _Filler:
    """Fills in one file, and collects what cannot be filled in."""

    template: _Template
    point: Point
    cluster: ClusterSpec
    machines: Sequence[MachineSpec]
    problems: list[Problem] = field(default_factory=list)

    def filled(self, machine: MachineSpec, index: int) -> bytes:
        """Return the file for a machine."""
        text = self.template.text
        if text is None:
            return self.template.raw
        pieces, at = list[str](), 0
        for match in _TOKEN.finditer(text):
            pieces += [text[at : match.start()], self._value(match, text, machine, index)]
            at = match.end()
        return "".join([*pieces, text[at:]]).encode()

    def _value(self, match: re.Match[str], text: str, machine: MachineSpec, index: int) -> str:
        """Return what stands for a placeholder; "" if that is a problem."""
        if match["literal"]:
            return match["literal"]
        where = Location(self.template.file, text.count("\n", 0, match.start()) + 1)
        if match["open"]:
            hint = f"a placeholder ends on its line and has no braces in it{_LITERAL}"
            self.problems.append(Problem("has a ${wke: without its }", where, hint))
            return ""
        try:
            reference = match["reference"].strip()
            each = _EACH.fullmatch(reference)
            return self._of_each(each, _alone(match, text)) if each else self._one(reference, machine, index)
        except InputError as error:
            self.problems += [replace(problem, where=where) for problem in error.problems]
            return ""

    def _one(self, reference: str, machine: MachineSpec, index: int) -> str:
        if _MACRO.fullmatch(reference):
            return self._macro(reference, machine, index, len(self.machines))
        for name in _NUMBERS:
            reference = reference.replace(name, self._macro(name, machine, index, len(self.machines)))
        if not reference or "@" in reference:
            raise InputError(
                f"has ${{wke:{reference}}}, which names nothing",
                hint=f"a parameter, SELECTOR.internal-addr or a macro ({', '.join(MACROS)}){_LITERAL}",
            )
        for name in parameters_of(f"{{{reference}}}"):
            if name not in self.point:
                raise InputError(f"there is no parameter {quoted(name)}", hint=f"{did_you_mean(name, self.point)}{_LITERAL}")
        return _written(fill(f"{{{reference}}}", self.point, self.cluster))

    def _of_each(self, each: re.Match[str], separator: str) -> str:
        """Return the text for each machine of a selector, with its macros replaced."""
        machines = select(self.cluster, each["selector"].strip(), may_be_empty=True)
        text, size = each["text"].rstrip(), len(machines)
        return separator.join(self._told(text, machine, index, size) for index, machine in enumerate(machines))

    def _told(self, text: str, machine: MachineSpec, index: int, size: int) -> str:
        return _MACRO.sub(lambda found: self._macro(found[0], machine, index, size), text)

    def _macro(self, name: str, machine: MachineSpec, index: int, size: int) -> str:
        username = machine.username or self.cluster.username
        if name == "@USERNAME" and username is None:
            hint = "write username in cluster.toml"
            raise InputError("asks for @USERNAME, which is not known before wke connects", hint=hint)
        check_addresses((name,), (machine,))
        return expand_macros(name, machine=machine, username=username or "", index=index, size=size)


def _alone(match: re.Match[str], text: str) -> str:
    """Return what separates the texts of several machines: a line each if their placeholder is alone on its line."""
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    after = text[match.end() :].partition("\n")[0]
    return f"\n{before}" if not before.strip() and not after.strip() else ","


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else as_text(value)

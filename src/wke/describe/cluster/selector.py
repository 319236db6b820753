"""Selectors: text that names machines.

    all                     every machine
    servers                 a class, or a machine
    node[1-3,07]            machines by a folded name
    [0]  [0,2,5]  [1:3]     machines by position; the end of `1:3` is excluded, that of `1..3` included; `[1:]` and `[:3]` are open
    servers[0:2]            positions within a class
    0:3                     positions without brackets, for shells that interpret brackets
    a,b   a!b   a&b         a and b, a but not b, those in both; evaluated from left to right. `!b` alone means all but b

A selector resolves to machines in the cluster's order, each once. A selector that names no machine is an error.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NoReturn, Protocol, TypeVar

from wke.describe.cluster.folding import is_folded, unfold
from wke.errors import InputError, Problem, did_you_mean


class Named(Protocol):
    """What a selector needs to know about a machine."""

    @property
    def name(self) -> str:
        """The machine's name."""


N = TypeVar("N", bound=Named)
N_co = TypeVar("N_co", bound=Named, covariant=True)


class Grouped(Protocol[N_co]):
    """What a selector needs to know about a cluster."""

    @property
    def machines(self) -> tuple[N_co, ...]:
        """All machines, in order."""

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """The names of each class's machines, in order."""


def select(cluster: Grouped[N], text: str, *, may_be_empty: bool = False) -> tuple[N, ...]:
    """Return the machines that a selector names, in the cluster's order; raise InputError if it is wrong or names none.

    With `may_be_empty`, a selector that names a class without machines may name none.
    """
    names = tuple(machine.name for machine in cluster.machines)
    chosen = _chosen(names, tuple(cluster.classes.items()), text, may_be_empty=may_be_empty)
    return tuple(machine for machine in cluster.machines if machine.name in chosen)


@lru_cache(maxsize=64)  # every point of an experiment asks for the same
def _chosen(names: tuple[str, ...], classes: tuple[tuple[str, tuple[str, ...]], ...], text: str, *, may_be_empty: bool) -> frozenset[str]:
    return _Reader(names, dict(classes), text, may_be_empty=may_be_empty).chosen()


_RANGE = re.compile(r"(?P<first>[0-9]{0,9})(?P<mark>:|\.\.)(?P<last>[0-9]{0,9})|(?P<only>[0-9]{1,9})")
_SUBSCRIPT = re.compile(r"(?P<base>[^\[\]]*)\[(?P<inside>[^\[\]]*)\]")


class _Reader:
    """One selector, and the names that it can use."""

    def __init__(self, names: tuple[str, ...], classes: Mapping[str, tuple[str, ...]], text: str, *, may_be_empty: bool) -> None:
        self.names = names
        self.classes = classes
        self.text = text
        self.may_be_empty = may_be_empty
        self.empty = ""  # a class without machines that the selector names

    def chosen(self) -> frozenset[str]:
        """Return the names of the selected machines."""
        if not self.text.strip():
            self._fail("is empty", self._what_exists())
        chosen: frozenset[str] = frozenset()
        for operator, atom in self._terms():
            named = frozenset(self._atom(atom))
            chosen = {",": chosen | named, "!": chosen - named, "&": chosen & named}[operator]
        if not chosen and not (self.empty and self.may_be_empty):
            self._fail("selects no machine", f"class {self.empty} has none" if self.empty else self._what_exists())
        return chosen

    def _terms(self) -> Iterator[tuple[str, str]]:
        """Yield each atom with the operator before it."""
        parts = [part.strip() for part in re.split(r"([,!&])(?![^\[]*\])", self.text)]
        atoms, operators = parts[::2], [",", *parts[1::2]]
        if not atoms[0] and len(operators) > 1 and operators[1] == "!":
            atoms[0] = "all"
        for number, (operator, atom) in enumerate(zip(operators, atoms, strict=True)):
            following = operators[number + 1] if number + 1 < len(operators) else ""
            if atom:
                yield operator, atom
            elif not (operator == "," and following == "!"):  # "a,!b" is "a!b"
                self._fail(f'lacks a name beside "{following or operator}"', self._what_exists())

    def _atom(self, atom: str) -> Sequence[str]:
        """Return the machines of one atom. Exact names come first: a machine may have any name, even 10:2."""
        groups = {**self.classes, "all": self.names}
        if atom in groups:
            self.empty = self.empty if groups[atom] else atom
            return groups[atom]
        if atom in self.names:
            return [atom]
        subscript = _SUBSCRIPT.fullmatch(f"[{atom}]" if _RANGE.fullmatch(atom) else atom)
        if subscript is None:
            return self._machines(self._unfolded(atom))
        base, inside = subscript["base"].strip() or "all", subscript["inside"]
        if base in groups:
            return self._positions(inside, groups[base], "the cluster" if base == "all" else f"class {base}")
        if not is_folded(atom):
            self._fail(f'has no class "{base}" for {atom}', f"folded names look like node[1-3,7]; {self._nearest(base)}")
        return self._machines(self._unfolded(atom))

    def _unfolded(self, atom: str) -> Sequence[str]:
        try:
            return unfold(atom)
        except ValueError as error:
            self._fail(f"cannot be unfolded: {error}", f"a folded name looks like node[1-3,7]; {self._what_exists()}")

    def _machines(self, names: Sequence[str]) -> list[str]:
        known = frozenset(self.names)
        unknown = [name for name in names if name not in known]
        if unknown:
            others = f" (nor {len(unknown) - 1} more of these)" if len(unknown) > 1 else ""
            self._fail(f'names "{unknown[0]}", which is neither a machine nor a class{others}', self._nearest(unknown[0]))
        return list(names)

    def _positions(self, inside: str, names: Sequence[str], whose: str) -> list[str]:
        return [names[index] for part in inside.split(",") for index in self._range(part.strip(), len(names), whose)]

    def _range(self, part: str, count: int, whose: str) -> range:
        exists = f"{whose} has {count} machine{'s' * (count != 1)}{f', at positions 0 to {count - 1}' if count else ''}"
        match = _RANGE.fullmatch(part)
        if match is None:
            dashed = re.fullmatch(r"(\d+)-(\d+)", part)
            advice = f"write [{dashed[1]}..{dashed[2]}]" if dashed else _FORMS
            self._fail(f'has "{part}" where a position should be', f"{advice}; {exists}")
        first, mark, last = match["first"] or match["only"] or "0", match["mark"], match["last"]
        begin = int(first)
        end = begin + 1 if not mark else int(last) + (mark == "..") if last else count
        if last and int(last) < begin:
            self._fail(f"has the range [{part}], which ends before it begins", f"write [{last}{mark}{first}]; {exists}")
        if begin >= count or end > count:
            self._fail(f"goes past the end with [{part}]", exists)
        if end == begin:
            self._fail(f"has the range [{part}], which is empty: its end is excluded", f"write [{begin}]; {exists}")
        return range(begin, end)

    def _nearest(self, word: str) -> str:
        near = did_you_mean(word, [*self.classes, *self.names, "all"])
        return f"{near} {self._what_exists()}" if near.startswith("did") else self._what_exists()

    def _what_exists(self) -> str:
        classes = f"; classes: {_some(list(self.classes))}" if self.classes else ""
        return f"machines: {_some(self.names)}{classes}"

    def _fail(self, what: str, hint: str) -> NoReturn:
        raise InputError(Problem(f'selector "{self.text}" {what}', None, hint))


_FORMS = "positions look like [3], [0,2,5], [1:3] (end excluded) or [1..3] (end included)"


def _some(names: Sequence[str], limit: int = 8) -> str:
    """List names, at most `limit`."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest

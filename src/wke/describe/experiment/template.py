"""Templates: text of an experiment file in which `{memory}` is a parameter and `{servers.internal-addr}` a fact of the cluster.

A fact is SELECTOR.ATTRIBUTE; what it says of several machines is joined by ",". `{replicas + 1}` is a calculation with parameters and
counts of machines, in the language of expressions. A doubled brace is a literal one.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec
from wke.describe.cluster.selector import select
from wke.describe.configuration.optionvalue import as_text
from wke.describe.experiment.sweep import Point, Value
from wke.describe.expression.evaluation import ExpressionError, calculate
from wke.describe.expression.expression import Expression
from wke.describe.expression.parser import parse_calculation
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted
from wke.errors import InputError, did_you_mean
from wke.values import dataclass

ATTRIBUTES = ("name", "internal-addr", "external-addr", "count")

MOST_EXACT = 2**53
"""The largest whole number up to which floating-point numbers have no gaps."""

_ARITHMETIC = re.compile(r"[+*/()]|\s-|-\s|^-")
_TOKEN = re.compile(r"(?P<literal>[^{}]+)|(?P<doubled>\{\{|\}\})|\{(?P<reference>[^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Fact:
    """A reference to a fact of the cluster."""

    selector: str
    attribute: str


@dataclass(frozen=True, slots=True)
class ParameterRef:
    """A reference to a parameter of the point."""

    name: str


@dataclass(frozen=True, slots=True)
class Formula:
    """A calculation."""

    expression: Expression


Part = str | Fact | ParameterRef | Formula


@lru_cache(maxsize=1024)  # an experiment with 100,000 points fills in the same few templates
def parse_template(text: str) -> tuple[Part, ...]:
    """Return the parts of a template; raise InputError for a single brace or an unknown fact."""
    return tuple(_parts(text))


@lru_cache(maxsize=1024)
def parameters_of(text: str) -> tuple[str, ...]:
    """Return the parameters that a template names, in order; raise InputError if it is not a template."""
    names: list[str] = []
    for part in parse_template(text):
        if isinstance(part, ParameterRef):
            names.append(part.name)
        elif isinstance(part, Formula):
            names += [name for name in part.expression.names if _fact(name) is None]
    return tuple(names)


def check_template(text: str, known: Iterable[str]) -> None:
    """Raise InputError if a text is not a template or names a parameter that is not among `known`."""
    names = dict.fromkeys(known)
    for name in parameters_of(text):
        if name not in names:
            raise InputError(f"there is no parameter {quoted(name)}", hint=_unknown_hint(name, tuple(names)))


def fill(text: str, point: Point, cluster: ClusterSpec) -> Value:
    """Return a template with its parts filled in; one that is nothing but `{name}` keeps the type of that parameter.

    Elsewhere a value is written as scripts get it, `True` and not `true`. Raises InputError when the text is not a template, the point
    does not set a parameter, or the cluster cannot tell a fact.
    """
    parts = parse_template(text)
    values = [part if isinstance(part, str) else _value(part, point, cluster) for part in parts]
    return values[0] if len(values) == 1 else "".join(map(as_text, values))


def _parts(text: str) -> Iterator[Part]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InputError(f"has a single {text[at]}", hint="a parameter is {name}; a literal brace is doubled: {{ or }}")
        at = match.end()
        if match["literal"]:
            yield match["literal"]
        elif match["doubled"]:
            yield match["doubled"][0]
        else:
            yield _reference(match["reference"])


def _reference(text: str) -> Fact | ParameterRef | Formula:
    name = text.strip()
    if not name:
        raise InputError("has empty braces {}", hint="a parameter is {name}; a literal brace is doubled: {{ or }}")
    if _ARITHMETIC.search(name):
        return Formula(_calculation(name))
    fact = _fact(name)
    if fact is not None:
        return fact
    _, dot, attribute = name.rpartition(".")
    if not dot:
        return ParameterRef(attribute)
    if attribute.replace("_", "-") in ATTRIBUTES:
        raise InputError(f"{{{text}}} does not say which machines", hint=f"write {{all.{attribute}}} or name a class")
    raise InputError(f"{{{text}}} asks for {quoted(attribute)}, which machines do not have", hint=did_you_mean(attribute, ATTRIBUTES))


def _fact(text: str) -> Fact | None:
    selector, _, attribute = text.rpartition(".")
    attribute = attribute.replace("_", "-")
    return Fact(selector, attribute) if selector and attribute in ATTRIBUTES else None


def _calculation(text: str) -> Expression:
    try:
        return parse_calculation(text)
    except FlawError as error:
        raise InputError(f"{{{text}}} {error}", hint=error.hint or "a calculation is {replicas + 1}") from None


def _calculated(expression: Expression, point: Point, cluster: ClusterSpec) -> int | float:
    """Return the number of a calculation, without a fraction if it is whole."""
    row: dict[str, object] = {}
    for name in expression.names:
        fact = _fact(name)
        row[name] = _value(ParameterRef(name) if fact is None else fact, point, cluster)
    try:
        number, unit = calculate(expression, row)
    except ExpressionError as error:
        raise InputError(f"{{{expression.text}}}: {error}", hint="calculate with parameters that are numbers, and with counts") from None
    if unit:
        raise InputError(f"{{{expression.text}}} has the unit {unit}", hint="leave units out: scripts get plain numbers")
    return int(number) if number.is_integer() and abs(number) <= MOST_EXACT else number


def _value(part: Fact | ParameterRef | Formula, point: Point, cluster: ClusterSpec) -> Value:
    if isinstance(part, Formula):
        return _calculated(part.expression, point, cluster)
    if isinstance(part, ParameterRef):
        if part.name not in point:
            raise InputError(f"parameter {quoted(part.name)} is not set at every point", hint=_unset_hint(part.name))
        return point[part.name]
    machines = select(cluster, part.selector, may_be_empty=True)
    if part.attribute == "count":
        return len(machines)
    return ",".join(_told(machine, part.attribute) for machine in machines)


def _told(machine: MachineSpec, attribute: str) -> str:
    if attribute == "name":
        return machine.name
    address = machine.internal_addr if attribute == "internal-addr" else machine.external_addr
    if not address:
        hint = "give it in [machines]" if machine.via is not None else "emulated machines have internal-addr only"
        raise InputError(f"machine {machine.name} has no {attribute}", hint=hint)
    return address


def _unknown_hint(name: str, names: tuple[str, ...]) -> str:
    if name in {"", *ATTRIBUTES}:
        return f"a fact of the cluster names machines too: {{all.{name}}}"
    return did_you_mean(name, names) if names else f"give it a value in [parameters]; a literal brace is doubled: {{{{{name}}}}}"


def _unset_hint(name: str) -> str:
    return f"set {name} in every table that sub-parameters chooses from, or give it a default before them"

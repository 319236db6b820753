"""The parameters of a benchmark script, and sweeps completed with their defaults."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from wke.api.scripterrors import BenchmarkError
from wke.describe.configuration.optionvalue import converted, type_of
from wke.describe.experiment.parameters import ROOT
from wke.describe.experiment.sweep import Choice, Parameter, Sweep, Value
from wke.describe.toml.wording import shown
from wke.errors import InputError, Location, Problem, did_you_mean
from wke.values import dataclass

NO_DESCRIPTION = "No description."
At = Callable[..., Location | None]


@dataclass(frozen=True, slots=True)
class Known:
    """One parameter: its name, default and purpose. Values have the type of the default; with the default None they have any type."""

    name: str
    default: Value | None
    about: str = NO_DESCRIPTION


def read_known(parameters: Mapping[str, object]) -> tuple[Known, ...]:
    """Return the parameters of a script; each name maps to `{"default": value, "about": text}` or to a bare default."""
    return tuple(_read(name, given) for name, given in parameters.items())


def completed(sweep: Sweep, known: tuple[Known, ...], at: At, *, text: bool = False) -> Sweep:
    """Return the sweep with values of the right types, and with the default of every parameter that it does not set.

    Raises InputError for every parameter that the script does not have and every value of another type; `at` returns their places. With
    `text`, values come from the command line: "3" is a number where a number is expected.
    """
    problems: list[Problem] = []
    loops = _Completion({one.name: one for one in known}, at, problems, text=text).sweep(sweep, ROOT).loops
    if problems:
        raise InputError(*problems)
    return Sweep((*(Parameter(one.name, (one.default,)) for one in known if one.default is not None), *loops))


def _read(name: str, given: object) -> Known:
    if not isinstance(given, Mapping):
        given = {"default": given}
    if "default" not in given:
        raise BenchmarkError(f'parameter "{name}" has no default', hint='write {"default": value, "about": "what it is for"}')
    default = given["default"]
    if not isinstance(default, Value | None):
        raise BenchmarkError(f'the default of parameter "{name}" must be text, a number, True, False or None, not {default!r}')
    return Known(name, default, str(given.get("about") or NO_DESCRIPTION))


class _Completion:
    """Completes one sweep with the parameters of the script."""

    def __init__(self, known: Mapping[str, Known], at: At, problems: list[Problem], *, text: bool) -> None:
        self._known = known
        self._at = at
        self._problems = problems
        self._text = text

    def sweep(self, sweep: Sweep, table: str) -> Sweep:
        return Sweep(tuple(self._loop(loop, table) for loop in sweep.loops))

    def _loop(self, loop: Parameter | Choice, table: str) -> Parameter | Choice:
        if isinstance(loop, Choice):
            return Choice({name: self.sweep(inner, name) for name, inner in loop.tables.items()})
        if loop.name not in self._known:
            what = f'the benchmark has no parameter "{loop.name}"'
            self._problems.append(Problem(what, self._at(table, loop.name), did_you_mean(loop.name, self._known)))
            return loop
        return replace(loop, values=tuple(self._values(loop, table)))

    def _values(self, loop: Parameter, table: str) -> Iterator[Value]:
        kind = type_of(self._known[loop.name].default)
        for value in loop.values:
            try:
                yield self._converted(value, kind)
            except ValueError as error:
                self._problems.append(Problem(f"{loop.name} {error}", self._at(table, loop.name)))

    def _converted(self, value: Value, kind: str) -> Value:
        if isinstance(value, str) and kind not in {"str", "any"} and not self._text:
            raise ValueError(f"must be of the type of its default, {kind}, not {shown(value)}")
        return converted(value, kind)

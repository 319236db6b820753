"""Sweeps: every form of a parameter, the order of the points, and what is refused."""

import tomllib
from dataclasses import replace
from math import prod
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wke.describe.experiment.parameters import read_sweep
from wke.describe.experiment.sweep import Choice, Parameter, Sweep, Value, point_text
from wke.describe.expression.parser import parse_condition
from wke.describe.toml.tables import key_text
from wke.errors import Location, Problem

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def at(*key: str | int) -> Location:
    return Location("x.toml", key=key_text(key))


def reading(text: str) -> tuple[Sweep, list[Problem]]:
    problems: list[Problem] = []
    return read_sweep(tomllib.loads(text), at, problems), problems


def sweep_of(text: str) -> Sweep:
    sweep, problems = reading(text)
    assert problems == []
    return sweep


FORMS: dict[str, list[Value]] = {
    "5": [5],
    '"text"': ["text"],
    "true": [True],
    "[3, 1, 2]": [3, 1, 2],
    '["old", "new"]': ["old", "new"],
    "[1, 1.0, true]": [1, 1.0, True],
    "[2, 3, 2]": [2, 3],
    "{ start = 1, end = 4 }": [1, 2, 3, 4],
    "{ start = 1, end = 10, step-size = 4 }": [1, 5, 9],
    "{ start = 1, end = 9, step_size = 4 }": [1, 5, 9],
    "{ start = 4, end = 1 }": [4, 3, 2, 1],
    "{ start = 4, end = 1, step-size = 2 }": [4, 2],
    "{ start = 4, end = 1, step-size = -2 }": [4, 2],
    "{ start = -1, end = 1 }": [-1, 0, 1],
    "{ start = 3, end = 3 }": [3],
    "{ start = 0.1, end = 0.7, step-size = 0.1 }": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
    "{ start = 1, end = 2, step-size = 0.5 }": [1.0, 1.5, 2.0],
    "{ start = 0.3, end = 0.1, step-size = 0.1 }": [0.3, 0.2, 0.1],
    "{ start = 1.0, end = 3 }": [1.0, 2.0, 3.0],
    "{ start = 1, end = 3.5 }": [1, 2, 3],
    "{ base = 2, start = 0, end = 4 }": [1, 2, 4, 8, 16],
    "{ base = 10, start = 1, end = 5, step-size = 2 }": [10, 1000, 100000],
    "{ base = 2, start = 3, end = 0 }": [8, 4, 2, 1],
    "{ base = 2, start = -1, end = 1 }": [0.5, 1, 2],
    "{ base = 0.1, start = 0, end = 3 }": [1.0, 0.1, 0.01, 0.001],
    "{ base = 4, start = 0, end = 1, step-size = 0.5 }": [1.0, 2.0, 4.0],
}


@pytest.mark.parametrize(("form", "values"), FORMS.items(), ids=FORMS)
def test_every_form_of_a_parameter(form: str, values: list[Value]) -> None:
    """A constant, a list, and each kind of range give these values, of these types."""
    points = sweep_of(f"[parameters]\nx = {form}").points()
    assert [(point["x"], type(point["x"])) for point in points] == [(value, type(value)) for value in values]


ORDERS = {
    "a later parameter varies fastest": (
        "[parameters]\na = [1, 2]\nb = [3, 4]",
        "a=1, b=3 | a=1, b=4 | a=2, b=3 | a=2, b=4",
    ),
    "no parameter is one point": ("[parameters]", ""),
    "tables are chosen one after the other": (
        '[parameters]\na = 1\nsub-parameters = ["foo", "bar"]\n[foo]\nb = [2, 3]\n[bar]\nc = 4',
        "a=1, b=2 | a=1, b=3 | a=1, c=4",
    ),
    "a choice stands where it is written": (
        '[parameters]\nsub_parameters = ["foo", "bar"]\nz = [1, 2]\n[foo]\nb = 1\n[bar]\nb = 2',
        "b=1, z=1 | b=1, z=2 | b=2, z=1 | b=2, z=2",
    ),
    "a product of choices": (
        '[parameters]\nsub-parameters = [["foo", "bar"], ["x", "y"]]\n[foo]\na = 1\n[bar]\na = 2\n[x]\nb = 3\n[y]\nb = 4',
        "a=1, b=3 | a=1, b=4 | a=2, b=3 | a=2, b=4",
    ),
    "choices within choices": (
        '[parameters]\nsub-parameters = ["a", "b"]\n[a]\nn = 1\nsub-parameters = ["c", "d"]\n[b]\nn = 2\n[c]\nm = "c"\n[d]\nm = ["d", "e"]',
        'n=1, m="c" | n=1, m="d" | n=1, m="e" | n=2',
    ),
    "a table may replace a default": (
        '[parameters]\na = 1\nsub-parameters = ["foo", "bar"]\n[foo]\nb = 2\n[bar]\nb = 3\na = 9',
        "a=1, b=2 | a=9, b=3",
    ),
    "a point comes once": (
        '[parameters]\nsub-parameters = ["foo", "bar"]\n[foo]\na = 1\n[bar]\na = [1, 2]',
        "a=1 | a=2",
    ),
}


@pytest.mark.parametrize(("text", "points"), ORDERS.values(), ids=ORDERS)
def test_points_come_in_the_order_of_nested_loops(text: str, points: str) -> None:
    """These files have these points in this order."""
    assert " | ".join(map(point_text, sweep_of(text).points())) == points


def test_what_varies_and_what_does_not() -> None:
    """A parameter that only some points set varies; one with the same value everywhere is a constant."""
    sweep = sweep_of('[parameters]\na = 1\nb = [1]\nc = [2, 3]\nsub-parameters = ["foo", "bar"]\n[foo]\nd = 5\ne = 6\n[bar]\ne = 6')
    assert sweep.names == ("a", "b", "c", "d", "e")
    assert sweep.varied == ("c", "d")
    assert sweep.constants == {"a": 1, "b": 1, "e": 6}
    assert sweep.values("c") == (2, 3)
    assert sweep.values("d") == (5,)
    assert sweep.values("nothing") == ()


@pytest.mark.parametrize("spelling", ["hill-climb", "hill_climb"])
def test_the_last_range_may_be_climbed(spelling: str) -> None:
    """The points are those of the whole range, whatever the search tries of them."""
    sweep = sweep_of(f'[parameters]\nengine = ["a", "b"]\nn = {{ base = 2, start = 0, end = 2, {spelling} = true }}')
    assert sweep.climb == "n"
    assert [(point["engine"], point["n"]) for point in sweep.points()] == [(engine, n) for engine in ("a", "b") for n in (1, 2, 4)]


@pytest.mark.parametrize("last", ["n = { start = 1, end = 3, hill-climb = false }", "n = [1, 2]", ""])
def test_nothing_is_climbed_unless_asked(last: str) -> None:
    """A range that says no, a list, and no parameter at all."""
    assert sweep_of(f"[parameters]\n{last}").climb is None


MISTAKES = {
    "x = []": "x.toml: parameters.x: has no value\n  hint: give at least one",
    "x = [[1]]": "x.toml: parameters.x[0]: must be text, a number, true or false, not a list",
    "x = 2020-01-01": "x.toml: parameters.x: must be text, a number, true or false, not the date 2020-01-01",
    "x = inf": "x.toml: parameters.x: must be a finite number",
    "x = { start = 1 }": "x.toml: parameters.x: end is missing\n  hint: a range is x = { start = 1, end = 10 }",
    "x = { start = 1, end = 4, stepsize = 2 }": 'x.toml: parameters.x.stepsize: unknown key\n  hint: did you mean "step-size"?',
    "x = { start = 1, end = 4, hillclimb = true }": 'x.toml: parameters.x.hillclimb: unknown key\n  hint: did you mean "hill-climb"?',
    "x = { start = 1, end = 4, hill-climb = 1 }": "x.toml: parameters.x.hill-climb: must be true or false, not the number 1",
    "x = { start = 1, end = 4, hill-climb = true }\ny = 1": (
        "x.toml: parameters.x.hill-climb: only the last parameter can be climbed\n"
        "  hint: each setting of the other parameters has its own search: put it last in [parameters]"
    ),
    'sub-parameters = ["foo"]\nx = 1\n[foo]\nx = { start = 4, end = 4, hill-climb = true }': (
        "x.toml: foo.x.hill-climb: only the last parameter can be climbed\n"
        "  hint: each setting of the other parameters has its own search: put it last in [parameters]"
    ),
    'sub-parameters = ["foo"]\n[foo]\nx = { start = 1, end = 4, hill-climb = true }': (
        "x.toml: foo.x.hill-climb: only the last parameter can be climbed\n"
        "  hint: each setting of the other parameters has its own search: put it last in [parameters]"
    ),
    'x = { start = "1", end = 4 }': 'x.toml: parameters.x.start: must be a number, not the text "1"',
    "x = { start = true, end = 4 }": "x.toml: parameters.x.start: must be a number, not true",
    "x = { start = 1, end = nan }": "x.toml: parameters.x.end: must be a number, not the number nan",
    "x = { start = 1, end = 4, step-size = 0 }": "x.toml: parameters.x: step-size must not be 0",
    "x = { start = 1, end = 4, step-size = -1 }": "x.toml: parameters.x: cannot count from 1 up to 4 in negative steps",
    "x = { start = 0, end = 1000000000 }": "x.toml: parameters.x: has 1000000001 values; at most 100000 are allowed",
    "x = { base = 0, start = 0, end = 4 }": "x.toml: parameters.x: base must be more than 0, not 0",
    "x = { base = 2, start = 0, end = 99999 }": ("x.toml: parameters.x: an exponent of more than 10000 gives a number that is too large"),
    "x = { base = 2, start = 62, end = 63 }": "x.toml: parameters.x: contains a number that is too large",
    "x = { base = 10.0, start = 308, end = 309 }": "x.toml: parameters.x: contains a number that is too large",
    "x = { base = 10, start = 308.5, end = 309 }": "x.toml: parameters.x: contains a number that is too large",
    'sub-parameters = "foo"': (
        'x.toml: parameters.sub-parameters: must be a list of table names, not the text "foo"\n  hint: write sub-parameters = ["foo", "bar"]'
    ),
    "sub-parameters = [1]": (
        "x.toml: parameters.sub-parameters: must contain table names, or lists of them\n"
        '  hint: a choice is ["foo", "bar"], a product of two choices [["foo", "bar"], ["x", "y"]]'
    ),
    "sub-parameters = [[1]]": "x.toml: parameters.sub-parameters[0][0]: must be the name of a table, not the number 1",
    'sub-parameters = ["fob"]\n[foo]\na = 1': (
        'x.toml: parameters.sub-parameters[0]: there is no table [fob] in this file\n  hint: did you mean "foo"?'
    ),
    'sub-parameters = ["foo"]\n[foo]\nsub-parameters = ["bar"]\n[bar]\nsub-parameters = ["foo"]': (
        "x.toml: bar.sub-parameters[0]: goes in a circle: foo -> bar -> foo\n  hint: a table cannot choose itself"
    ),
    'a = [1, 2]\nsub-parameters = ["foo"]\n[foo]\na = 3': (
        "x.toml: foo.a: is already varied in [parameters]\n  hint: only one table may vary a parameter; remove one of the two"
    ),
    'sub-parameters = [["foo"], ["bar"]]\n[foo]\na = [1, 2]\n[bar]\na = 3': (
        "x.toml: bar.a: is already varied in [foo]\n  hint: only one table may vary a parameter; remove one of the two"
    ),
    "x = { start = 1, end = 1000 }\ny = { start = 1, end = 1000 }": (
        "x.toml: parameters: the sweep has more than 100000 points\n  hint: vary fewer parameters in one experiment, or take larger steps"
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.items(), ids=MISTAKES)
def test_mistakes_are_named_with_their_place(text: str, expected: str) -> None:
    """Each wrong form of a parameter is one problem, at its key."""
    _, problems = reading(f"[parameters]\n{text}")
    assert "\n".join(map(str, problems)) == expected


def test_all_mistakes_of_a_file_come_at_once() -> None:
    """Reading goes on after a mistake."""
    _, problems = reading('[parameters]\na = []\nb = { start = 1, end = 2, step-size = 0 }\nsub-parameters = ["foo"]\n[foo]\nc = []')
    assert [str(problem.where) for problem in problems] == ["x.toml: parameters.a", "x.toml: parameters.b", "x.toml: foo.c"]


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4)
VALUES = st.lists(
    st.integers(-5, 5) | st.booleans() | st.sampled_from(["", "a", "1"]), unique_by=lambda v: (type(v), v), min_size=1, max_size=4
)


@st.composite
def sweeps(draw: Any) -> Sweep:
    loops: list[Parameter | Choice] = [Parameter(name, tuple(draw(VALUES))) for name in draw(NAMES)]
    if draw(st.booleans()):
        table = {name: Sweep((Parameter("kind", (name,)), Parameter("inner", tuple(draw(VALUES))))) for name in ("foo", "bar")}
        loops.insert(draw(st.integers(0, len(loops))), Choice(table))
    return Sweep(tuple(loops))


@UNHURRIED
@given(sweeps())
def test_a_sweep_has_the_size_of_its_product_and_no_point_twice(sweep: Sweep) -> None:
    """As many points as the loops multiply to, all different, the same ones in the same order every time."""
    points = sweep.points()
    keys = [tuple((name, type(value), value) for name, value in point.items()) for point in points]
    assert len(points) == sweep.size == prod(loop.size for loop in sweep.loops)
    assert len(set(keys)) == len(points)
    assert points == sweep.points()
    assert set(sweep.varied).isdisjoint(sweep.constants)
    assert {*sweep.varied, *sweep.constants} == set(sweep.names)


@UNHURRIED
@given(sweeps())
def test_the_last_loop_varies_fastest(sweep: Sweep) -> None:
    """Points that differ in an outer parameter stand in blocks as long as all loops inside it together."""
    points = sweep.points()
    inside = len(points)
    for loop in sweep.loops:
        inside //= loop.size
        if isinstance(loop, Parameter):
            column = [point[loop.name] for point in points]
            expected = [value for value in loop.values for _ in range(inside)]
            assert column == expected * (len(points) // len(expected))


@UNHURRIED
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 40))
def test_a_range_of_decimals_does_not_drift(start: int, end: int, step: int) -> None:
    """Steps of hundredths land on the decimal numbers that a person would write, both ends included where they fit."""
    values = sweep_of(f"[parameters]\nx = {{ start = {start / 100}, end = {end / 100}, step-size = {step / 100} }}").values("x")
    direction = 1 if end >= start else -1
    assert values == tuple(n / 100 for n in range(start, end + direction, step * direction))


def test_excluded_points_are_nowhere() -> None:
    """Not among the points, nor the values; a point that does not set what a condition needs stays."""
    sweep = Sweep(
        (
            Parameter("engine", ("old", "new")),
            Choice({"deep": Sweep((Parameter("depth", (1, 9)),)), "flat": Sweep((Parameter("width", (5,)),))}),
        ),
        (parse_condition("engine == 'old' and depth > 3"), parse_condition("width == 5 and engine == 'new'")),
    )
    assert [point_text(point) for point in sweep.points()] == [
        'engine="old", depth=1',
        'engine="old", width=5',
        'engine="new", depth=1',
        'engine="new", depth=9',
    ]
    only_new = replace(sweep, exclude=(parse_condition("engine == 'old'"),))
    assert (only_new.values("engine"), only_new.varied) == (("new",), ("depth", "width"))

"""Names of series, points, trials, commits and folders: their forms, and what points have which values."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.names import FileOf, FolderOf, GitRef, GivenName, PointsOf, Word, parse_name, parse_values, points_with
from wke.errors import InputError

FORMS: dict[str, GivenName] = {
    "scale": Word("scale"),
    "3f2a": Word("3f2a"),
    "HEAD~3": Word("HEAD~3"),
    "servers[0:2]": Word("servers[0:2]"),
    "scale:100": Word("scale:100"),
    "scale:rate=100": PointsOf("scale", {"rate": "100"}),
    "scale:rate=100,engine=old": PointsOf("scale", {"rate": "100", "engine": "old"}),
    'scale:load="a,b=c",n=1': PointsOf("scale", {"load": "a,b=c", "n": "1"}),
    "scale:load=a,b": PointsOf("scale", {"load": "a,b"}),
    "scale:path=a:b": PointsOf("scale", {"path": "a:b"}),
    "scale:empty=": PointsOf("scale", {"empty": ""}),
    "engine=old": PointsOf(None, {"engine": "old"}),
    "url=http://x": PointsOf(None, {"url": "http://x"}),
    "git:v1.2": GitRef("v1.2"),
    "git:feature/x": GitRef("feature/x"),
    "experiments/scale.toml": FileOf(Path("experiments/scale.toml")),
    "old/results": FolderOf(Path("old/results")),
    "..": FolderOf(Path("..")),
}


@pytest.mark.parametrize(("text", "name"), FORMS.items(), ids=FORMS)
def test_forms(text: str, name: GivenName) -> None:
    """Each form gives its kind of value."""
    assert parse_name(text) == name


WRONG = {
    " ": ("a name is missing", "give a series"),
    "git:": ("git: names no commit", "write git:HEAD"),
    "a=1,a=2": ("a=1,a=2: a is given twice", ""),
    "=3": ("=3: =3 is not PARAMETER=VALUE", ""),
    'a="x"y': ('a="x"y: a="x"y is not PARAMETER=VALUE', ""),
}


@pytest.mark.parametrize(("text", "what"), WRONG.items(), ids=WRONG)
def test_wrong_forms(text: str, what: tuple[str, str]) -> None:
    """The message quotes what was given and shows a right form."""
    with pytest.raises(InputError) as caught:
        parse_name(text)
    (problem,) = caught.value.problems
    assert problem.what.startswith(what[0])
    assert (problem.hint or "").startswith(what[1])


@given(st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,5}", fullmatch=True), st.text("abc,= :./0", max_size=8), min_size=1, max_size=4))
def test_quoted_values_are_read_back(values: dict[str, str]) -> None:
    """Whatever stands between the quotes is the value."""
    assert parse_values(",".join(f'{name}="{value}"' for name, value in values.items()), "x") == values


POINTS = [{"engine": engine, "rate": rate, "fsync": rate > 100} for engine in ("old", "new") for rate in (100, 200.5)]


def test_points_that_have_values() -> None:
    """Values are written as in the file; numbers are compared as numbers."""
    assert points_with(POINTS, {"engine": "old", "rate": "100.0"}, "x") == ({"engine": "old", "rate": 100, "fsync": False},)
    assert len(points_with(POINTS, {"fsync": "true"}, "x")) == 2
    assert points_with(POINTS, {}, "x") == tuple(POINTS)
    with pytest.raises(InputError, match="fsync is never 1"):
        points_with(POINTS, {"fsync": "1"}, "x")
    mixed = [{"x": value} for value in (True, 1, 1.0, "true")]
    assert list(map(repr, points_with(mixed, {"x": "1"}, "x"))) == ["{'x': 1}"]  # 1.0 is another value, 1.0 is meant only if there is no 1
    assert list(map(repr, points_with(mixed[2:], {"x": "1"}, "x"))) == ["{'x': 1.0}"]


@pytest.mark.parametrize(
    ("values", "what", "hint"),
    [
        ({"rat": "100"}, 'x: there is no parameter "rat"', 'did you mean "rate"?'),
        ({"rate": "10"}, "x: rate is never 10", 'did you mean "100"?'),
        ({"rate": "100", "fsync": "true"}, "x: no point has all these values together", "the nearest is rate=100,fsync=false"),
    ],
)
def test_values_that_no_point_has(values: dict[str, str], what: str, hint: str) -> None:
    """The nearest name, value or point is offered."""
    with pytest.raises(InputError) as caught:
        points_with(POINTS, values, "x")
    (problem,) = caught.value.problems
    assert (problem.what, problem.hint) == (what, hint)

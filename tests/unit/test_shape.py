"""Holding a document against its shape: what a value may be, and that nonsense is told rather than raised."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wke.describe.cluster.clusterfile import ClusterFile
from wke.describe.configuration.configfile import ConfigurationFile
from wke.describe.experiment.experimentfile import ExperimentFile
from wke.describe.toml.shape import After, Before, Bounds, FlawError, Items, NonEmpty, Reader, TableModel


def _even(value: int) -> int:
    if value % 2:
        raise FlawError("is odd", "add 1")
    return value


def _halved(value: object) -> object:
    return value / 2 if isinstance(value, float) else value


class Inner(TableModel):
    """A table that needs one of two keys."""

    left: str | None = None
    right: str | None = None

    def check(self) -> None:
        if self.left is None and self.right is None:
            raise FlawError("needs left or right")


class Shape(TableModel, others=True):
    """A key for each kind of annotation."""

    text: str = ""
    whole: int = 0
    number: float = 0.0
    yes: bool = False
    word: Literal["a", "b"] = "a"
    names: Items[NonEmpty] = ()
    even: Annotated[int, Bounds(at_least=0, at_most=10), After(_even)] = 0
    halved: Annotated[float, Before(_halved, float), Bounds(over=1)] = 2.0
    inner: Inner | None = None
    inners: Mapping[str, Inner] = {}
    anything: Any = None


def read(data: object) -> tuple[Shape | None, list[str]]:
    """Return the value and its mistakes, each as `key: what`."""
    reader = Reader()
    value = reader.table(Shape, data)
    return value, [f"{'.'.join(map(str, mistake.key))}: {mistake.what}" for mistake in reader.mistakes]


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("text", "a", None),
        ("text", 1, "text: must be text, not the number 1"),
        ("whole", 1, None),
        ("whole", True, "whole: must be a whole number, not true"),
        ("whole", 1.0, "whole: must be a whole number, not the number 1.0"),
        ("number", 1, None),
        ("number", False, "number: must be a number, not false"),
        ("yes", 0, "yes: must be true or false, not the number 0"),
        ("word", "b", None),
        ("word", 1, 'word: must be one of "a", "b", not the number 1'),
        ("word", [], 'word: must be one of "a", "b", not a list'),
        ("names", ["a", ""], "names.1: must not be empty"),
        ("names", {}, "names: must be a list, not a table"),
        ("even", 4, None),
        ("even", 3, "even: is odd"),
        ("even", -2, "even: must be at least 0, not -2"),
        ("even", 12, "even: must be at most 10, not 12"),
        ("halved", 4.0, None),
        ("halved", 2.0, "halved: must be more than 1, not 2.0"),
        ("halved", "x", 'halved: must be a number, not the text "x"'),
        ("inner", {"left": "a"}, None),
        ("inner", {}, "inner: needs left or right"),
        ("inner", {"lefd": "a"}, "inner.lefd: unknown key"),
        ("inners", {"a": {"right": 1}}, "inners.a.right: must be text, not the number 1"),
        ("anything", [{}], None),
    ],
)
def test_a_value_fits_or_its_one_mistake_is_told(key: str, value: object, mistake: str | None) -> None:
    """Types are exact, rules hold, and one mistake makes one complaint."""
    table, mistakes = read({key: value})
    assert mistakes == ([mistake] if mistake else [])
    assert (table is None) is (mistake is not None)


def test_a_table_tells_what_it_was_given() -> None:
    """Defaults are values too, and keys that no annotation names are kept where they may be there."""
    table, _ = read({"whole": 0, "more": 1})
    assert table is not None
    assert (table.whole, table.text, table.given, table.others) == (0, "", {"whole"}, {"more": 1})
    with pytest.raises(AttributeError, match="frozen"):
        table.whole = 1  # type: ignore[misc]


KEYS = sorted(
    {key for model in (ClusterFile, ConfigurationFile, ExperimentFile) for key in model.keys} | {"type", "on", "on_", "port", "a b"}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["5s", "{x}", "node[1-3]"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4))


@given(st.sampled_from([ClusterFile, ConfigurationFile, ExperimentFile]), VALUES)
@example(ClusterFile, {"machines": {"a": [[]]}, "cluster": {"lease": {}}})
def test_whatever_a_document_holds_is_read_or_told(model: type[TableModel], data: object) -> None:
    """No value at any place raises; without a table there is a mistake that says why."""
    reader = Reader()
    table = reader.table(model, data)
    assert isinstance(table, model) or reader.mistakes

"""Our dataclass behaves as the one of the standard library, of which it is a faster stand-in."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from wke import values

Maker = Callable[..., Any]


def classes(dataclass: Maker) -> list[type]:
    """Return classes made by this decorator that use everything that classes of wke use."""

    @dataclass(frozen=True, slots=True)
    class Plain:
        """Defaults, factories, what is left out of the comparison, and names that go by keyword only."""

        first: int
        second: str = "two"
        third: list[int] = field(default_factory=list, compare=False)
        fourth: float = field(default=4.0, repr=False, kw_only=True)
        fifth: tuple[int, ...] = field(default=(), init=False)

    @dataclass(frozen=True, slots=True)
    class Derived(Plain):
        """A base, and work after the fields are set."""

        sixth: int = 6

        def __post_init__(self) -> None:
            if self.sixth < 0:
                raise ValueError("negative")

    @dataclass(frozen=True, slots=True, repr=False)
    class Own(Plain):
        """Methods of its own."""

        def __hash__(self) -> int:
            return 7

    @dataclass(frozen=True)
    class Open:
        """No slots."""

        first: int = 1

    @dataclass(frozen=True, slots=True, eq=False)
    class Itself:
        """Equal to nothing else."""

        first: int = 1

    @dataclass(frozen=True, slots=True)
    class Empty:
        """No field."""

    return [Plain, Derived, Own, Open, Itself, Empty]


CALLS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((1,), {}),
    ((1, "x", [3]), {}),
    ((1, "x", [3], 5.0), {}),
    ((2,), {"fourth": 5.0}),
    ((), {"first": 1, "third": [4]}),
    ((), {"sixth": -1, "first": 1}),
    ((1,), {"fifth": ()}),
)


def told(kind: type, call: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
    """Return everything that a value of that class says of itself, or the error of its making."""
    try:
        value = kind(*call[0], **call[1])
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    same = kind(*call[0], **call[1])
    said = repr(value).split(" object at ")[0]
    return said, value == same, hash(value) == hash(same), dataclasses.asdict(value), dataclasses.replace(value) == value, value == 1


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_value_says_and_compares_as_one_of_the_standard_library(call: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    """Construction, defaults, representation, equality, hash, replacement and errors are those of `dataclasses`."""
    for ours, theirs in zip(classes(values.dataclass), classes(dataclasses.dataclass), strict=True):
        assert told(ours, call) == told(theirs, call), ours
        assert [ours.__match_args__, hasattr(ours, "__slots__")] == [theirs.__match_args__, hasattr(theirs, "__slots__")]  # type: ignore[attr-defined]


@values.dataclass(frozen=True, slots=True)
class Point:
    """A value that a pickle can name."""

    x: int
    y: tuple[str, ...] = ()


def test_a_value_is_frozen_and_can_be_copied() -> None:
    """No attribute can be set or deleted; a copy and a pickle are equal to the original."""
    point = Point(1, ("a",))
    with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
        del point.x
    assert [copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))] == [point] * 3
    assert point != Point(1)
    assert len({point, Point(1, ("a",)), Point(1)}) == 2

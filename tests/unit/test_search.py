"""Hill climbing: it finds the top of one hill, in few trials, and says what it does."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.judge.policies.search import Advice, Why, next_value

UNHURRIED = settings(deadline=None)


def search(heights: Sequence[float], better: str = "higher") -> tuple[Advice[int], list[int]]:
    """Climb until the search is over; return its last word, and what it tried in order."""
    tried: dict[int, list[float]] = {}
    while not (advice := next_value(tried, range(len(heights)), better)).over:
        assert advice.next is not None
        assert advice.next not in tried
        tried[advice.next] = [heights[advice.next]]
    return advice, list(tried)


@st.composite
def hills(draw: Any) -> list[float]:
    """Return a strict rise, a top that one to four values share, a strict fall."""
    steps = st.lists(st.integers(1, 9), max_size=60)
    rise, fall = draw(steps), draw(steps)
    top = sum(rise)
    up = [float(sum(rise[:k])) for k in range(len(rise))]
    down = [float(top - sum(fall[: k + 1])) for k in range(len(fall))]
    return [*up, *[float(top)] * draw(st.integers(1, 4)), *down]


@UNHURRIED
@given(hills())
def test_it_finds_the_top_of_every_hill_in_few_trials(heights: list[float]) -> None:
    """The best value is a top one, whichever way is better, and no more than 1 + 3 log2 n values were tried."""
    for sign, better in ((1, "higher"), (-1, "lower")):
        advice, order = search([sign * height for height in heights], better)
        assert advice.best is not None
        assert heights[advice.best] == max(heights)
        assert advice.mean == sign * max(heights)
        assert len(order) <= 1 + 3 * math.log2(len(heights))
        assert advice.tried == tuple(sorted(order))
        assert advice.valley is None


@UNHURRIED
@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=80))
def test_it_ends_anywhere_and_never_repeats(heights: list[int | None]) -> None:
    """Whatever the values are, level or jagged or failed (None), it ends on one whose neighbours were tried and are no better."""
    tried: dict[int, list[float]] = {}
    while not (advice := next_value(tried, range(len(heights)))).over:
        assert advice.next is not None
        assert advice.next not in tried
        height = heights[advice.next]
        tried[advice.next] = [] if height is None else [float(height)]
    given_values = {place: values[0] for place, values in tried.items() if values}
    assert advice.best == min((p for p in given_values if given_values[p] == max(given_values.values())), default=None)
    if given_values:
        top = max(place for place in given_values if given_values[place] == max(given_values.values()))
        assert {place for place in (top - 1, top + 1) if 0 <= place < len(heights)} <= tried.keys()
    assert (advice.why is Why.NO_RESULT) == (advice.best is None)


@UNHURRIED
@given(hills(), st.randoms())
def test_an_interrupted_search_goes_on_where_it_stood(heights: list[float], random: Any) -> None:
    """What was tried decides what is next, in whatever order it is told."""
    _, order = search(heights)
    stop = random.randrange(len(order))
    told = {place: [heights[place]] for place in random.sample(order[:stop], stop)}
    assert next_value(told, range(len(heights))).next == order[stop]


STORIES: dict[str, tuple[Mapping[int, Sequence[float]], Advice[int]]] = {
    "at the beginning": ({}, Advice(1, None, None, (), Why.START)),
    "on the way up": ({1: [5.0]}, Advice(2, 1, 5.0, (1,), Why.NOT_WORSE_YET)),
    "steps get longer": ({1: [5.0], 2: [6.0, 8.0]}, Advice(8, 2, 7.0, (1, 2), Why.NOT_WORSE_YET)),
    "past the top": ({1: [5.0], 2: [7.0], 8: [6.0]}, Advice(4, 2, 7.0, (1, 2, 8), Why.UNTRIED_AFTER)),
    "back down": (
        {1: [5.0], 2: [7.0], 8: [9.0], 16: [1.0]},
        Advice(4, 8, 9.0, (1, 2, 8, 16), Why.UNTRIED_BEFORE),
    ),
    "found": (
        {1: [5.0], 2: [7.0], 4: [8.0], 8: [6.0]},
        Advice(None, 4, 8.0, (1, 2, 4, 8), Why.NEIGHBOURS_ARE_WORSE),
    ),
    "the first is best": (
        {1: [5.0], 2: [4.0]},
        Advice(None, 1, 5.0, (1, 2), Why.FIRST_IS_BEST),
    ),
    "a tie goes on, and the first of equals is best": ({1: [5.0], 2: [5.0]}, Advice(8, 1, 5.0, (1, 2), Why.NOT_WORSE_YET)),
    "a failure is worse than all": (
        {1: [-9.0], 2: []},
        Advice(None, 1, -9.0, (1, 2), Why.FIRST_IS_BEST),
    ),
    "what is no number is no result": ({1: [math.nan], 2: [1.0]}, Advice(8, 2, 1.0, (1, 2), Why.NOT_WORSE_YET)),
    "a valley is told": (
        {1: [9.0, 9.5], 2: [3.0, 4.0], 8: [8.0, 7.0]},
        Advice(
            None,
            1,
            9.25,
            (1, 2, 8),
            Why.FIRST_IS_BEST,
            2,
        ),
    ),
    "a valley within the spread is none": (
        {1: [9.0, 5.0], 2: [3.0, 6.0], 8: [5.5, 2.0]},
        Advice(None, 1, 7.0, (1, 2, 8), Why.FIRST_IS_BEST),
    ),
    "a value that left the range does not count": ({1: [5.0], 3: [99.0]}, Advice(2, 1, 5.0, (1,), Why.NOT_WORSE_YET)),
    "begun in the middle": ({8: [5.0], 16: [4.0]}, Advice(1, 8, 5.0, (8, 16), Why.MAYBE_BEFORE)),
}


@pytest.mark.parametrize(("tried", "advice"), STORIES.values(), ids=STORIES)
def test_what_it_says(tried: Mapping[int, Sequence[float]], advice: Advice[int]) -> None:
    """Along 1, 2, 4, 8, 16, after these trials, this is next, and this is why."""
    assert next_value(tried, [1, 2, 4, 8, 16]) == advice


def test_a_range_of_one_value_is_tried_once() -> None:
    """One trial, and it is over; no value at all is a mistake."""
    assert next_value({7: [1.0]}, [7]) == Advice(None, 7, 1.0, (7,), Why.ONE_VALUE)
    with pytest.raises(ValueError, match="no value"):
        next_value({}, [])


def test_the_last_may_be_best() -> None:
    """A slope without a fall ends at its end."""
    advice, order = search([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (advice.best, order) == (4, [0, 1, 3, 4])
    assert advice.why is Why.LAST_IS_BEST

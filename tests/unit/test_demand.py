"""The smallest size that holds a load: which cells are tried, and what trials that dissent make of the answer."""

from collections.abc import Callable, Sequence

import pytest

from wke.judge.statistics.demand import Demand, walk

YES, NO, MOSTLY, HARDLY = (True, True, True), (False, False, False), (True, False, True), (False, True, False)


def walked(
    loads: Sequence[int], sizes: Sequence[int], cell: Callable[[int, int], Sequence[bool]]
) -> tuple[list[object], tuple[object, ...]]:
    """Return the cells that were tried, and the demands at the end."""
    cells: dict[tuple[int, int], list[bool]] = {}
    order: list[object] = []
    while (seen := walk(loads, sizes, cells)).next is not None:
        if seen.next not in order:
            order.append(seen.next)
        had = cells.setdefault(seen.next, [])
        had.append(cell(*seen.next)[len(had)])
    return order, seen.demands


def sure(load: int, least: int | None) -> Demand[int, int]:
    return Demand(load, least, None, None, known=True, sure=True)


def test_few_cells_are_tried() -> None:
    """Each load begins at the answer for the load below it; above the load that no size holds none is tried."""
    order, demands = walked([1, 2, 5, 9, 20, 30], [1, 2, 3, 4, 5], lambda load, size: YES if load <= 2 * size else NO)
    assert order == [(1, 1), (2, 1), (5, 1), (5, 2), (5, 3), (9, 3), (9, 4), (9, 5), (20, 5)]
    assert len(order) <= 6 + 5
    assert demands == (sure(1, 1), sure(2, 1), sure(5, 3), sure(9, 5), sure(20, None), sure(30, None))


@pytest.mark.parametrize(
    ("cells", "least", "below", "above"),
    [
        ({1: NO, 2: MOSTLY}, 2, None, 3),
        ({1: HARDLY, 2: YES}, 2, 1, None),
        ({1: HARDLY, 2: MOSTLY}, 2, 1, 3),
        ({1: NO, 2: NO, 3: MOSTLY}, 3, None, None),
        ({1: NO, 2: NO, 3: HARDLY}, None, 3, None),
    ],
)
def test_a_dissenting_trial_is_told(cells: dict[int, Sequence[bool]], least: int | None, below: int | None, above: int | None) -> None:
    """Most trials decide, and the neighbour that one of them speaks for is named."""
    _, demands = walked([7], [1, 2, 3], lambda _, size: cells[size])
    assert demands == (Demand(7, least, below, above, known=True, sure=False),)


def test_a_walk_goes_on_where_it_was() -> None:
    """What is not tried yet is unknown, the next cell is the one that lacks trials, and trials beyond the number do not count."""
    cells = {(1, 10): [False, False, True, True, True], (1, 20): [True]}
    seen = walk([1, 2], [10, 20], cells)
    assert seen.next == (1, 20)
    assert [(each.least, each.known, each.sure) for each in seen.demands] == [(None, False, False)] * 2
    seen = walk([1, 2], [10, 20], cells | {(1, 20): [True] * 3})
    assert seen.next == (2, 20)
    assert seen.demands[0] == Demand(1, 20, 10, None, known=True, sure=False)
    with pytest.raises(ValueError, match="no size"):
        walk([1], [], {})

"""The seats of a tree: few levels, few sockets to the controller, equal parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.act.relays.seats import seats


@pytest.mark.parametrize(
    ("machines", "fan_out", "above"),
    [
        (1, 2, (None,)),
        (3, 3, (None, None, None)),
        (4, 3, (None, 0, 0, 0)),
        (7, 2, (None, 0, 1, 1, 0, 4, 4)),
        (8, 3, (None, 0, 0, 0, None, 4, 4, 4)),
    ],
)
def test_a_small_tree(machines: int, fan_out: int, above: tuple[int | None, ...]) -> None:
    """No relay while the controller can carry all; then the first machine of each part carries the rest of it."""
    assert seats(machines, fan_out).above == above


def test_four_thousand_machines() -> None:
    """With 64 below each, 62 relays are between the controller and the others; with 32 there are two levels of relays."""
    above = seats(4000, 64).above
    assert above.count(None) == len(seats(4000, 64).relays) == 62
    assert seats(4000, 32).above.count(None) == 4


@given(st.integers(1, 500), st.integers(2, 40))
def test_every_machine_has_a_seat_and_no_one_too_many_below(machines: int, fan_out: int) -> None:
    """All are reached, each through as few relays as so many machines need, and no one carries more than the fan-out."""
    above = seats(machines, fan_out).above
    assert len(above) == machines
    assert all(relay is None or relay < number for number, relay in enumerate(above))
    assert max(above.count(relay) for relay in set(above)) <= fan_out
    levels: list[int] = []
    for relay in above:
        levels.append(1 if relay is None else 1 + levels[relay])
    needed = next(level for level in range(1, 20) if sum(fan_out**n for n in range(1, level + 1)) >= machines)
    assert max(levels) == needed

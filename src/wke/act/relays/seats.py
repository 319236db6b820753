"""Who sits where in a tree: which machines carry the frames of others."""

from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Seats:
    """The relay above each machine, by their numbers; None for those below the controller itself."""

    above: tuple[int | None, ...]

    @property
    def relays(self) -> frozenset[int]:
        """The machines that have others below them."""
        return frozenset(number for number in self.above if number is not None)


def seats(machines: int, fan_out: int) -> Seats:
    """Return a tree in which the controller and each relay have at most `fan_out` below them.

    It has as few levels as possible, then as few machines below the controller as possible, and its parts are equally large. A relay is the
    first machine of its part. The same numbers give the same tree.
    """
    above: list[int | None] = [None] * machines

    def fill(first: int, end: int, relay: int | None) -> None:
        size, largest = end - first, 1
        while fan_out * largest < size:
            largest = 1 + fan_out * largest
        parts = -(-size // largest)
        for part in range(parts):
            head, until = first + size * part // parts, first + size * (part + 1) // parts
            above[head] = relay
            fill(head + 1, until, head)

    fill(0, machines, None)
    return Seats(tuple(above))

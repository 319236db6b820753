"""The boxes of a flame graph: one per stack of frames, as wide as its share of all samples, below the box of its caller."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from wke.judge.profiles.difference import Shares
from wke.judge.profiles.stacks import Profile
from wke.values import dataclass

ALL = "all"


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its left edge and its width are shares of the whole; the outermost, at depth 0, is ALL.

    `samples` are those in it or in what it called, `own` those in it alone. In the picture of a difference `shares` says how they differ,
    and the width is the mean of both profiles' shares.
    """

    name: str
    depth: int
    left: float
    width: float
    samples: int
    own: int
    shares: Shares | None = None


@dataclass(slots=True)
class _Node:
    """Samples of both profiles at one stack, and what it called."""

    samples: list[int] = field(default_factory=lambda: [0, 0])
    own: list[int] = field(default_factory=lambda: [0, 0])
    below: "dict[str, _Node]" = field(default_factory=dict)


def boxes(profile: Profile, against: Profile | None = None) -> tuple[Box, ...]:
    """Return the boxes of a profile, or of its difference to another one: callers before what they called, from left to right by name."""
    root = _Node()
    _add(root, profile, 0)
    if against is not None:
        _add(root, against, 1)
    totals = (profile.total, None if against is None else against.total)
    return tuple(_laid(root, totals))


def _add(root: _Node, profile: Profile, which: int) -> None:
    for stack, count in profile.counts.items():
        node = root
        node.samples[which] += count
        for name in stack:
            node = node.below.setdefault(name, _Node())
            node.samples[which] += count
        node.own[which] += count


def _laid(root: _Node, totals: tuple[int, int | None]) -> Iterator[Box]:
    """Yield boxes; a stack instead of recursion, since programs recurse deeper than Python does."""
    total, other = totals

    def width(node: _Node) -> float:
        share = node.samples[0] / total if total else 0.0
        return share if other is None else (share + (node.samples[1] / other if other else 0.0)) / 2

    waiting: list[tuple[str, _Node, int, float]] = [(ALL, root, 0, 0.0)]
    while waiting:
        name, node, depth, left = waiting.pop()
        shares = None if other is None else Shares(node.samples[0], total, node.samples[1], other)
        yield Box(name, depth, left, width(node), node.samples[0], node.own[0], shares)
        waiting += reversed(list(_side_by_side(node.below, depth + 1, left, width)))


def _side_by_side(
    below: Mapping[str, _Node], depth: int, left: float, width: Callable[[_Node], float]
) -> Iterator[tuple[str, _Node, int, float]]:
    for name, node in sorted(below.items()):
        yield name, node, depth, left
        left += width(node)

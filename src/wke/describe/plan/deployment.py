"""Deployments: what steps with a scope have done and what stands, for the trials that it serves; and the order that spares most of it.

Steps with a scope come first in a trial, and each builds on those before it. So what stands is a stack of layers, one for each such step,
and two trials share the layers up to the first in which they differ: a step is planned otherwise, it has scope "point" and the point is
another, or the round is.

Theory. A round runs every point once, and its order is drawn anew, so that nothing that changes with time goes along with a parameter.
Where it costs much to deploy, trials that share a layer run one after the other: the order of these groups is drawn for each round, and
that within each group (a split-plot design, replicated in every round). A layer of which a series has several is deployed again in every
round, even where the last group of one round happens to be the first of the next: else two rounds would share what was peculiar to that
deployment, and intervals over rounds would be too narrow. What a series has only one of stays for all of it.
"""

import random
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

from wke.describe.configuration.step import PlannedStep

P = TypeVar("P")
Layer = tuple[int, ...]
"""Which of the things that a step with a scope is to do; with the round where a series has several."""
Deployment = tuple[Layer, ...]
"""What a trial needs to stand before its own steps."""


def layers(points: Sequence[Sequence[PlannedStep]]) -> tuple[Deployment, ...]:
    """Return for the steps of each point which layers they need, counted from 0 in the order of the points."""
    numbers: dict[Hashable, int] = {}
    found = []
    for place, steps in enumerate(points):
        stack: tuple[int, ...] = ()
        for step in steps:
            if step.scope == "trial":
                break
            key = (stack[-1:], step.key(), place if step.scope == "point" else None)
            stack = (*stack, numbers.setdefault(key, len(numbers)))
        found.append(tuple((number,) for number in stack))
    return tuple(found)


def several(stacks: Sequence[Deployment]) -> tuple[bool, ...]:
    """Return of which layers, by their depth, there is more than one."""
    return tuple(len(set(column)) > 1 for column in zip(*stacks, strict=True))


def of_round(stack: Deployment, many: Sequence[bool], number: int) -> Deployment:
    """Return the layers as that round has them: one of which there are many is the round's own."""
    return tuple((*layer, number) if of_many else layer for layer, of_many in zip(stack, many, strict=True))


def shuffled(points: Sequence[P], stacks: Sequence[Deployment], draw: random.Random) -> list[P]:
    """Return the points in random order, those that share a layer side by side."""
    order = draw.sample(range(len(points)), len(points))
    for depth in reversed(range(len(stacks[0]) if stacks else 0)):
        groups = list(dict.fromkeys(stack[: depth + 1] for stack in stacks))
        ranks = {group: rank for rank, group in enumerate(draw.sample(groups, len(groups)))}
        order.sort(key=lambda at: ranks[stacks[at][: depth + 1]])
    return [points[at] for at in order]


def shared(before: Deployment, after: Deployment) -> int:
    """Return how many layers two trials share."""
    return next((depth for depth, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))


def times(trials: Sequence[Deployment]) -> tuple[int, ...]:
    """Return how often each layer is deployed when these trials run one after the other, all of them well."""
    if not trials:
        return ()
    new = [0, *(shared(before, after) for before, after in pairwise(trials))]
    return tuple(sum(kept <= depth for kept in new) for depth in range(len(trials[0])))

"""Deployments: what steps with a scope leave deployed for the trials that follow, and the order of trials that needs few deployments.

Steps with a scope come first in a trial, and each builds on those before it. A deployment is therefore a stack of layers, one per such
step. Two trials share the layers below the first difference: a step is planned differently, it has scope "point" and the point differs,
or the round differs.

Theory. A round runs every point once in a new random order, so that nothing that changes with time correlates with a parameter. Trials
that share a layer run one after the other, because deploying may take long: in each round, the order of these groups is random, and so is
the order within each group (a split-plot design, replicated in every round). If a series has several layers at one depth, each is deployed
again in every round, even if the last group of a round is the first of the next one. Otherwise, two rounds would share the peculiarities
of one deployment, and intervals over rounds would be too narrow. A layer that is the only one at its depth stays for the whole series,
unless the experiment asks for new ones in each round (`redeploy`).
"""

import random
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

from wke.describe.configuration.step import PlannedStep

P = TypeVar("P")
Layer = tuple[int, ...]
"""One of the deployments that a step with a scope makes, with the round if the series has several."""
Deployment = tuple[Layer, ...]
"""The layers that a trial needs before its own steps."""


def layers(points: Sequence[Sequence[PlannedStep]]) -> tuple[Deployment, ...]:
    """Return the layers that the steps of each point need, numbered from 0 in the order of the points."""
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
    """Return for each depth whether there is more than one layer."""
    return tuple(len(set(column)) > 1 for column in zip(*stacks, strict=True))


def of_round(stack: Deployment, many: Sequence[bool], number: int) -> Deployment:
    """Return the layers for a round: where a depth has many, each round has its own."""
    return tuple((*layer, number) if of_many else layer for layer, of_many in zip(stack, many, strict=True))


def apart(points: Sequence[Sequence[PlannedStep]]) -> tuple[Deployment, ...]:
    """Return the layers of trials that must not see what an earlier one left behind, by their steps in the order of the trials.

    From the first step with a scope that runs in the background on, each trial has layers of its own: a server may still work on requests
    of the trial before.
    """
    first = [next((depth for depth, step in enumerate(steps) if step.background), len(steps)) for steps in points]
    return tuple(
        of_round(stack, [depth >= first[number] for depth in range(len(stack))], number) for number, stack in enumerate(layers(points))
    )


def shuffled(points: Sequence[P], stacks: Sequence[Deployment], draw: random.Random) -> list[P]:
    """Return the points in random order, with those that share a layer next to each other."""
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
    """Return how often each layer is deployed if these trials run in this order and all succeed."""
    if not trials or not trials[0]:
        return ()
    new = [0, *(shared(before, after) for before, after in pairwise(trials))]
    return tuple(sum(kept <= depth for kept in new) for depth in range(len(trials[0])))

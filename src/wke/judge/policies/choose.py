"""The one place that knows which policy a series has."""

from dataclasses import replace

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.rules import Rules, rules_of
from wke.describe.search.search import MAX
from wke.judge.policies.budgeted import Budgeted
from wke.judge.policies.climbing import Climbing
from wke.judge.policies.decided import Decided
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.largest import Largest
from wke.judge.policies.maximizing import KEPT, Maximizing
from wke.judge.policies.policy import Policy
from wke.judge.policies.precise import Precise
from wke.judge.policies.smallest import Smallest


def policy_of(experiment: Experiment) -> Policy:
    """Return the policy that an experiment file asks for."""
    return policy_by(rules_of(experiment))


def policy_by(rules: Rules) -> Policy:
    """Return the policy that follows from rules."""
    if rules.searched is not None and rules.search is not None:
        if rules.search.find == MAX:
            return Largest(rules.searched, rules.search, rules.metrics, rules.points)
        return Smallest(rules.searched, rules.search, rules.metrics, rules.points)
    if rules.climb is not None and rules.goal is not None:
        return Climbing(rules.climb, rules.goal, rules.better, rules.metrics, rules.points)
    if not rules.contests:
        return _of_all_points(rules)
    total_s, budget = None, rules.budget
    if budget is not None:
        total_s, budget = budget.total_s, replace(budget, total_s=(1 - KEPT) * budget.total_s)
    first = _of_all_points(replace(rules, budget=budget))
    return Maximizing(first, rules.contests, rules.metrics, rules.points, rules.fresh_rounds, total_s, rules.cooldown_s)


def _of_all_points(rules: Rules) -> Policy:
    """Return the policy for the rounds of all points."""
    if rules.budget is not None:
        stopping, baseline = rules.stopping, rules.baseline
        return Budgeted(rules.budget, stopping, rules.metrics, rules.points, baseline, rules.iterations, rules.cooldown_s)
    if rules.stopping is not None:
        return Precise(rules.stopping, rules.metrics, rules.points, rules.iterations)
    if rules.decided:
        return Decided(rules.baseline, rules.threshold, rules.metrics, rules.points, rules.iterations)
    return Fixed()

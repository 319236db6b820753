"""The one place that knows which policy a series has."""

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.rules import Rules, rules_of
from wke.judge.policies.budgeted import Budgeted
from wke.judge.policies.climbing import Climbing
from wke.judge.policies.decided import Decided
from wke.judge.policies.fixed import Fixed
from wke.judge.policies.policy import Policy
from wke.judge.policies.precise import Precise


def policy_of(experiment: Experiment) -> Policy:
    """Return the policy that an experiment file asks for."""
    return policy_by(rules_of(experiment))


def policy_by(rules: Rules) -> Policy:
    """Return the policy that follows from rules."""
    if rules.climb is not None and rules.goal is not None:
        return Climbing(rules.climb, rules.goal, rules.better, rules.metrics, rules.points, rules.iterations)
    if rules.budget is not None:
        stopping, baseline = rules.stopping, rules.baseline
        return Budgeted(rules.budget, stopping, rules.metrics, rules.points, baseline, rules.iterations, rules.cooldown_s)
    if rules.stopping is not None:
        return Precise(rules.stopping, rules.metrics, rules.points, rules.iterations)
    if rules.decided:
        return Decided(rules.baseline, rules.threshold, rules.metrics, rules.points, rules.iterations)
    return Fixed()

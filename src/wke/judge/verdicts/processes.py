"""The rule of processes: what runs in the background must work throughout the measurement.

A background task that ends makes the trial fail. This rule finds those that stay and do nothing: stopped, hung, or waiting for one another.
"""

from collections.abc import Sequence
from itertools import dropwhile, groupby

from wke.describe.experiment.verdictfile import ProcessesRule
from wke.judge.verdicts.ruling import Missing, Ruling, unknown, worst_place
from wke.keep.trials.judgements import Level
from wke.values import dataclass

IDLE = 0.0005
"""The cores up to which a task that uses them does nothing."""


@dataclass(frozen=True, slots=True)
class TaskUse:
    """The cores that a background task used on average in each window of one second."""

    task: str
    cpu: Sequence[float]


def judge_processes(tasks: Sequence[TaskUse], rule: ProcessesRule) -> Ruling:
    """Return whether a task stood still that works otherwise."""
    return worst_place([_judge(task, rule) for task in tasks]) if tasks else unknown(Missing.TELEMETRY)


def _judge(task: TaskUse, rule: ProcessesRule) -> Ruling:
    begun = dropwhile(lambda used: used <= IDLE, task.cpu)  # before the first request there may be nothing to do
    still = max((len(list(run)) for idle, run in groupby(begun, lambda used: used <= IDLE) if idle), default=0)
    working = [used for used in task.cpu if used > IDLE]
    busy = sum(working) / len(working) if working else 0.0
    level = Level.SUSPECT if still >= rule.still and busy > rule.busy else Level.OK
    return Ruling(level, {"still": still, "busy": busy}, task.task)

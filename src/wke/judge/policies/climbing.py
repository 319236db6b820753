"""Climbing in an experiment: at every setting of the other parameters, the search for the best value of the last one.

Pure: what its trials gave goes in, which points the searches want next and what they found comes out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wke.describe.experiment.experiment import Experiment
from wke.describe.experiment.sweep import Point, Value, point_text, value_text
from wke.describe.expression.equation import over
from wke.describe.expression.evaluation import number_or_nan
from wke.judge.policies.search import Advice, next_value
from wke.judge.statistics.summaries import point_key
from wke.keep.trials.trials import PlannedTrial, StoredAttempt


@dataclass(frozen=True, slots=True)
class Climb:
    """One search: the points along its range, and what is to be said of it."""

    parameter: str
    points: tuple[Point, ...]
    advice: Advice[Value]

    @property
    def next(self) -> Point | None:
        """The point to try next; None when the search is over."""
        wanted = self.advice.next
        return next((point for point in self.points if wanted is not None and point[self.parameter] == wanted), None)


def searches(
    experiment: Experiment, planned: Sequence[PlannedTrial], stored: Mapping[str, StoredAttempt], attempted: Collection[str] = ()
) -> tuple[Climb, ...]:
    """Return where an experiment's searches stand; none if it has none.

    A point is tried when none of its trials is missing; those `attempted` now and failed are not missing, but give nothing.
    """
    if experiment.parameters.climb is None:
        return ()
    points: dict[object, list[PlannedTrial]] = {}
    for trial in planned:
        points.setdefault(point_key(trial.point), []).append(trial)
    finished = [
        (
            trials[0].point,
            [goal_of(experiment, {**t.point, **stored[t.id].observations}) for t in trials if t.id in stored and not t.warmup],
        )
        for trials in points.values()
        if all(t.id in stored or t.id in attempted for t in trials)
    ]
    return climbs(experiment, finished)


def climbs(experiment: Experiment, finished: Iterable[tuple[Mapping[str, object], Sequence[float]]]) -> tuple[Climb, ...]:
    """Return every search of an experiment, in the order of its points; none if it has none.

    `finished` are the points of which no trial is missing, with what their trials gave of the experiment's goal.
    """
    sweep = experiment.parameters
    if sweep.climb is None:
        return ()
    given = {point_key(point): values for point, values in finished}
    found = []
    for points in sweep.climbs():
        tried = {point[sweep.climb]: given[point_key(point)] for point in points if point_key(point) in given}
        values = [point[sweep.climb] for point in points]
        found.append(Climb(sweep.climb, points, next_value(tried, values, experiment.better)))
    return tuple(found)


def goal_of(experiment: Experiment, columns: Mapping[str, object]) -> float:
    """Return what a trial with these parameters and metrics gave of the experiment's goal; NaN if nothing."""
    units = {metric.name: metric.unit for metric in experiment.metrics}
    return number_or_nan(over(experiment.goal, columns), columns, units) if experiment.goal is not None else float("nan")


def climb_text(climb: Climb, experiment: Experiment) -> str:
    """Return what a search tried and found, and why it is over or not: one line, and one more if there is doubt."""
    advice = climb.advice
    varied = [name for name in experiment.parameters.varied if name != climb.parameter]
    at = point_text({name: climb.points[0][name] for name in varied if name in climb.points[0]})
    tried = ", ".join(map(value_text, advice.tried)) or "nothing yet"
    text = f"climb along {climb.parameter}{f' at {at}' if at else ''}: tried {tried}"
    if advice.best is not None and advice.mean is not None:
        goal = experiment.goal.printed() if experiment.goal is not None else ""
        text += f"; best {value_text(advice.best)} with a mean {goal} of {advice.mean:.4g}"
    text += f"; over: {advice.why}" if advice.next is None else f"; next {value_text(advice.next)}: {advice.why}"
    return f"{text}\n  {advice.doubt}" if advice.doubt else text

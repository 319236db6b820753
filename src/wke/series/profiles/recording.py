"""Records a profile of a point: one trial more, whose result is never stored, and what its samples say."""

import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from wke.act.interrupt import run_to_end
from wke.act.providers.provide import provide
from wke.act.trials.profiled import TrialToProfile, run_profiled
from wke.describe.experiment.point import point_key
from wke.describe.experiment.sweep import Point, point_text
from wke.describe.names import PointsOf, parse_name, points_with
from wke.describe.plan.binding import bound
from wke.describe.plan.plan import Trial
from wke.describe.plan.profiling import ProfilingWish
from wke.errors import InputError
from wke.keep.profiles import KeptProfile, ProfileFolder
from wke.keep.store import Store
from wke.records import Sink
from wke.series.detached import left_running
from wke.series.folders import RESULTS
from wke.series.growing import on_cluster, plan_series
from wke.series.planned import PlannedSeries
from wke.series.profiles.kept import LoadedProfile, keep
from wke.series.profiles.reading import read_recorded
from wke.series.project import read_project
from wke.series.resolve import experiment_file
from wke.values import dataclass

MOST_NAMED = 6
Display = Callable[[PlannedSeries], AbstractContextManager[Sink]]


@dataclass(frozen=True, slots=True)
class AskedPoint:
    """A point of an experiment, of which a profile is wanted."""

    series: PlannedSeries
    point: Point

    def trial(self, series: PlannedSeries) -> Trial:
        """Return the point's first trial in a plan."""
        trials = [item.trial for item in series.trials if point_key(item.trial.point) == point_key(self.point)]
        return min(trials, key=lambda trial: (trial.warmup, trial.iteration))


def asked_point(text: str, cluster_file: Path) -> AskedPoint:
    """Return the point that SERIES:PARAMETER=VALUE names in the experiment as it is now; raise InputError for none, or several."""
    name = parse_name(text)
    points_of = isinstance(name, PointsOf) and name.series is not None
    file = experiment_file(name.series if isinstance(name, PointsOf) and name.series is not None else text)
    series = plan_series(read_project(file, cluster_file))
    planned = {point_key(item.trial.point): item.trial.point for item in series.trials}
    points = {key: planned[key] for key in map(point_key, series.points) if key in planned}
    values = name.values if isinstance(name, PointsOf) and points_of else {}
    found = {key: points[key] for key in map(point_key, points_with(points.values(), values, text))}
    if len(found) > 1:
        shown = [point_text(point).replace(", ", ",") for point in found.values()]
        more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
        of = series.plan.experiment.name
        hint = f"give one of {', '.join(f'{of}:{one}' for one in shown[:MOST_NAMED])}{more}"
        raise InputError(f"{text} means {len(found)} points, and a profile is of one", hint=hint)
    return AskedPoint(series, next(iter(found.values())))


def record_profile(asked: AskedPoint, wish: ProfilingWish, display: Display) -> LoadedProfile:
    """Run a trial with profilers, and keep what they recorded. Raises TargetError when nothing was sampled; then nothing is kept."""
    series, name, profiles = asked.series, asked.series.plan.experiment.name, ProfileFolder(RESULTS)
    wish.of(asked.trial(series), series.project.cluster)  # raises before machines are made
    _refuse_left_running(series)
    with provide(series.project.whole) as place, profiles.begin(name, shlex.join(["wke", *sys.argv[1:]])) as (number, folder):
        if place.cluster != series.project.whole:
            series = on_cluster(series, place.cluster)
        trial, at_ns = bound(asked.trial(series), place.cluster), place.now()
        profiling = wish.of(trial, series.project.cluster)
        with display(series) as sink:
            ran = run_to_end(run_profiled(place, TrialToProfile(series.plan.experiment, trial, profiling, folder), sink))
        read = read_recorded(ran, profiling)
        kept = KeptProfile(
            number=number,
            series=name,
            point=dict(trial.point),
            tool=wish.tool,
            frequency_hz=wish.frequency_hz,
            unwinding=wish.unwinding,
            event=read.event,
            at_ns=at_ns,
            window_s=read.window_s,
            samples=read.profile.total,
            lost=read.lost,
            outcome=str(ran.result.outcome),
            why=ran.result.why,
            values=dict(ran.seen.values),
            units=dict(ran.seen.units),
            notes=read.notes,
        )
        return keep(profiles, kept, read.profile)


def _refuse_left_running(series: PlannedSeries) -> None:
    """Raise InputError if a trial was left running on these machines."""
    if not Store.exists(RESULTS):
        return
    with Store.open(RESULTS, readonly=True) as store:
        left = left_running(series, store)
    if left is not None:
        hint = f"take it up with `wke measure {series.plan.experiment.path}`, or stop it with `wke abandon`"
        raise InputError(f"trial {left[1].planned.id} of this series was left running on these machines", hint=hint)

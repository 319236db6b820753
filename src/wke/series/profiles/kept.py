"""Kept profiles: found by their number or by the point they are of, with the series beside them, and compared."""

import math
from collections.abc import Mapping
from pathlib import Path

from wke.describe.experiment.point import point_key
from wke.describe.plan.profiling import PERF
from wke.describe.toml.wording import counted
from wke.errors import InputError, StoreError
from wke.judge.profiles.stacks import Profile, folded, machines_together, unfolded
from wke.judge.statistics.statistics import Summary
from wke.keep.files.disk import write_atomically
from wke.keep.profiles import FLAMES, SPEEDSCOPE, STACKS, KeptProfile, ProfileFolder
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.resolve import find_series
from wke.series.summary import load_summary
from wke.tell.profiles.flamegraph import flame_graph
from wke.tell.profiles.speedscope import speedscope
from wke.tell.profiles.words import COLOURS, facts_of, name_of, title_of
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A kept profile with its samples, in its folder; `usual` are the summaries of its series at its point, by metric."""

    kept: KeptProfile
    profile: Profile
    folder: Path
    usual: Mapping[str, Summary]


def keep(profiles: ProfileFolder, kept: KeptProfile, profile: Profile) -> LoadedProfile:
    """Write the files of a profile that was just recorded."""
    title = title_of(kept)
    graph = flame_graph(profile, title, facts_of(kept, profile))
    profiles.write(kept, {STACKS: folded(profile), FLAMES: graph, SPEEDSCOPE: speedscope(profile, title)})
    return LoadedProfile(kept, profile, profiles.at(kept.number), usual_values(kept))


def find_profile(text: str) -> LoadedProfile:
    """Return the profile with that number, or the latest one of a point SERIES:PARAMETER=VALUE; raise an error when there is none."""
    profiles = ProfileFolder(RESULTS)
    if text.isdecimal():
        kept = profiles.read(int(text))
    else:
        if not Store.exists(RESULTS):
            raise StoreError(f"there are no results, so {text} is not known", hint="give the number of a profile: `wke profile` lists them")
        with Store.open(RESULTS, readonly=True) as store:
            selection = find_series(store, text)
        found = [one for one in profiles.all() if one.series == selection.series and selection.has(one.point)]
        if not found:
            raise InputError(f"no profile of {text} is kept", hint=f"record one: wke profile {text}")
        kept = found[-1]
    try:
        profile = unfolded(profiles.stacks(kept.number))
    except ValueError as error:
        raise StoreError(f"profile {kept.number} in {profiles.at(kept.number)} is damaged: {error}") from None
    return LoadedProfile(kept, profile, profiles.at(kept.number), usual_values(kept))


def draw_difference(here: LoadedProfile, there: LoadedProfile) -> Path:
    """Draw how a profile differs from another one, all machines together, into its folder; return the file.

    Raises InputError if they do not compare.
    """
    if here.kept.number == there.kept.number:
        raise InputError(f"profile {here.kept.number} cannot be compared with itself")
    check_alike(there, here.kept.tool, here.kept.unwinding)
    title = f"Profile {here.kept.number} against profile {there.kept.number}"
    ours, theirs = (f"{name_of(one.kept)} ({counted(one.profile.total, 'sample')})" for one in (here, there))
    facts = f"{ours} against {theirs}. {COLOURS}"
    path = here.folder / f"against-{there.kept.number}.svg"
    write_atomically(path, flame_graph(machines_together(here.profile), title, facts, machines_together(there.profile)).encode())
    return path


def check_alike(there: LoadedProfile, tool: str, unwinding: str) -> None:
    """Raise InputError if a profile was recorded in another way than this one."""
    ways = [
        f"{program}, {way}" if program == PERF else program for program, way in ((there.kept.tool, there.kept.unwinding), (tool, unwinding))
    ]
    if ways[0] != ways[1]:
        what = f"profile {there.kept.number} was recorded with {ways[0]}, and its stacks do not compare with those of {ways[1]}"
        raise InputError(what, hint="use the same --with and --unwind for both")


def usual_values(kept: KeptProfile) -> Mapping[str, Summary]:
    """Return the summaries of the metrics of a profile's series at its point, as far as there are."""
    if not Store.exists(RESULTS):
        return {}
    with Store.open(RESULTS, readonly=True) as store:
        if kept.series not in store.plans.names():
            return {}
        rows = load_summary(store, kept.series).table.rows
    row = next((row for row in rows if point_key(row.point) == point_key(kept.point)), None)
    return {} if row is None else {name: one for name, one in row.summaries.items() if math.isfinite(one.centre)}

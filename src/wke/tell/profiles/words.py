"""Profiles in words: titles, the functions with the most samples, and how much sampling slowed the trial down."""

from collections.abc import Iterable, Mapping

from wke.describe.experiment.sweep import point_text
from wke.describe.plan.profiling import PERF
from wke.describe.toml.wording import counted
from wke.judge.profiles.difference import FunctionChange, Shares, changes
from wke.judge.profiles.stacks import Profile, functions
from wke.judge.statistics.statistics import Summary
from wke.keep.profiles import KeptProfile
from wke.tell.profiles.flamegraph import difference_words
from wke.tell.words import seconds

MOST_FUNCTIONS = 12
COLOURS = "Red: a larger share here; blue: a smaller one; grey: the difference may be chance."
DOES_NOT_COUNT = "This trial does not count: sampling slows programs down, and it ran apart from the trials of the series."


def name_of(kept: KeptProfile) -> str:
    """Return what a profile is of, as a user writes it."""
    point = point_text(kept.point).replace(", ", ",")
    return f"{kept.series}:{point}" if point else kept.series


def title_of(kept: KeptProfile) -> str:
    """Return the title of a profile."""
    return f"Profile {kept.number} of {name_of(kept)}"


def facts_of(kept: KeptProfile, profile: Profile) -> str:
    """Return how a profile was recorded."""
    tool = f"perf, {kept.event}" if kept.tool == PERF and kept.event else kept.tool
    tasks = ", ".join(dict.fromkeys(target for target, _ in profile.by_task()))
    samples = f"{counted(profile.total, 'sample')} of {tasks}"
    return f"{samples} in the {seconds(kept.window_s)} of the measured step ({tool}, {kept.frequency_hz} Hz)"


def task_rows(profile: Profile) -> list[list[str]]:
    """Return the rows of a table of tasks."""
    rows = [["task", "samples", "share"]]
    for (target, machine), samples in profile.by_task().items():
        rows.append([f"{target} on {machine}", str(samples), _percent(samples, profile.total)])
    return rows


def function_rows(profile: Profile) -> list[list[str]]:
    """Return the rows of a table of the functions with the most samples of their own."""
    total = profile.total
    rows = [[one.name, _percent(one.own, total), _percent(one.total, total)] for one in functions(profile)[:MOST_FUNCTIONS]]
    return [["function", "itself", "with calls"], *rows]


def change_rows(profile: Profile, against: Profile) -> list[list[str]]:
    """Return the rows of a table of the functions whose shares certainly differ; only the head if there is none."""
    certain = [one for one in changes(profile, against) if one.own.is_certain or one.total.is_certain][:MOST_FUNCTIONS]
    rows = [[one.name, *_sides(one.own), *_sides(one.total)] for one in certain]
    return [["function", "itself", "there", "difference", "with calls", "there", "difference"], *rows]


def _sides(shares: Shares) -> tuple[str, str, str]:
    gain = f"{100 * shares.gain:+.1f}" if shares.is_certain else "(chance)"
    return f"{100 * shares.share:.1f} %", f"{100 * shares.other_share:.1f} %", gain


def metric_rows(kept: KeptProfile, usual: Mapping[str, Summary]) -> list[list[str]]:
    """Return the rows of a table of what the profiled trial observed, beside its series."""
    rows = [["metric", "this trial", "the series", "difference"]]
    for name, value in kept.values.items():
        unit = f" {kept.units[name]}" if kept.units.get(name) else ""
        mine = f"{value:,.6g}{unit}"
        summary = usual.get(name)
        if summary is None:
            rows.append([name, mine, "not measured", ""])
        else:
            relative = f"{100 * (value / summary.centre - 1):+.1f} %" if summary.centre else ""
            rows.append([name, mine, f"{summary.centre:,.6g}{unit} ({summary.kind.replace('-', ' ')} of {summary.n})", relative])
    return rows


def profile_json(kept: KeptProfile, profile: Profile, usual: Mapping[str, Summary], folder: str) -> dict[str, object]:
    """Return a profile for programs; shares are of all samples."""
    return {
        **kept.document(),
        "folder": folder,
        "counts": False,
        "without-symbol": profile.without_symbol,
        "tasks": [{"target": target, "machine": machine, "samples": n} for (target, machine), n in profile.by_task().items()],
        "functions": [{"name": one.name, "own": one.own, "total": one.total} for one in functions(profile)],
        "series-values": {name: {"centre": one.centre, "kind": one.kind, "n": one.n} for name, one in usual.items()},
    }


def changes_json(profile: Profile, against: Profile) -> list[dict[str, object]]:
    """Return the differences of all functions for programs."""
    return [_change(one) for one in changes(profile, against)]


def _change(one: FunctionChange) -> dict[str, object]:
    return {
        "name": one.name,
        "own-share": one.own.share,
        "other-own-share": one.own.other_share,
        "own-differs": one.own.is_certain,
        "share": one.total.share,
        "other-share": one.total.other_share,
        "differs": one.total.is_certain,
        "words": difference_words(one.own),
    }


def kept_rows(all_kept: Iterable[KeptProfile]) -> list[list[str]]:
    """Return the rows of a table of kept profiles."""
    head = ["profile", "of", "recorded with", "samples", "outcome"]
    return [head, *([str(k.number), name_of(k), f"{k.tool}, {k.frequency_hz} Hz", str(k.samples), k.outcome] for k in all_kept)]


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f} %"

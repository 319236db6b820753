"""`wke profile`: runs one trial more, which does not count, and shows where its tasks spend processor time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import click

from wke.cli.options import as_json as json_option
from wke.cli.options import grouped, project
from wke.describe.plan.profiling import FREQUENCY_HZ, PERF, TOOLS, UNWINDINGS, ProfilingWish
from wke.errors import InputError
from wke.keep.profiles import FLAMES, SPEEDSCOPE, STACKS, ProfileFolder
from wke.records import Sink
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries
from wke.series.profiles.kept import LoadedProfile, check_alike, draw_difference, find_profile
from wke.series.profiles.recording import asked_point, record_profile
from wke.tell.profiles import words
from wke.tell.terminal.console import Printer
from wke.tell.terminal.progress import SeriesState, progress
from wke.values import dataclass

HIGHEST_HZ = 10_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ProfileOptions:
    """The options of `wke profile`."""

    task: Annotated[
        tuple[str, ...], click.option("--task", multiple=True, metavar="TARGET", help="Sample only tasks of this target. May be repeated.")
    ]
    on: Annotated[str | None, click.option("--on", metavar="SELECTOR", help="Sample only tasks on these machines.")]
    tool: Annotated[
        str, click.option("--with", "tool", type=click.Choice(TOOLS), default=PERF, show_default=True, help="py-spy: for Python programs.")
    ]
    frequency: Annotated[
        int,
        click.option(
            "--frequency",
            type=click.IntRange(1, HIGHEST_HZ),
            default=FREQUENCY_HZ,
            show_default=True,
            metavar="HZ",
            help="Samples per second of processor time.",
        ),
    ]
    unwind: Annotated[
        str,
        click.option(
            "--unwind",
            type=click.Choice(UNWINDINGS),
            default=UNWINDINGS[0],
            show_default=True,
            help="How perf finds callers. dwarf: for programs without frame pointers; needs their debug information, costs more.",
        ),
    ]
    against: Annotated[
        str | None,
        click.option("--against", metavar="OTHER", help="Draw the difference to this kept profile, or to the latest one of this point."),
    ]


@click.command(epilog="A profile is kept in results/profiles/; `wke clean SERIES --profiles` removes those of a series.")
@click.argument("point", required=False)
@grouped(ProfileOptions)
@project
@json_option
def profile(point: str | None, cluster_file: Path, *, options: ProfileOptions, as_json: bool) -> int:
    """Run one trial more at POINT, which does not count, and show in which functions its tasks spend processor time.

    POINT is SERIES:PARAMETER=VALUE, or FILE.toml:PARAMETER=VALUE. All tasks that run during the measured step are sampled on all machines,
    unless --task or --on choose. The trial is never a result: it is neither stored as one, nor averaged, nor reused.

    With a number, show that kept profile; with nothing, list the kept profiles.
    """
    if point is None:
        return _list(as_json=as_json)
    there = None if options.against is None else find_profile(options.against)
    wish = ProfilingWish(options.tool, options.frequency, options.unwind, options.task, options.on)
    if point.isdecimal():
        if wish != ProfilingWish():
            raise InputError(
                f"profile {point} is recorded already", hint="--task, --on, --with, --frequency and --unwind are for a new one"
            )
        here = find_profile(point)
    else:
        if there is not None:
            check_alike(there, wish.tool, wish.unwinding)
        here = record_profile(asked_point(point, cluster_file), wish, _display)
    difference = None if there is None else draw_difference(here, there)
    if as_json:
        Printer().document(_json(here, there, difference))
    else:
        _print(here, there, difference)
    return 0 if here.kept.outcome == "ok" else 1


def _list(*, as_json: bool) -> int:
    kept = ProfileFolder(RESULTS).all()
    if as_json:
        Printer().document({"profiles": [one.document() for one in kept]})
    elif kept:
        Printer().table(words.kept_rows(kept))
    else:
        Printer().talk("no profile is kept; `wke profile SERIES:PARAMETER=VALUE` records one")
    return 0


@contextmanager
def _display(series: PlannedSeries) -> Iterator[Sink]:
    experiment = series.plan.experiment
    Printer().talk(f"{experiment.name}: one trial more, to be sampled; it does not count")
    with progress(SeriesState(0.0, {metric.name: metric.unit for metric in experiment.metrics})) as sink:
        yield sink


def _print(here: LoadedProfile, there: LoadedProfile | None, difference: Path | None) -> None:
    out, kept = Printer(), here.kept
    out.data(f"{words.title_of(kept)}: {words.facts_of(kept, here.profile)}")
    out.table(words.task_rows(here.profile))
    out.data("")
    if there is None:
        out.table(words.function_rows(here.profile))
    else:
        rows = words.change_rows(here.profile, there.profile)
        out.data(f"against profile {there.kept.number} of {words.name_of(there.kept)}:")
        if len(rows) > 1:
            out.table(rows)
        else:
            out.data("no function differs by more than chance explains")
    if kept.values:
        out.data("")
        out.table(words.metric_rows(kept, here.usual))
    out.talk(words.DOES_NOT_COUNT)
    for note in (*kept.notes, *([f"the trial did not end well: {kept.outcome}: {kept.why}"] if kept.outcome != "ok" else [])):
        out.talk(note)
    for path in _files(here, difference):
        out.talk(str(path))


def _files(here: LoadedProfile, difference: Path | None) -> list[Path]:
    return [here.folder / name for name in (FLAMES, SPEEDSCOPE, STACKS)] if difference is None else [difference]


def _json(here: LoadedProfile, there: LoadedProfile | None, difference: Path | None) -> dict[str, object]:
    document = words.profile_json(here.kept, here.profile, here.usual, str(here.folder))
    if there is not None:
        changes = words.changes_json(here.profile, there.profile)
        document["against"] = {"profile": there.kept.number, "file": str(difference), "changes": changes}
    return document

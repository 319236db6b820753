"""`wke check`: reports every mistake in a project's files at once or, with `--store`, every defect of the store."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from wke.cli.options import as_json, project
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.describe.experiment.experimentreader import draft_experiment
from wke.describe.toml.tables import gather
from wke.describe.toml.wording import counted
from wke.errors import InputError, Problem, StoreError
from wke.keep.inspection import inspect_store
from wke.series.folders import RESULTS
from wke.series.growing import plan_series
from wke.series.planned import experiment_files, refuse_same_names
from wke.series.project import read_project
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--store", is_flag=True, help="Check the store in results/ instead: the database, every folder, every file.")
@project
@as_json
def check(files: tuple[Path, ...], cluster_file: Path, *, store: bool, as_json: bool) -> None:
    """Check FILES (experiments), or the whole project: cluster.toml, every configuration, every experiment below experiments/.

    Prints each mistake as file:line:column: key: what is wrong, with a hint; the exit status is 2 if there is any. Experiments are planned
    in full, with the options, selectors and templates of every point. Nothing is started.

    With --store every stored file is read and compared with its state when its attempt ended. The exit status is 1 if anything is wrong.
    Nothing is changed, and a series may run meanwhile.
    """
    if store:
        if files:
            raise InputError("--store checks the store, so it takes no FILES", hint="wke check --store; wke check FILES")
        _check_store(as_json=as_json)
        return
    experiments = files or experiment_files()
    configurations = () if files else sorted(p.parent for p in Path().glob("*/config.toml"))
    readers: list[Callable[[], object]] = [partial(_check_cluster, cluster_file)]
    readers += [partial(read_configuration, folder.name, folder.parent) for folder in configurations]
    readers += [partial(_check_experiment, file, cluster_file) for file in experiments]
    readers += [partial(refuse_same_names, experiments)]
    if as_json:
        _print_json(readers)
        return
    out = Printer()
    checked = gather(*readers)
    for note in _notes(checked):
        out.talk(f"note: {note}")
    for warning in _warnings(checked):
        out.talk(f"warning: {warning}")
    out.talk(f"{cluster_file}, {counted(len(configurations), 'configuration')}, {counted(len(experiments), 'experiment')}: no mistake")


def _check_store(*, as_json: bool) -> None:
    """Print what is in the store; raise StoreError with everything that is wrong with it."""
    seen = inspect_store(RESULTS)
    out = Printer()
    if as_json:
        counts = {"attempts": seen.attempts, "files": seen.files, "size-bytes": seen.size_bytes}
        problems = {name: [found.facts() for found in kind] for name, kind in (("findings", seen.findings), ("notes", seen.notes))}
        out.document(problems | counts)
    else:
        for note in seen.notes:
            out.talk(str(note))
        verdict = f"{len(seen.findings)} wrong" if seen.findings else "nothing wrong"
        out.talk(
            f"{RESULTS}: {counted(seen.attempts, 'attempt')}, {counted(seen.files, 'file')} of {seen.size_bytes / 1e6:.1f} MB: {verdict}"
        )
    if seen.findings:
        raise StoreError(*seen.findings)


def _print_json(readers: list[Callable[[], object]]) -> None:
    """Print what was found as JSON; then raise an InputError with the mistakes, if there are any."""
    try:
        checked = gather(*readers)
    except InputError as error:
        Printer().document({"mistakes": [mistake.facts() for mistake in error.problems], "warnings": [], "notes": []})
        raise
    warnings = [warning.facts() for warning in _warnings(checked)]
    Printer().document({"mistakes": [], "warnings": warnings, "notes": _notes(checked)})


def _check_cluster(cluster_file: Path) -> ClusterSpec:
    """Read a cluster; raise InputError also for what its provider would refuse."""
    cluster = read_cluster(cluster_file)
    if cluster.refusals:
        raise InputError(*cluster.refusals)
    return cluster


def _check_experiment(file: Path, cluster_file: Path) -> object:
    """Plan an experiment that has steps; for one that belongs to a benchmark script, check the file only."""
    experiment, problems = draft_experiment(file)
    if experiment is not None and experiment.steps:
        return plan_series(read_project(file, cluster_file))
    if problems or experiment is None:
        raise InputError(*problems)
    return experiment


def _warnings(checked: tuple[object, ...]) -> Iterator[Problem]:
    seen: set[Problem] = set()
    for value in checked:
        for warning in getattr(value, "warnings", ()):
            if warning not in seen:
                seen.add(warning)
                yield warning


def _notes(checked: tuple[object, ...]) -> list[str]:
    """Return what machines cannot do by the way in which they are reached."""
    return [note for value in checked if isinstance(value, ClusterSpec) for note in value.notes]

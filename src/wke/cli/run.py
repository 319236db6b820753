"""`wke run`: runs targets on machines, one after the other, until one fails."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import click

from wke.act.providers.beginning import beginning
from wke.act.providers.provide import provide
from wke.api.request import Request
from wke.cli.options import grouped, project
from wke.describe.assignments import assignments
from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.configuration.configuration import ConfigurationSpec, read_configuration
from wke.describe.configuration.copies import COPY_DATA
from wke.describe.configuration.step import DEFAULT_PRELUDE, PlannedStep
from wke.describe.expression.quantity import seconds as read_seconds
from wke.describe.toml.tables import gather
from wke.errors import InputError, did_you_mean
from wke.values import dataclass

COPY_HINT = f"run {COPY_DATA} alone, or use `wke copy`, which copies to machines and back"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunOptions:
    """The options of `wke run`."""

    options: Annotated[
        tuple[str, ...],
        click.option("-D", "options", multiple=True, metavar="OPTION=VALUE", help="An option of the target (only with a single target)."),
    ]
    multiply: Annotated[
        int, click.option("--multiply", default=1, show_default=True, type=click.IntRange(min=1), help="Tasks per machine.")
    ]
    prelude: Annotated[str | None, click.option("--prelude", help='Use this prelude instead of the default one; "none" for none.')]
    workdir: Annotated[str | None, click.option("--workdir", help="Folder on the machines to run in.")]
    timeout: Annotated[str | None, click.option("--timeout", help='Stop a task after this long, as in "90s" or "5min"; that is a failure.')]
    log_dir: Annotated[
        Path | None,
        click.option(
            "--log-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Also keep what tasks write, byte for byte: one file per task.",
        ),
    ]
    dry_run: Annotated[bool, click.option("--dry-run", is_flag=True, help="Check everything and print what would run; connect to nothing.")]
    quiet: Annotated[bool, click.option("-q", "--quiet", is_flag=True, help="Print a task's output only if the task failed.")]
    verbose: Annotated[bool, click.option("-v", "--verbose", "--debug", is_flag=True, help="Also print when tasks start and end.")]


@click.command()
@click.argument("config")
@click.argument("selector")
@click.argument("targets")
@grouped(RunOptions)
@project
def run(config: str, selector: str, targets: str, cluster_file: Path, *, options: RunOptions) -> int:
    """Run TARGETS of configuration CONFIG on the machines that SELECTOR names.

    TARGETS is one name, several joined by commas (run in that order until one fails), or "all". SELECTOR is "all", a class, a machine,
    an index [3], a range [1:3] or servers[0:2], names node[1-3]; joined by "," (and), "!" (but not), "&" (in both).

    \b
    Examples:
      wke run redis servers install-packages,start
      wke run redis all bench -D clients=8 -D key="two words"
      wke run redis all copy-data -D source=traces -D destination=input/
    """  # noqa: D301 - click needs \b as it is
    request = Request(
        selector,
        targets,
        assignments(options.options, "-D"),
        options.multiply,
        DEFAULT_PRELUDE if options.prelude is None else options.prelude,
        _timeout(options.timeout),
        options.workdir,
    )
    cluster, configuration = _read(cluster_file, config)
    if targets == COPY_DATA:
        from wke.cli.copy import copy_data  # noqa: PLC0415 - its progress bar takes long to import

        copy_data(request, cluster_file, quiet=options.quiet, dry_run=options.dry_run)
        return 0
    steps = _plan(configuration, cluster, request)
    if options.dry_run:
        _print_steps(steps)
        return 0
    return _run_here(cluster, configuration, request, options)


def _tell(text: str) -> None:
    """Say what is waited for."""
    from wke.tell.terminal.console import Printer  # noqa: PLC0415 - only for machines that are waited for

    Printer().talk(text)


def _run_here(cluster: ClusterSpec, configuration: ConfigurationSpec, request: Request, options: RunOptions) -> int:
    """Run the steps on the cluster's machines, print what they write, and return the exit status."""
    with provide(cluster, tell=_tell) as place:
        steps = _plan(configuration, place.cluster, request)
        with beginning(place, {m.name: m for step in steps for m in step.machines}.values()):
            from wke.cli.run_steps import run_and_print  # noqa: PLC0415 - ssh logs in while this is imported

            return run_and_print(place, steps, options.log_dir, quiet=options.quiet, verbose=options.verbose)


def _read(cluster_file: Path, config: str) -> tuple[ClusterSpec, ConfigurationSpec]:
    cluster: list[ClusterSpec] = []
    configuration: list[ConfigurationSpec] = []
    gather(lambda: cluster.append(read_cluster(cluster_file)), lambda: configuration.append(read_configuration(config, Path())))
    return cluster[0], configuration[0]


def _plan(configuration: ConfigurationSpec, cluster: ClusterSpec, request: Request) -> list[PlannedStep]:
    """Check everything and return one step per target of the request, in the order they run."""
    names = _target_names(configuration, request.target)
    if request.options and len(names) > 1:
        raise InputError("-D needs a single target", hint="run the targets one by one, each with its options")
    return [replace(request, target=name).planned(configuration, cluster, index) for index, name in enumerate(names)]


def _target_names(configuration: ConfigurationSpec, text: str) -> list[str]:
    known = [name for name, target in configuration.targets.items() if not target.builtin]
    if text == "all":
        return known
    if "+" in text and text not in configuration.targets:
        raise InputError(f'targets are joined by commas, not "+": {text}', hint="write " + text.replace("+", ","))
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in configuration.targets:
            hint = COPY_HINT if name == COPY_DATA else did_you_mean(name, configuration.targets)
            raise InputError(f'configuration {configuration.name} has no target "{name}"', hint=hint)
    return names


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        timeout_s = read_seconds(text)
    except ValueError as error:
        raise InputError(f"--timeout {text}: {error}") from error
    if timeout_s <= 0:
        raise InputError(f"--timeout {text}: must be more than 0")
    return timeout_s


def _print_steps(steps: list[PlannedStep]) -> None:
    from wke.tell.terminal.console import Printer  # noqa: PLC0415 - only here, and ssh waits for imports
    from wke.tell.words import seconds  # noqa: PLC0415

    out = Printer()
    for step in steps:
        machines = ", ".join(m.name for m in step.machines)
        times = f" ({step.multiply} tasks each)" if step.multiply > 1 else ""
        options = " ".join(f"{name}={value!r}" for name, value in step.options)
        prelude = f", after prelude {step.prelude.name}" if step.prelude else ""
        timeout = f", at most {seconds(step.timeout_s)}" if step.timeout_s else ""
        out.data(f"{step.target.name}{' ' + options if options else ''}: on {machines}{times}{prelude}{timeout}")

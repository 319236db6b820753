"""What several commands share: options and groups of options."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_args, get_origin

import click

from wke.errors import InputError
from wke.series.folders import CLUSTER

Command = Callable[..., int | None]


def grouped(group: type[object], parameter: str = "options") -> Callable[[Command], Command]:
    """Add the options that a dataclass lists; the command gets their values as one object, its keyword argument `parameter`.

    Each field is annotated with its option, whose name must be the field's. They appear in `--help` in the order of the fields.

        @dataclass(frozen=True, slots=True)
        class RunOptions:
            multiply: Annotated[int, click.option("--multiply", default=1, help="Tasks per machine.")]

        @click.command()
        @grouped(RunOptions)
        def run(*, options: RunOptions) -> int: ...
    """
    fields = {name: _option_of(name, annotation) for name, annotation in group.__annotations__.items()}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_group(*args: object, **values: object) -> int | None:
            together = group(**{name: values.pop(name) for name in fields})
            return command(*args, **values, **{parameter: together})

        for add in reversed(fields.values()):
            add(with_group)
        return with_group

    return decorate


def _option_of(name: str, annotation: object) -> Callable[[Command], Command]:
    """Return the decorator that adds a field's option to a command."""
    options = [add for add in get_args(annotation)[1:] if callable(add)] if get_origin(annotation) is Annotated else []
    if len(options) != 1:
        raise TypeError(f"the annotation of {name} must be Annotated[TYPE, click.option(...)]")
    add: Callable[[Command], Command] = options[0]
    return add


def project(command: Command) -> Command:
    """Add `--cluster-file` and `--cwd`."""
    return folder(_cluster_file(command))


def folder(command: Command) -> Command:
    """Add `--cwd`, which changes to a folder before anything is read."""
    return click.option(
        "--cwd", type=click.Path(path_type=Path), expose_value=False, callback=_change_folder, is_eager=True, help="Work in this folder."
    )(command)


def _cluster_file(command: Command) -> Command:
    return click.option("-f", "--cluster-file", type=click.Path(path_type=Path), default=CLUSTER, show_default=True, help="The cluster.")(
        command
    )


def as_json(command: Command) -> Command:
    """Add `--json`, which all queries have."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def _change_folder(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    try:
        os.chdir(value)
    except OSError as error:
        raise InputError(f"--cwd {value}: {error.strerror}") from error

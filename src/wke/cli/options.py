"""What several commands share: options, and the folders of a project."""

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from wke.errors import InputError

Command = Callable[..., Any]

RESULTS = Path("results")
PLOTS = Path("plots")
CLUSTER = Path("cluster.toml")
PROJECT = (".", f":(exclude){RESULTS}", f":(exclude){PLOTS}")
"""Pathspecs: what measuring itself writes does not make another revision."""


def project(command: Command) -> Command:
    """Add `--cluster-file` and `--cwd`."""
    return folder(_cluster_file(command))


def folder(command: Command) -> Command:
    """Add `--cwd`, which changes to a folder before anything is read."""
    return click.option(
        "--cwd", type=click.Path(path_type=Path), expose_value=False, callback=_change_folder, is_eager=True, help="Work in this folder."
    )(command)


def told(cluster_file: Path | None) -> str:
    """Return what a command that is suggested needs to find the same cluster, with a blank before it."""
    return "" if cluster_file in (None, CLUSTER) else f" -f {shlex.quote(str(cluster_file))}"


def _cluster_file(command: Command) -> Command:
    return click.option("-f", "--cluster-file", type=click.Path(path_type=Path), default=CLUSTER, show_default=True, help="The cluster.")(
        command
    )


def as_json(command: Command) -> Command:
    """Add `--json`, which every query has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def _change_folder(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    try:
        os.chdir(value)
    except OSError as error:
        raise InputError(f"--cwd {value}: {error.strerror}") from error


def assignments(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Split each NAME=VALUE at its first `=`; InputError when one has none or a name comes twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{flag} {text}: not NAME=VALUE", hint=f"write {flag} name=value")
        if name in values:
            raise InputError(f"{flag} {name} is given twice")
        values[name] = value
    return values

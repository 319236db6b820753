"""The command line as a whole: it starts fast and reports every mistake in the same way."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
import pytest
from click.testing import CliRunner

from wke.cli.main import COMMANDS, cli
from wke.cli.options import grouped
from wke.cli.report import report
from wke.errors import WkeError


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_explains_itself(name: str) -> None:
    """Each row of the table leads to a command with help."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))  # type: ignore[attr-defined]


def test_a_name_that_is_no_text_is_looked_for(tmp_path: Path) -> None:
    """Bytes of a command line that are not UTF-8 arrive as halves of characters, which a file's name can have."""
    done = CliRunner().invoke(report, ["d\udcff", "--cwd", str(tmp_path)])
    assert isinstance(done.exception, WkeError)
    assert "there are no results" in str(done.exception)


@dataclass(frozen=True)
class _Size:
    width: Annotated[int, click.option("--width", default=3, help="How wide.")]
    deep: Annotated[bool, click.option("-d", "--deep", is_flag=True, help="How deep.")]


def test_grouped_options_reach_the_command_as_one_value() -> None:
    """Options of a group are parsed and listed like others, and handed over together under the name that the command chose."""

    @click.command()
    @click.argument("name")
    @grouped(_Size, "size")
    def command(name: str, *, size: _Size) -> None:
        click.echo(f"{name} {size}")

    assert [parameter.name for parameter in command.params] == ["name", "width", "deep"]
    done = CliRunner().invoke(command, ["box", "--width", "5", "-d"])
    assert done.output == "box _Size(width=5, deep=True)\n"


def test_a_field_of_a_group_without_an_option_is_refused() -> None:
    """A forgotten annotation is an error when the module is imported, not when the command runs."""

    @dataclass(frozen=True)
    class Forgotten:
        width: int

    with pytest.raises(TypeError, match="the annotation of width"):
        grouped(Forgotten)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_takes_more_than_eight_values(name: str) -> None:
    """Commands with many options group them in a dataclass."""
    function = inspect.unwrap(cli.get_command(click.Context(cli), name).callback or len)
    assert len(inspect.signature(function).parameters) <= 8


OLD_COMMANDS = {
    "run": "--verbose --debug --dry-run --workdir --multiply --prelude -D",
    "connect": "",
    "show-cluster": "--json",
    "show-machine": "--json",
    "show-config": "--verbose --json",
    "get-machine-attribute": "",
    "merge-csv": "",
    "plot-loads": "--out --follow --update-interval --machine-index",
}


@pytest.mark.parametrize("name", OLD_COMMANDS)
def test_commands_and_flags_of_old_projects_are_there(name: str) -> None:
    """Commands and flags of wke 0.1 work; each command takes a cluster file and a folder."""
    command = cli.get_command(click.Context(cli), name)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {*OLD_COMMANDS[name].split(), "-f", "--cluster-file", "--cwd"} <= known

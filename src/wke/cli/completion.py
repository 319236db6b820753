"""`wke completion`: the script a shell evaluates to complete wke's commands."""

import click
from click.shell_completion import get_completion_class

from wke.tell.terminal.console import Printer


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL; in ~/.bashrc: eval "$(wke completion bash)"."""
    from wke.cli.main import cli  # noqa: PLC0415 - main imports this module when the command is used

    kind = get_completion_class(shell)
    if kind is not None:
        Printer().data(kind(cli, {}, "wke", "_WKE_COMPLETE").source())

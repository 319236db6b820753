"""The entry point: the table of commands, one place that prints errors, one place that exits.

A command's module is imported when the command is used, so that `wke --help` reads this file and nothing heavy.
"""

import gc
import importlib
import os
import sys
from typing import NoReturn

import click

from wke.errors import WkeError, did_you_mean
from wke.tell.terminal.sanitize import visible

RARELY = 50_000  # new objects between two searches for garbage: the usual 700 cost a tenth of a command's start, which makes hardly any

STATUSES = {
    0: "everything ended well",
    1: "something ran and failed",
    2: "wrong input: nothing was started",
    3: "a machine could not be reached",
    4: "a regression is confirmed (wke measure --ci)",
    124: "a task ran into its timeout",
    130: "interrupted (Ctrl-C)",
    141: "whoever read its output went away (wke ... | head)",
    143: "asked to end (SIGTERM)",
}

COMMANDS = {  # name -> (module in wke.cli, one line of help)
    "init": ("init", "Write a small working project into a folder."),
    "check": ("check", "Check cluster, configurations and experiments; print every mistake at once."),
    "run": ("run", "Run targets of a configuration on machines."),
    "copy": ("copy", "Copy files and folders to machines and back."),
    "connect": ("connect", "Open an interactive shell on a machine."),
    "plan": ("plan", "Show what `measure` would run, what it would reuse, and how long it may take."),
    "why": ("why", "Say why a trial is to run: what changed since the nearest stored one."),
    "accept": ("accept", "Declare a change harmless, so that results from before it count; list and take back."),
    "measure": ("measure", "Run an experiment: every missing trial, then tables and figures."),
    "status": ("status", "Show what is measured now and how far it is, also while it runs."),
    "reanalyse": ("reanalyse", "Read new or changed metrics from what stored trials wrote; run nothing."),
    "abandon": ("abandon", "Stop the trial that `measure --detach` left running."),
    "results": ("results", "Print what an experiment measured."),
    "plot": ("plot", "Draw an experiment's figures from the stored trials."),
    "plot-loads": ("plot_loads", "Draw the machines' loads of a session, also while it runs."),
    "show": ("show", "Show all that is stored of a trial: outcome, attempts, metrics, tasks, machines, files."),
    "logs": ("logs", "Print what the tasks of a trial wrote, in order of time."),
    "merge-csv": ("merge", "Join two results files."),
    "cluster": ("cluster", "Bring emulated machines up, take them down, show them."),
    "show-cluster": ("describe", "Describe the cluster."),
    "show-machine": ("describe", "Describe one machine."),
    "show-config": ("describe", "Describe a configuration: its targets, options and preludes."),
    "get-machine-attribute": ("describe", "Print one attribute of a machine."),
    "completion": ("completion", "Print the shell's completion script."),
}


class Commands(click.Group):
    """A group that knows its commands by name and imports the module of the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of COMMANDS, which is the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return a command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"wke.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Add the nearest name to click's message about an unknown command."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f'there is no command "{args[0]}"; {did_you_mean(args[0], COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; when whoever reads its output has gone, end with the status that SIGPIPE would give.

        The signal itself must not end us: ssh may go away while we write to it, and that is for the connection to tell.
        """
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes when it ends
            ctx.exit(141)
        return status

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nExit status:\n" + "\n".join(f"  {status:<4} {meaning}" for status, meaning in STATUSES.items()),
)
@click.version_option(package_name="wke", prog_name="wke")
def cli() -> None:
    """Deploy and measure distributed systems.

    A cluster is a set of machines in classes (cluster.toml), a configuration a folder of scripts that run on them, an experiment a file
    that varies parameters, repeats, measures and plots. Start with `wke init`.
    """


def main() -> NoReturn:
    """Run the command line and exit with one of STATUSES."""
    gc.set_threshold(RARELY)
    status = _status()
    gc.freeze()  # all goes with the process: to search it for garbage first would take another tenth
    sys.exit(status)


def _status() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except WkeError as error:
        return _complain(str(error), error.exit_status)
    except click.UsageError as error:
        is_help = isinstance(error, click.exceptions.NoArgsIsHelpError)  # begins with the usage itself
        usage = error.ctx.get_usage() + "\n" if error.ctx and not is_help else ""
        return _complain(usage + error.format_message(), 2)
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", 130)
    except click.exceptions.Exit as stop:
        return stop.exit_code


def _complain(text: str, status: int) -> int:
    sys.stderr.write(f"{visible(text)}\n")
    return status

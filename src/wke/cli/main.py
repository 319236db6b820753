"""The entry point: the table of commands, and the only places that print errors and exit.

A command's module is imported when the command is used, so `wke --help` imports this file and nothing heavy.
"""

import contextlib
import gc
import importlib
import sys
from typing import NoReturn

import click

from wke.cli.ctrlc import press_again
from wke.errors import WkeError, did_you_mean
from wke.tell.terminal.output import flush, prepare_streams, put
from wke.tell.terminal.sanitize import Safe, visible

GARBAGE_THRESHOLD = 50_000  # new objects between two collections: with Python's 700 they take a tenth of a command's start, for nothing

STATUSES = {
    0: "success",
    1: "something ran and failed",
    2: "wrong input: nothing was started",
    3: "a machine could not be reached, or was taken from us",
    4: "a regression is confirmed (wke compare, wke measure --ci)",
    5: "machines may still be up: the command that removes them is printed",
    124: "a task ran into its timeout",
    130: "interrupted (Ctrl-C)",
    141: "the reader of the output went away (wke ... | head)",
    143: "ended by SIGTERM or SIGHUP",
}

GROUPS = {  # group -> name -> (module in wke.cli, one line of help)
    "Project": {
        "init": ("init", "Write a small working project into a folder."),
        "check": ("check", "Check cluster, configurations and experiments; print every mistake at once."),
        "show-config": ("describe", "Describe a configuration: its targets, options and preludes."),
        "completion": ("completion", "Print the shell's completion script."),
    },
    "Machines": {
        "run": ("run", "Run targets of a configuration on machines."),
        "copy": ("copy", "Copy files and folders to machines and back."),
        "connect": ("connect", "Open an interactive shell on a machine, or connections that later commands use."),
        "disconnect": ("disconnect", "End the connections that are kept for later commands."),
        "top": ("top", "Show what machines and the tasks on them use now, the most loaded first."),
        "cluster": ("cluster", "Make machines that stay, remove them, show them."),
        "show-cluster": ("describe", "Describe the cluster."),
        "show-machine": ("describe", "Describe one machine."),
    },
    "Measuring": {
        "plan": ("plan", "Show what `measure` would run, what it would reuse, and how long it may take."),
        "measure": ("measure", "Run an experiment: every missing trial, then tables and figures."),
        "status": ("status", "Show which series are being measured and how far they are."),
        "why": ("why", "Explain why a trial has to run: what changed since the nearest stored one."),
        "accept": ("accept", "Declare a change harmless, so that earlier results count; list and take back such decisions."),
        "profile": ("profile", "Run one trial more, which does not count, and show where its tasks spend processor time."),
        "abandon": ("abandon", "Stop the trial that `measure --detach` left running."),
    },
    "Results": {
        "results": ("results", "Print what an experiment measured."),
        "compare": ("compare", "Compare stored values: two variants, two series, two commits, results from elsewhere."),
        "plot": ("plot", "Draw an experiment's figures from the stored trials."),
        "report": ("report", "Write a page about one or more series that can be read anywhere: figures, trials, telemetry, logs."),
        "show": ("show", "Show everything stored about a trial: outcome, attempts, metrics, tasks, machines, files."),
        "logs": ("logs", "Print what the tasks of a trial wrote, in order of time."),
        "clean": ("clean", "Show what a series holds on the disk, and remove what no result needs."),
        "export": ("export", "Write the telemetry of a trial as CSV, Parquet, OpenMetrics, a Chrome trace or loads.csv."),
        "reanalyse": ("reanalyse", "Compute new or changed metrics from the output of stored trials; run nothing."),
    },
    "From wke 0.1, rarely needed": {
        "plot-loads": ("plot_loads", "Draw the machines' loads during a session, also while it runs."),
        "merge-csv": ("merge", "Join two results files."),
        "get-machine-attribute": ("describe", "Print one attribute of a machine."),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


class Commands(click.Group):
    """The group of all commands; it imports only the module of the command that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of COMMANDS, as `--help` lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return a command; None for an unknown name."""
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
        """Run the command; when the reader of its output has gone away, end with the status that SIGPIPE would give.

        Python ignores the signal itself, and so do we: it would also end us when ssh goes away, which the connection has to report.
        """
        try:
            status = super().invoke(ctx)
            flush("stdout")
        except BrokenPipeError:
            ctx.exit(141)
        except (WkeError, click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:  # a damaged value may go far before it makes a difference
            if damage := _damage():
                raise damage from error
            raise
        return status

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the commands by group, from the table: none is imported."""
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), about) for name, (_, about) in group.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nExit status:\n" + "\n".join(f"  {status:<4} {meaning}" for status, meaning in STATUSES.items()),
)
@click.version_option(package_name="wke", prog_name="wke")
def cli() -> None:
    """Deploy and measure distributed systems.

    A cluster is a set of machines in classes (cluster.toml). A configuration is a folder of scripts that run on them. An experiment is a
    file that says which parameters to vary, how often to repeat, what to measure and what to plot. Start with `wke init`.
    """


def main() -> NoReturn:
    """Run the command line and exit with one of STATUSES."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    sys.unraisablehook = press_again
    prepare_streams()
    status = run_command()
    gc.freeze()  # the process ends: a last collection would take another tenth
    sys.exit(status)


def run_command() -> int:
    """Run the command line of this process and return its exit status; errors are printed."""
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except WkeError as error:
        return _complain(str(error), error.exit_status)
    except click.UsageError as error:
        is_help = isinstance(error, click.exceptions.NoArgsIsHelpError)  # its message starts with the usage
        usage = error.ctx.get_usage() + "\n" if error.ctx and not is_help else ""
        return _complain(usage + error.format_message(), 2)
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", 130)
    except click.exceptions.Exit as stop:
        return stop.exit_code


def _damage() -> WkeError | None:
    from wke.keep.inspection import find_damage  # noqa: PLC0415 - for a rare case
    from wke.series.folders import RESULTS  # noqa: PLC0415

    return find_damage(RESULTS)


def _complain(text: str, status: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        put("stderr", Safe(visible(text) + "\n"))
    return status

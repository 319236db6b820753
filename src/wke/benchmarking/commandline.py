"""The command line of a benchmark script: its commands and options."""

import argparse
from collections.abc import Callable

from wke.benchmarking.flags import FORMS


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of a benchmark script's command line. It prints mistakes itself and raises SystemExit."""
    parser = argparse.ArgumentParser(description="Run one or many trials of this benchmark")
    parser.add_argument("--collect-statistics", metavar="HOST", help="record the machines' loads in loads.csv of each session")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("print-parameters", help="show every parameter with its default")
    cmdline = commands.add_parser("cmdline", help="run the points that the flags describe")
    for flag, (form, about) in FORMS.items():
        cmdline.add_argument(flag, dest="flags", metavar=form, action="append", default=[], type=_behind(flag), help=about)
    cmdline.add_argument("--outfile", metavar="F", help="add the results to this CSV file")
    cmdline.add_argument("--num-iterations", metavar="N", type=_count, default=1, help="trials of each point")
    cmdline.add_argument("--num-warmups", metavar="N", type=_count, default=0, help="trials of each point that run first and do not count")
    toml = commands.add_parser("toml", help="run the missing trials of an experiment file")
    toml.add_argument("filename", metavar="FILE")
    toml.add_argument("--refresh-plots", action="store_true", help="run nothing, only draw the figures again")
    force = toml.add_mutually_exclusive_group()
    force.add_argument("--force-rerun", action="store_true", help="run everything, also what is stored")
    force.add_argument(
        "--force-reuse", action="store_true", help="reuse results even if the script, configurations or cluster have changed"
    )
    for command in (cmdline, toml):
        command.add_argument("--verbose", action="store_true", help="print what tasks write")
    return parser


def _behind(flag: str) -> Callable[[str], tuple[str, str]]:
    """Return a function that pairs a flag with its value: all are collected in one list, in the order of the command line."""
    return lambda text: (flag, text)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number

"""`wke merge-csv`: merges two results files."""

from pathlib import Path

import click

from wke.cli.options import project
from wke.tell.exports.merging import merge
from wke.tell.exports.resultsfile import read_results_file


@click.command("merge-csv")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@project
def merge_csv(a: Path, b: Path, out: Path, cluster_file: Path) -> None:  # noqa: ARG001 - accepted everywhere
    """Write the rows of the results files A and B to OUT. Files with different constants are refused: their rows are not comparable."""
    merge(read_results_file(a), read_results_file(b), (str(a), str(b))).write(out)

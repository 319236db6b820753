"""`wke merge-csv`: merges two results files."""

from pathlib import Path

import click

from wke.cli.options import project
from wke.describe.toml.tables import read_text
from wke.tell.exports.results_csv import merge_csv as merged
from wke.tell.exports.results_csv import write_results_csv


@click.command("merge-csv")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@project
def merge_csv(a: Path, b: Path, out: Path, cluster_file: Path) -> None:  # noqa: ARG001 - accepted everywhere
    """Write the rows of the results files A and B to OUT. Files with different constants are refused: their rows are not comparable."""
    write_results_csv(out, merged(read_text(a), read_text(b), (str(a), str(b))))

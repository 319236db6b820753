"""`wke report`: writes a page about one or more series that a person reads, keeps and sends."""

from pathlib import Path
from urllib.parse import quote

import click

from wke.cli.options import as_json, folder
from wke.errors import InputError
from wke.keep.files.disk import write_atomically
from wke.series.folders import REPORTS
from wke.series.report.report import make_page
from wke.tell.terminal.console import Printer
from wke.tell.words import size_words

SAFE = "=:,@+ ()"
"""Signs of names that stay as they are in the name of a file."""
LONGEST = 150


@click.command()
@click.argument("series")
@click.argument("others", nargs=-1, metavar="[OTHER]...")
@click.option(
    "--trial", "trials", multiple=True, metavar="ID", help="Put the whole telemetry of this trial into the page. May be repeated."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, not to reports/SERIES.html.")
@folder
@as_json
def report(series: str, others: tuple[str, ...], *, trials: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Write one HTML file about SERIES: what was found, figures, every attempt with its telemetry and last lines, and how it was measured.

    The file is complete: it loads nothing, so that it can be mailed and kept. With OTHER series they are shown side by side, and SERIES is
    compared with each of them. Each is a series, its experiment file, SERIES:PARAMETER=VALUE for some of its points, a results folder, or
    git:COMMIT for what `wke measure --ci` has measured of it.

    The page has at most 10 MB. It says what it leaves out, and how to see that.
    """
    path = output or REPORTS / f"{quote(' and '.join((series, *others)), safe=SAFE, errors='surrogateescape')[:LONGEST]}.html"
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint="give the name of a file")
    page = make_page((series, *others), trials)
    data = page.text.encode(errors="replace")
    write_atomically(path, data)
    if as_json:
        Printer().document({"file": str(path), "bytes": len(data), "left-out": list(page.left_out)})
        return
    Printer().data(str(path))
    Printer().talk(f"{size_words(len(data))}; it is complete, so it can be sent as it is")
    for words in page.left_out:
        Printer().talk(f"not in it: {words}")

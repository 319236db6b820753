"""`wke plot-loads`: draws the loads of machines during a session, also while they are recorded."""

from contextlib import nullcontext
from pathlib import Path

import click

from wke.cli.ctrlc import waiting
from wke.cli.options import project
from wke.keep.output.telemetry import is_growing, read_loads
from wke.tell.figures.loads import draw_loads, make_load_drawing
from wke.tell.terminal.console import Printer


@click.command()
@click.argument("folder", metavar="LOGFOLDER", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("loads.pdf"), show_default=True, help="Figure (.pdf, .svg or .png).")
@click.option("--follow", is_flag=True, help="Draw again as the recording grows, until the session ends or Ctrl-C.")
@click.option(
    "--update-interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, metavar="S", help="Seconds between two drawings."
)
@click.option("--machine-index", type=click.IntRange(min=0), metavar="I", help="Only the machine with this index, from 0.")
@project
def plot_loads(folder: Path, out: Path, *, follow: bool, update_interval: float, machine_index: int | None, cluster_file: Path) -> None:  # noqa: ARG001 - accepted everywhere
    """Draw processors, memory, disk and network of every machine over time, from LOGFOLDER/loads.csv; print the figure's path.

    LOGFOLDER is the log folder of a session that collected statistics, such as current-measurement. The measured time is shaded.
    """
    folder = folder.resolve()  # the link current-measurement is removed when the session ends
    with waiting() if follow else nullcontext(lambda _: False) as wait:
        while True:
            growing = is_growing(folder)  # asked before drawing, so that the last lines are drawn too
            draw_loads(make_load_drawing(read_loads(folder), machine_index), out)
            if not growing or not wait(update_interval):
                break
    Printer().data(str(out))

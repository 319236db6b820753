"""The figure of what machines were busy with, for scripts."""

from pathlib import Path

from wke.keep.output.telemetry import read_loads


def plot_loads(logfolder: str | Path, outfile: str | Path = "loads.pdf", machine_index: int | None = None) -> None:
    """Draw the loads.csv of a session's log folder to `outfile`: all machines, or the one of that index, from 0.

    Raises InputError when there is no such recording or machine.
    """
    from wke.tell.figures.loads import draw_loads, make_load_drawing  # noqa: PLC0415 - `from wke import *` does not need Matplotlib

    draw_loads(make_load_drawing(read_loads(Path(logfolder)), machine_index), Path(outfile))

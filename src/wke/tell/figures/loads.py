"""The loads of machines over time: six panels with a line for each machine, or bands for many; measured windows are shaded."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from wke.errors import InputError
from wke.keep.files.disk import write_atomically
from wke.keep.output.telemetry import COLUMNS, Loads
from wke.tell.figures.axes import Numbers
from wke.tell.figures.canvas import METADATA, render
from wke.tell.figures.style import COLOURS, DASHES, FONT_PT, GREY, WIDTH_IN, Layout, legend_columns
from wke.values import dataclass

MOST_LINES = 12  # more lines cannot be told apart
MOST_PLACES = 600  # on the time axis; more would not be visible and make a large file
TITLES = {
    "cpu": "Processors",
    "mem": "Memory in use",
    "disk-read": "Disk, read",
    "disk-write": "Disk, written",
    "netout": "Network, sent",
    "netin": "Network, received",
}
OF_THE_KERNEL = ("cpu", "mem", "disk-read", "disk-write")
PREFIXES = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))
SHADE = "#f6ecca"


@dataclass(frozen=True, slots=True)
class LoadPanel:
    """One panel: its column, title and unit, and the values of each machine in that unit."""

    column: str
    title: str
    unit: str
    lines: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class LoadDrawing:
    """Everything that the figure shows."""

    times: tuple[float, ...]
    panels: tuple[LoadPanel, ...]
    windows: tuple[tuple[float, float], ...]
    footnote: str

    @property
    def banded(self) -> bool:
        """True when there are too many machines for a line each, so that bands show their spread."""
        return len(self.panels[0].lines) > MOST_LINES


def make_load_drawing(loads: Loads, machine_index: int | None = None) -> LoadDrawing:
    """Return the figure of a recording, or of one of its machines, by index; raise InputError when there is no such machine."""
    names = list(loads.machines)
    if machine_index is not None:
        if not 0 <= machine_index < len(names):
            there = f"0 to {len(names) - 1}" if names else "none"
            raise InputError(f"the recording has no machine with index {machine_index}", hint=f"there are {there}: {', '.join(names)}")
        names = [names[machine_index]]
    panels = tuple(_panel(column, unit, {name: loads.machines[name][column] for name in names}) for column, unit in COLUMNS.items())
    return LoadDrawing(loads.times, panels, loads.windows, " ".join(_explanations(loads, names)))


def _panel(column: str, unit: str, lines: Mapping[str, tuple[float, ...]]) -> LoadPanel:
    if unit == "%":
        return LoadPanel(column, TITLES[column], unit, lines)
    highest = max((value for line in lines.values() for value in line if value == value), default=0.0)  # noqa: PLR0124 - NaN is not itself
    prefix, factor = next((p for p in reversed(PREFIXES) if highest >= p[1]), PREFIXES[0])
    return LoadPanel(column, TITLES[column], prefix + unit, {name: tuple(v / factor for v in line) for name, line in lines.items()})


def _explanations(loads: Loads, names: Sequence[str]) -> list[str]:
    sentences = []
    if len(names) > MOST_LINES:
        sentences.append(f"{len(names)} machines: median, the middle half (dark) and all (light).")
    if loads.windows:
        sentences.append(f"Shaded: measured window{'s' if len(loads.windows) > 1 else ''}.")
    if _shared(loads.kernels):
        network = "the network too" if _shared(loads.networks) else "the network is each machine's own"
        sentences.append(f"Machines share a host, and processors, memory and disk shown are the host's; {network}.")
    if not loads.times:
        sentences.append("No sample has come yet.")
    return sentences


def _shared(owners: Mapping[str, str]) -> bool:
    """Return whether the numbers of two machines come from the same host; an unknown host has no name."""
    known = [owner for owner in owners.values() if owner]
    return len(set(known)) < len(known)


# -- drawing


def draw_loads(drawing: LoadDrawing, path: Path) -> None:
    """Draw and write to `path`, completely or not at all, in the format of its suffix; raise InputError for an unknown one."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in METADATA:
        raise InputError(f"{path}: its suffix does not name a format", hint=f"known: {', '.join(f'.{name}' for name in METADATA)}")
    write_atomically(path, render(lambda: _figure(drawing), Layout(), [suffix]).files[suffix])


def _figure(drawing: LoadDrawing) -> Figure:
    note = textwrap.fill(drawing.footnote, 150)
    figure = Figure(figsize=(2 * WIDTH_IN, 5.2 + 0.12 * note.count("\n")), layout="constrained")
    grid = figure.subplots(3, 2, sharex=True, squeeze=False)
    times = np.asarray(drawing.times)
    legend: dict[str, Artist] = {}
    for axes, panel in zip(grid.flat, drawing.panels, strict=True):
        for start, end in drawing.windows:
            axes.axvspan(start, end, color=SHADE, linewidth=0, zorder=0)
        if len(times):
            legend = (_draw_bands if drawing.banded else _draw_lines)(axes, times, panel)
        axes.set_title(panel.title, loc="left", fontsize=FONT_PT)
        axes.set_ylabel(panel.unit)
        axes.set_ylim(0, _top(panel))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(Numbers())
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
        axes.set_xlim(0, times[-1] if len(times) else 1)
    figure.align_ylabels()
    if drawing.windows:
        legend |= {"measured": Patch(color=SHADE)}
    if legend:
        columns = legend_columns(list(legend), Layout(), 2 * WIDTH_IN)
        figure.legend(list(legend.values()), list(legend), loc="outside upper center", ncols=columns)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=FONT_PT - 2, color=GREY, linespacing=1.25)
    return figure


def _top(panel: LoadPanel) -> float:
    if panel.unit == "%":
        return 103.0
    values = [value for line in panel.lines.values() for value in line if value == value]  # noqa: PLR0124 - NaN is not itself
    return 1.08 * max(values, default=0.0) or 1.0


def _draw_lines(axes: Axes, times: np.ndarray, panel: LoadPanel) -> dict[str, Artist]:
    """Draw a line for each machine; return them by their labels."""
    drawn: dict[str, Artist] = {}
    for index, (name, values) in enumerate(panel.lines.items()):
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]
        (drawn[name],) = axes.plot(*thinned(times, np.asarray(values)), color=colour, linestyle=dash, linewidth=0.9)
    return drawn


def _draw_bands(axes: Axes, times: np.ndarray, panel: LoadPanel) -> dict[str, Artist]:
    """Draw the spread over all machines; return the line by its label."""
    places, (low, first, middle, third, high) = spread(times, np.array(list(panel.lines.values())))
    axes.fill_between(places, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.fill_between(places, first, third, color=COLOURS[0], alpha=0.35, linewidth=0)
    (median,) = axes.plot(places, middle, color=COLOURS[0], linewidth=1.0)
    return {"median": median}


def spread(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at most MOST_PLACES times, and for each the minimum, the quartiles and the maximum of all machines (the rows of `values`).

    If there are more times, each place stands for several of them, with all their values.
    """
    length = -(-len(times) // MOST_PLACES)
    padded = np.pad(values, ((0, 0), (0, -len(times) % length)), constant_values=np.nan)
    stretches = padded.reshape(len(values), -1, length).transpose(1, 0, 2).reshape(-1, len(values) * length)
    known = ~np.isnan(stretches).all(axis=1)
    return times[::length][known], np.nanpercentile(stretches[known], (0, 25, 50, 75, 100), axis=1)


def thinned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a line of at most about twice MOST_PLACES points: of a longer one the minimum and the maximum of each stretch."""
    if len(times) <= 2 * MOST_PLACES:
        return times, values
    chosen: list[int] = []
    for stretch in np.array_split(np.arange(len(times)), MOST_PLACES):
        known = stretch[~np.isnan(values[stretch])]
        ends = (known[values[known].argmin()], known[values[known].argmax()]) if len(known) else (stretch[0],)
        chosen += sorted({int(end) for end in ends})
    return times[chosen], values[chosen]

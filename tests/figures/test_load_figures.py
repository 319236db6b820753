"""Figures of telemetry: panels, formats and footnotes."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wke.errors import InputError
from wke.keep.output.telemetry import COLUMNS, Loads
from wke.tell.figures.loads import MOST_PLACES, TITLES, draw_loads, make_load_drawing, spread, thinned


def many(count: int, moments: int = 30) -> Loads:
    """Return a recording in which machine k has k+1 times the load of the first, one of them lost in the middle."""
    times = tuple(0.1 * (k + 1) for k in range(moments))
    sizes = {"cpu": 2.0, "mem": 3e9, "disk-read": 0.0, "disk-write": 4e6, "netout": 5e3, "netin": 7.0}
    machines = {
        f"m{n}": {column: tuple((n + 1) * size * (1 + k / moments) for k in range(moments)) for column, size in sizes.items()}
        for n in range(count)
    }
    if count > 1:
        last = machines[f"m{count - 1}"]
        machines[f"m{count - 1}"] = {c: values[: moments // 2] + (math.nan,) * (moments - moments // 2) for c, values in last.items()}
    return Loads(times, machines, ((0.5, 2.0),), {name: f"kernel {name}" for name in machines}, {name: f"net {name}" for name in machines})


def test_six_panels_in_units_a_person_reads() -> None:
    """Each column a panel, values in the unit that its highest value asks for, a line for each machine."""
    drawing = make_load_drawing(many(3))
    assert [(panel.column, panel.unit) for panel in drawing.panels] == [
        ("cpu", "%"),
        ("mem", "GB"),
        ("disk-read", "B/s"),
        ("disk-write", "MB/s"),
        ("netout", "kB/s"),
        ("netin", "B/s"),
    ]
    assert [panel.title for panel in drawing.panels] == list(TITLES.values())
    assert [line[0] for line in drawing.panels[1].lines.values()] == [3, 6, 9]
    assert list(drawing.panels[0].lines) == ["m0", "m1", "m2"]
    assert (drawing.windows, drawing.banded) == (((0.5, 2.0),), False)
    assert drawing.footnote == "Shaded: measured window."


def test_one_machine_can_be_chosen() -> None:
    """By its index; one that is not there is an input error that says which are."""
    assert [list(panel.lines) for panel in make_load_drawing(many(3), 1).panels] == [["m1"]] * 6
    with pytest.raises(InputError, match=re.escape("no machine with index 3\n  hint: there are 0 to 2: m0, m1, m2")):
        make_load_drawing(many(3), 3)


SHARED = dict.fromkeys(("m0", "m1"), "same")


@pytest.mark.parametrize(
    ("loads", "footnote"),
    [
        (
            replace(many(2), kernels=SHARED),
            (
                "Shaded: measured window. Machines share a host, and processors, memory and disk shown are the host's; "
                "the network is each machine's own."
            ),
        ),
        (
            replace(many(2), kernels=SHARED, networks=SHARED, windows=()),
            "Machines share a host, and processors, memory and disk shown are the host's; the network too.",
        ),
        (replace(many(2), kernels=dict.fromkeys(("m0", "m1"), ""), windows=((0, 1), (1, 2))), "Shaded: measured windows."),
        (many(13), "13 machines: median, the middle half (dark) and all (light). Shaded: measured window."),
        (Loads((), {"m0": dict.fromkeys(COLUMNS, ())}), "No sample has come yet."),
    ],
)
def test_the_footnote_says_what_is_drawn(loads: Loads, footnote: str, tmp_path: Path) -> None:
    """Whose numbers they are where machines share a host, what bands are, what the shade is, that nothing is there; and each is drawn."""
    drawing = make_load_drawing(loads)
    assert drawing.footnote == footnote
    draw_loads(drawing, tmp_path / "loads.svg")
    svg = (tmp_path / "loads.svg").read_text()
    assert [title for title in TITLES.values() if f">{title}<" not in svg] == []
    assert (">measured<" in svg) is bool(loads.windows)


@pytest.mark.parametrize(("suffix", "begins"), [("pdf", b"%PDF"), ("SVG", b"<?xml"), ("png", b"\x89PNG")])
def test_the_suffix_says_the_format(tmp_path: Path, suffix: str, begins: bytes) -> None:
    """The same loads give the same bytes, in a folder that is made."""
    path = tmp_path / "new" / f"loads.{suffix}"
    draw_loads(make_load_drawing(many(3)), path)
    first = path.read_bytes()
    assert first.startswith(begins)
    draw_loads(make_load_drawing(many(3)), path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["loads", "loads.jpeg"])
def test_another_format_is_an_input_error(tmp_path: Path, name: str) -> None:
    """The known ones are named."""
    with pytest.raises(InputError, match=r"known: \.pdf, \.svg, \.png"):
        draw_loads(make_load_drawing(many(1)), tmp_path / name)


def test_a_long_line_keeps_its_peaks() -> None:
    """An hour at ten a second is drawn with a thousand points; every stretch keeps its lowest and its highest, in their order."""
    values = np.sin(np.arange(36_000) / 3000) * 10
    values[12_345], values[20_000], values[30_000:31_000] = 99, -99, math.nan
    times, kept = thinned(np.arange(36_000) / 10, values)
    assert len(times) <= 2 * MOST_PLACES
    assert (np.diff(times) > 0).all()
    assert (times[np.nanargmax(kept)], np.nanmax(kept)) == (1234.5, 99)
    assert (times[np.nanargmin(kept)], np.nanmin(kept)) == (2000.0, -99)
    assert np.isnan(kept).sum() >= 15
    short = np.arange(5.0)
    assert thinned(short, short)[1] is short


def test_bands_hold_all_values() -> None:
    """Low and high are the extremes of every moment that a place stands for; moments at which nothing is known have no place."""
    values = np.arange(20.0)[:, None] + np.zeros(2 * MOST_PLACES + 1)
    values[3, 777], values[:, 9:15], values[5, 100] = 99, math.nan, math.nan
    times, (low, first, middle, third, high) = spread(np.arange(2.0 * MOST_PLACES + 1), values)
    assert len(times) <= MOST_PLACES
    assert high.max() == 99
    assert times[high.argmax()] in {775, 776, 777}
    assert (low[0], first[0], middle[0], third[0], high[0]) == pytest.approx((0, 4.75, 9.5, 14.25, 19), abs=0.5)
    assert not {9, 12} & set(times)
    few, bands = spread(np.arange(3.0), np.array([[1.0, 2, math.nan], [3, 4, math.nan]]))
    assert (list(few), bands[2].tolist()) == ([0, 1], [2, 3])

"""The frame of one small figure as SVG: its size, its axes, and marks that differ in shape as well as in colour."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from wke.tell.page.markup import Html, html, joined
from wke.tell.page.scales import Scale
from wke.values import dataclass

DASHES = (None, "7 3", "2 3", "9 3 2 3", "5 2", "1 4")
SHAPES = (
    "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "M-3.2-3.2h6.4v6.4h-6.4z",
    "M0-4.2L3.9 2.9H-3.9z",
    "M0-4.6L4.6 0L0 4.6L-4.6 0z",
    "M0 4.2L3.9-2.9H-3.9z",
    "M-1.3-4h2.6v2.7h2.7v2.6h-2.7v2.700h-2.6v-2.700h-2.700v-2.6h2.700z",
)
CROSS = "M-3.5-3.5l7 7m0-7l-7 7"
SIGN = 6.9  # about the width of a character of axis texts


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a figure and its margins in pixels."""

    width: int
    height: int
    left: int = 58
    right: int = 16
    top: int = 12
    bottom: int = 46

    @property
    def across(self) -> tuple[float, float]:
        """The pixels where the horizontal axis starts and ends."""
        return self.left, self.width - self.right

    @property
    def upward(self) -> tuple[float, float]:
        """The pixels where the vertical axis starts and ends."""
        return self.height - self.bottom, self.top


WIDE, SLIM = "wide", "slim"
SIZES: Mapping[str, Size] = {WIDE: Size(520, 312), SLIM: Size(350, 280, left=50)}


def symbols() -> Html:
    """Return the shapes of marks, once for the whole page; figures use them by name."""
    shapes = [html("symbol", html("path", d=shape), id=f"m{index}", overflow="visible") for index, shape in enumerate(SHAPES)]
    return html(
        "svg",
        html("defs", *shapes, html("symbol", html("path", d=CROSS), id="mx", overflow="visible")),
        class_="defs",
        width=0,
        height=0,
        aria_hidden="true",
    )


def both(draw: Callable[[Size, str], Html], label: str, metric: str = "", sizes: Mapping[str, Size] = SIZES) -> Html:
    """Return a figure in its two sizes, of which the page shows the one that fits."""
    return joined(
        *(
            html(
                "svg",
                draw(size, name),
                class_=f"chart {name}",
                viewBox=f"0 0 {size.width} {size.height}",
                role="img",
                aria_label=label,
                data_metric=metric or None,
            )
            for name, size in sizes.items()
        )
    )


def mark(line: int, x: float, y: float, kind: str, **attributes: str | float | None) -> Html:
    """Return a mark in the shape of a line."""
    return html("use", href=f"#m{line % len(SHAPES)}", x=x, y=y, class_=kind, **attributes)


def tick_words(value: float) -> str:
    """Return a round value as an axis shows it."""
    return f"{value:,.6g}" if abs(value) < 1e15 else f"{value:.3g}"


def vertical_axis(size: Size, scale: Scale, words: Callable[[float], str] = tick_words) -> Html:
    """Return the lines and texts of a vertical axis."""
    left, right = size.across
    ticks = list(scale.ticks(7))
    return joined(
        *(
            joined(
                html("line", class_="grid", x1=left, x2=right, y1=float(round(scale(tick))), y2=float(round(scale(tick)))),
                html("text", words(tick), x=left - 8, y=scale(tick) + 4.5, text_anchor="end"),
            )
            for tick in ticks
        )
    )


def horizontal_axis(size: Size, places: Sequence[tuple[float, str]], title: str) -> Html:
    """Return the line, texts and title of a horizontal axis; texts that would touch are left out, and the title is cut."""
    left, right = size.across
    below = size.height - size.bottom
    most = max(8, int((right - left) / SIGN) + 6)
    return joined(
        html("line", class_="axis", x1=left, x2=right, y1=below, y2=below),
        *(html("text", text, x=x, y=below + 20.0, text_anchor="middle") for x, text in apart(places)),
        html("text", cut(title, most), x=(left + right) / 2, y=float(size.height - 3), text_anchor="middle", class_="name"),
    )


def apart(places: Iterable[tuple[float, str]]) -> Iterable[tuple[float, str]]:
    """Yield the texts of an axis that have room, from the left."""
    end = float("-inf")
    for x, text in places:
        short = cut(text, 14)
        half = len(short) * SIGN / 2
        if x - half >= end + 5:
            yield x, short
            end = x + half


def cut(text: str, most: int) -> str:
    """Return a text that is at most so many characters long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def spread(ends: Sequence[tuple[int, float]], gap: float = 16, least: float = 10, most: float = float("inf")) -> Mapping[int, float]:
    """Return where labels of lines are written: at the lines' ends, but apart from one another."""
    placed, last = dict[int, float](), least - gap
    for line, y in sorted(ends, key=lambda one: one[1]):
        last = placed[line] = max(y, last + gap)
    over = last - most
    return {line: y - over for line, y in placed.items()} if over > 0 else placed


def line_key(line: int) -> Html:
    """Return the sign of a line in a legend."""
    return html(
        "svg",
        html("path", class_="ln", d="M0 6H26", stroke_dasharray=DASHES[line % len(DASHES)]),
        mark(line, 13.0, 6.0, "mk"),
        viewBox="0 0 26 12",
        aria_hidden="true",
    )

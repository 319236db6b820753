"""A flame graph: one SVG file that needs nothing else. In a browser a click enlarges a box, and a field searches for functions."""

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from wke.describe.toml.wording import counted
from wke.judge.profiles.boxes import Box, boxes
from wke.judge.profiles.difference import Shares
from wke.judge.profiles.stacks import CONTEXT, KERNEL, Profile, is_unknown

WIDTH, MARGIN, ROW, TOP = 1200, 10, 18, 82
SIGN = 6.65  # the width of a character
LEAST = 1 / 5000  # narrower boxes are left out: a screen cannot show them
TONES, STEPS = 6, 4
LONGEST_NAME = 1000
USUAL = "point at a box for its numbers; click to enlarge it, Escape to go back, / to search"
HERE = Path(__file__).parent


def flame_graph(profile: Profile, title: str, facts: str, against: Profile | None = None) -> str:
    """Return the flame graph of a profile, or of its difference to another one, below a title and a line of facts."""
    shown = [box for box in boxes(profile, against) if box.width >= LEAST or not box.depth]
    height = TOP + ROW * (1 + max(box.depth for box in shown)) + MARGIN
    return "".join(_lines(shown, title, facts, height))


def _lines(shown: Sequence[Box], title: str, facts: str, height: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="wke-flame" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">\n'
    )
    yield f"<title>{_text(title)}</title>\n<style>\n{(HERE / 'flamegraph.css').read_text()}</style>\n"
    yield f'<text class="title" x="{MARGIN}" y="26">{_text(title)}</text>\n<text class="facts" x="{MARGIN}" y="47">{_text(facts)}</text>\n'
    yield f'<text class="details" x="{MARGIN}" y="69" data-usual="{USUAL}">{USUAL}</text>\n'
    for box in shown:
        yield _drawn(box)
    yield f"<script><![CDATA[\n{(HERE / 'flamegraph.js').read_text()}]]></script>\n</svg>\n"


def _drawn(box: Box) -> str:
    left, size, top = MARGIN + box.left * (WIDTH - 2 * MARGIN), box.width * (WIDTH - 2 * MARGIN), TOP + box.depth * ROW
    label = _fitting(_label(box.name), size)
    return (
        f'<g class="box {_colour(box)}" data-at="{box.depth} {box.left:.7f} {box.width:.7f}"><title>{_text(_numbers(box))}</title>'
        f'<rect x="{left:.2f}" y="{top}" width="{max(0.3, size - 0.5):.2f}" height="{ROW - 1}" rx="1.5"/>'
        + (f'<text x="{left + 3:.2f}" y="{top + 12.5}">{_text(label)}</text></g>\n' if label else "</g>\n")
    )


def _colour(box: Box) -> str:
    """Return a colour's name: how a difference goes, or what kind of function it is; those of one package are alike."""
    if box.shares is not None:
        strength = box.shares.strength
        return "n" if not strength else f"{'r' if strength > 0 else 'b'}{max(1, math.ceil(STEPS * abs(strength)))}"
    if box.depth <= CONTEXT:
        return "c"
    if is_unknown(box.name):
        return "u"
    if box.name.endswith(KERNEL):
        return "k"
    package = box.name.partition("(")[0].rpartition("::" if "::" in box.name else ".")[0] or box.name
    return f"w{zlib.crc32(package.encode()) % TONES}"


def _numbers(box: Box) -> str:
    """Return the name of a box and its numbers: how many samples, and their share."""
    if box.shares is not None:
        return f"{box.name}\n{difference_words(box.shares)}"
    share = box.width
    return f"{box.name}\n{counted(box.samples, 'sample')}, {100 * share:.1f} %; {box.own} of them in itself"


def difference_words(shares: Shares) -> str:
    """Return two shares and their difference in words."""
    words = f"{100 * shares.share:.1f} % here, {100 * shares.other_share:.1f} % there"
    return f"{words}: {100 * shares.gain:+.1f} points" if shares.is_certain else f"{words}; that may be chance"


def _label(name: str) -> str:
    """Return a name without the path of its package."""
    head = name.partition(" (")[0].partition("(")[0]
    slash = head.rfind("/")
    return name[slash + 1 :] if slash > 0 else name


def _fitting(label: str, size: float) -> str:
    """Return as much of a label as fits."""
    most = int((size - 6) / SIGN)
    if most < 3:
        return ""
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _text(text: str) -> str:
    """Return text for XML, without signs that it cannot hold."""
    allowed = "".join(sign if sign in "\n\t" or (sign.isprintable() and sign not in "\ufffe\uffff") else "\ufffd" for sign in text)
    return escape(allowed[:LONGEST_NAME], {'"': "&quot;"})

"""Fonts: DejaVu Sans or those of a user's style, and for characters that they lack the installed fonts that have most of them."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

from matplotlib.font_manager import FontEntry, FontProperties, findfont, findSystemFonts, fontManager, get_font

OURS = "DejaVu Sans"
BOXES = "Last Resort"  # a font that comes with matplotlib and has a box for every character
MOST = 4  # fonts beside ours


def families_for(texts: Iterable[str], base: tuple[str, ...] = (OURS,)) -> tuple[str, ...]:
    """Return the families of fonts for texts, in the order in which a character is looked up: the `base`, then those with what it lacks."""
    needed = {ord(sign) for text in texts for sign in text if not sign.isspace()}
    known = _characters(findfont(FontProperties(family=list(base))))
    return _families(frozenset(needed - known), base)


@cache
def _families(lacking: frozenset[int], base: tuple[str, ...]) -> tuple[str, ...]:
    families, rest = [*base], set(lacking)
    offers = dict(_offers(lacking)) if lacking else {}
    while rest and offers and len(families) - len(base) < MOST:
        name = max(offers, key=lambda name: (len(offers[name] & rest), name == OURS, "Sans" in name, name))
        if not offers[name] & rest:
            break
        families.append(name)
        rest -= offers.pop(name)
    return tuple(families)


def _offers(lacking: AbstractSet[int]) -> Iterator[tuple[str, AbstractSet[int]]]:
    """Yield every installed family that has some of these characters, and which. Fonts may have been installed since the last look."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except Exception:  # noqa: BLE001, S112 - matplotlib raises anything for a font that it cannot read
            continue
    for entry in fontManager.ttflist:
        if _is_regular(entry) and (offered := _characters(entry.fname) & lacking):
            yield entry.name, offered


def _is_regular(entry: FontEntry) -> bool:
    return entry.style == "normal" and entry.weight in {"normal", "regular", "book", 400} and not entry.name.startswith(BOXES)


@cache
def _characters(path: str) -> frozenset[int]:
    """Return the characters of a font; none for one that cannot be read or, as fonts of coloured pictures, not be scaled."""
    try:
        font = get_font(Path(path))
    except Exception:  # noqa: BLE001 - matplotlib raises anything for a font that it cannot read
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()

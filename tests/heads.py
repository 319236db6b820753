"""Heads of frames, made by the table of frames: as they have to be, and with one thing wrong."""

from collections.abc import Sequence
from typing import cast

from hypothesis import strategies as st

from wke.agent import frames
from wke.agent.protocol import Frame

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too: that is how bytes travel
NUMBERS = st.integers(0, 2**63 - 1)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
RIGHT = {
    "any": ANYTHING,
    "text": TEXTS,
    "flag": st.booleans(),
    "number": NUMBERS,
    "count": st.integers(0, 2**32 - 1),
    "time": st.integers(0, 2**62 - 1),
    "stream": st.integers(1, 3),
    "code": st.integers(0, 255),
    "seconds": st.integers(0, 2**32 - 1) | st.floats(0, 2**31),
}
WRONG: dict[str, st.SearchStrategy[object]] = {
    "text": st.none() | st.booleans() | st.integers() | st.lists(TEXTS),
    "flag": st.none() | st.integers(0, 1) | TEXTS,
    "number": st.none() | st.booleans() | st.just(-1) | st.just(2**63) | st.just(1.5) | TEXTS | st.lists(NUMBERS),
    "count": st.none() | st.booleans() | st.just(-1) | st.just(2**32) | st.just(1.0) | TEXTS,
    "time": st.none() | st.booleans() | st.just(-1) | st.just(2**62) | st.just(2**63 - 1) | st.just(1.5) | TEXTS,
    "stream": st.none() | st.booleans() | st.just(0) | st.just(4) | st.just(1.0) | TEXTS,
    "code": st.booleans() | st.just(-1) | st.just(256) | st.just("0") | st.just(1.0),
    "seconds": st.booleans() | st.just(-1) | st.just(1e300) | st.just("1") | st.lists(NUMBERS),
}


def fields(kind: int) -> dict[str, tuple[str, bool]]:
    """Return the fields of a kind: their types, and whether they may be missing."""
    pairs = [field.split(":", 1) for field in frames.FRAMES[kind - 1][3].split()]
    return {name.rstrip("?"): (type_name, name.endswith("?")) for name, type_name in pairs}


def right(type_name: str) -> st.SearchStrategy[object]:
    """Return values of a type."""
    if type_name.endswith("?"):
        return st.none() | right(type_name[:-1])
    if type_name[0] in "[{":
        inner = right(type_name[1:-1].partition(":")[0])
        return st.lists(inner, max_size=4) if type_name[0] == "[" else st.dictionaries(TEXTS, inner, max_size=4)
    return RIGHT[type_name]


def wrong(type_name: str) -> st.SearchStrategy[object]:
    """Return values that are not of a type."""
    if type_name.endswith("?"):
        return wrong(type_name[:-1]).filter(lambda value: value is not None)
    if type_name[0] not in "[{":
        return WRONG[type_name]
    inner, _, most = type_name[1:-1].partition(":")
    other = st.dictionaries(TEXTS, TEXTS, max_size=2) if type_name[0] == "[" else st.lists(TEXTS, max_size=2)
    odd = other | st.none() | st.integers() | TEXTS
    if inner != "any":
        bad = wrong(inner)
        odd |= st.lists(bad, min_size=1, max_size=2) if type_name[0] == "[" else st.dictionaries(TEXTS, bad, min_size=1, max_size=2)
    if most:
        names = [str(number) for number in range(int(most) + 1)]
        odd |= st.just(names if type_name[0] == "[" else dict.fromkeys(names, ""))
    return odd


def heads(kind: int) -> st.SearchStrategy[dict[str, object]]:
    """Return heads that a frame of that kind may have."""
    known = fields(kind)
    whole = st.fixed_dictionaries(
        {name: right(type_name) for name, (type_name, is_optional) in known.items() if not is_optional},
        optional={name: right(type_name) for name, (type_name, is_optional) in known.items() if is_optional},
    )
    if kind == frames.ENDED:
        whole = whole.map(lambda head: head | {"ended": min(2**62 - 1, cast("int", head["started"]) + cast("int", head["ended"]) % 10**17)})
    return whole


@st.composite
def wrong_heads(draw: st.DrawFn, kind: int) -> dict[str, object]:
    """Return heads with one thing wrong: a field is missing, is of another type, or does not belong there."""
    head = dict(draw(heads(kind)))
    known = fields(kind)
    missing = [("missing", name) for name, (_, is_optional) in known.items() if not is_optional]
    what, name = draw(st.sampled_from([*missing, *(("type", name) for name, (type_name, _) in known.items()), ("strange", "strange")]))
    if what == "missing":
        del head[name]
    else:
        head[name] = draw(wrong(known[name][0])) if what == "type" else None
    return head


@st.composite
def right_frames(draw: st.DrawFn, kinds: Sequence[int] = frames.KINDS, channels: st.SearchStrategy[int] | None = None) -> Frame:
    """Return frames of these kinds."""
    kind = draw(st.sampled_from(kinds))
    payload = draw(st.binary(max_size=min(200, frames.most_payload(kind))))
    return Frame(kind, draw(st.integers(0, 2**32 - 1) if channels is None else channels), draw(heads(kind)), payload)

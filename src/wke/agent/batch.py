"""Batches: one frame that stands for the frames of many machines, on the edges of a tree of relays.

What is equal in all of them is there once. Of heads that differ, `same` has the equal fields and `each` a column for every other one, with
a value for each machine; `of` has the machines' numbers as pairs, first and end. `sizes` are there when payloads differ: they follow each
other. So what many machines are told or answer at the same time costs one frame, and what differs costs its bytes.

Runs on the machines too: Python >= 3.6, and only modules that are cheap to import.
"""

from wke.agent.frames import BATCH, KINDS, flaw, is_for, most_payload
from wke.agent.protocol import Frame, ProtocolError, dump, prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Numbered = tuple[int, Frame]

MOST = 256  # frames in a batch, so that their small payloads are not too much for it
SMALL = 1 << 12  # larger payloads share a batch only if they are equal
MOST_HEAD = 1 << 20
MOST_MACHINES = 1 << 17


def batched(pending: "Iterable[Numbered]") -> "list[bytes]":
    """Return the bytes of batches that stand for frames of machines, given by number; those of one machine stay in order."""
    groups = []  # type: list[list[Numbered]]
    latest = {}  # type: dict[tuple[object, ...], int]
    last = {}  # type: dict[int, int]
    for number, frame in pending:
        payload = frame.payload
        key = (frame.kind, payload if len(payload) > SMALL else bool(payload), *frame.head)
        at = latest.get(key, -1)
        if at <= last.get(number, -1) or len(groups[at]) >= MOST:
            at = latest[key] = len(groups)
            groups.append([])
        groups[at].append((number, frame))
        last[number] = at
    parts = []  # type: list[bytes]
    for group in groups:
        group.sort(key=_number)
        _encode(group, parts)
    return parts


def unbatched(batch: Frame, receivers: int) -> "list[Numbered]":
    """Return the frames that a batch stands for, all for `receivers`, with their machines; raise ProtocolError when it makes no sense.

    Equal frames are one object, which must not be changed.
    """
    head = batch.head
    kind, channels, each, sizes = head["kind"], head["channels"], head["each"], head.get("sizes")
    if kind not in KINDS or kind == BATCH or not is_for(kind, receivers):
        raise ProtocolError(f"a batch of frames that are not for this end: kind {kind}")
    numbers = list(_numbers(head["of"]))
    if not each and sizes is None and len(channels) == 1:
        one = _checked(Frame(kind, channels[0], head["same"], batch.payload))
        return [(number, one) for number in numbers]
    if {len(channels), len(numbers if sizes is None else sizes)} - {1, len(numbers)} or (sizes and sum(sizes) != len(batch.payload)):
        raise ProtocolError("a batch whose parts do not fit together")
    try:
        return list(_parted(batch, numbers))
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a batch whose parts do not fit together: {error!r}") from None


def _parted(batch: Frame, numbers: "list[int]") -> "Iterator[Numbered]":
    """Yield the frames of a batch whose frames differ."""
    head = batch.head
    kind, channels, same, each, sizes = head["kind"], head["channels"], head["same"], head["each"], head.get("sizes")
    start, payload = 0, batch.payload
    for index, number in enumerate(numbers):
        if sizes is not None:
            payload = batch.payload[start : start + sizes[index]]
            start += sizes[index]
        channel = channels[index if len(channels) > 1 else 0]
        yield number, _checked(Frame(kind, channel, _picked(same, each, index), payload))


def _encode(group: "list[Numbered]", parts: "list[bytes]") -> None:
    frames = [frame for _, frame in group]
    first = frames[0]
    same, each = _joined([frame.head for frame in frames])
    channels = [frame.channel for frame in frames]
    if channels.count(first.channel) == len(channels):
        del channels[1:]
    head = {"of": _pairs(group), "kind": first.kind, "channels": channels, "same": same, "each": each}
    payload = first.payload
    if any(frame.payload != payload for frame in frames):
        payload = b"".join([frame.payload for frame in frames])
        head["sizes"] = [len(frame.payload) for frame in frames]
    text = dump(head)
    if len(text) > MOST_HEAD and len(group) > 1:
        _encode(group[: len(group) // 2], parts)
        _encode(group[len(group) // 2 :], parts)
        return
    parts.append(prefix(BATCH, 0, text, len(payload)))
    if payload:
        parts.append(payload)


def _joined(heads: "list[dict[str, object]]") -> "tuple[dict[str, object], dict[str, object]]":
    """Return what all heads have in common, and columns of what they have not; all have the same fields."""
    same, each = {}, {}  # type: dict[str, object], dict[str, object]
    for name, value in heads[0].items():
        values = [head[name] for head in heads]
        if _are_equal(values):
            same[name] = value
        elif isinstance(value, dict) and all(isinstance(other, dict) and other.keys() == value.keys() for other in values):
            same[name], each[name] = _joined(values)
        else:
            each[name] = values
    return same, each


def _are_equal(values: "list[object]") -> bool:
    """Tell whether there is one value only; 1 and True are equal, and not the same."""
    if values.count(values[0]) < len(values):
        return False
    return len(set(map(repr if isinstance(values[0], (list, dict)) else type, values))) == 1


def _picked(same: "dict[str, object]", each: "dict[str, object]", index: int) -> "dict[str, object]":
    """Return the head of one of those that were joined."""
    head = dict(same)
    for name, column in each.items():
        head[name] = column[index] if isinstance(column, list) else _picked(same[name], column, index)
    return head


def _checked(frame: Frame) -> Frame:
    problem = flaw(frame.kind, frame.head)
    if problem or len(frame.payload) > most_payload(frame.kind):
        raise ProtocolError(f"{frame!r:.300}: {problem or 'its payload is too large'}")
    return frame


def _number(numbered: "Numbered") -> int:
    return numbered[0]


def _pairs(group: "list[Numbered]") -> "list[int]":
    """Return the numbers of a sorted group as pairs: the first of a run, and the end of it."""
    pairs = []  # type: list[int]
    for number, _ in group:
        if pairs and pairs[-1] == number:
            pairs[-1] = number + 1
        else:
            pairs += (number, number + 1)
    return pairs


def _numbers(pairs: "list[int]") -> "Iterator[int]":
    end = 0
    if len(pairs) % 2 or not pairs:
        raise ProtocolError("a batch of no machines")
    for index in range(0, len(pairs), 2):
        first, before, end = pairs[index], end, pairs[index + 1]
        if not before <= first < end <= MOST_MACHINES:
            raise ProtocolError(f"a batch of machines that there cannot be: {pairs!r:.100}")
        yield from range(first, end)

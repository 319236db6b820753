"""Drift: how the fingerprint of a machine has changed, as text."""

from collections.abc import Iterator, Mapping


def drift(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield a phrase for each fact of a fingerprint that differs."""
    for name in dict.fromkeys((*now, *before)):
        old, new = before.get(name), now.get(name)
        if old is None:
            yield f"{name} is {new}, which was unknown or missing"
        elif new is None:
            yield f"{name} was {old}, and is unknown or missing"
        elif old != new:
            yield f"{name} was {old}, and is {new}"

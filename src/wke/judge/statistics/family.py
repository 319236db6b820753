"""Holm's method: which of several tests are significant when any false alarm among them shall be rare."""

from collections.abc import Sequence

LEVEL = 0.05


def holm(chances: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Return which of several tests are significant when the chance that any is so by luck shall be at most `level`."""
    significant = [False] * len(chances)
    for rank, index in enumerate(sorted(range(len(chances)), key=lambda index: chances[index])):
        if chances[index] > level / (len(chances) - rank):
            break
        significant[index] = True
    return significant

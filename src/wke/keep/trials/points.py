"""Points as the store has them. All trials of a point, and all attempts at them, share one value."""

from collections.abc import Mapping
from functools import lru_cache

from wke.documents import Json
from wke.keep.files.damage import DamagedError, read_object

MOST = 10_000


def read_point(text: str, trial: str) -> Mapping[str, Json]:
    """Return the point of a trial from its JSON; raise DamagedError if that is not an object."""
    try:
        return _read(text)
    except DamagedError:
        return read_object(text, f"the point of trial {trial}")  # raises again, and names the trial


@lru_cache(maxsize=MOST)
def _read(text: str) -> Mapping[str, Json]:
    return read_object(text, "a point")

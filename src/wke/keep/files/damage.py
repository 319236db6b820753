"""Damage: stored values that wke cannot have written. Whoever reads one says so, and `wke check --store` names them all."""

import contextlib
import json
from collections.abc import Iterator

from wke.documents import Json
from wke.errors import StoreError

CHECK = "run `wke check --store`: it names everything that is wrong"


class DamagedError(StoreError):
    """Something in the store has not the form in which wke writes it."""

    def __init__(self, what: str, hint: str = CHECK) -> None:
        super().__init__(f"the store is damaged: {what}", hint=hint)
        self.what = what


@contextlib.contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn what goes wrong while a stored value is decoded into a DamagedError about `what`."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise DamagedError(f"{what} cannot be read: {type(error).__name__}: {error}") from error


def read_object(text: str, what: str) -> dict[str, Json]:
    """Return the JSON object that a column has; `what` names it in the DamagedError about anything else."""
    with decoding(what):
        value = json.loads(text)
    if not isinstance(value, dict):
        raise DamagedError(f"{what} is not a JSON object")
    return value

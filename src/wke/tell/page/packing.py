"""Packs the telemetry of a trial for the page: a description as JSON, then arrays of whole numbers, deflated together and in base64.

An array holds differences to the number before, in its own width with wrap-around. Its lowest bytes come first, then the next ones: bytes
of equal weight together deflate better. Values are 16 bits wide between the least and the largest of their column; UNKNOWN means none.
"""

import base64
import json
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wke.documents import Json
from wke.values import dataclass

Numbers = NDArray[np.float64]
Packable = NDArray[np.uint16] | NDArray[np.uint32]
UNKNOWN = 0xFFFF
LARGEST = UNKNOWN - 1
DIGITS = 7
"""Significant digits of a column's scale and base: more than its values have."""


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Values as whole numbers: `base + scale * raw[k]`, with UNKNOWN where there is none."""

    base: float
    scale: float
    raw: NDArray[np.uint16]


class Packer:
    """Arrays back to back; equal ones are kept once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._places: dict[bytes, int] = {}

    def add(self, numbers: Packable) -> int:
        """Add an array, and return its offset in bytes."""
        plain = numbers.tobytes() + numbers.dtype.str.encode()
        if plain not in self._places:
            self._places[plain] = self._size
            self._parts.append(_planes(numbers))
            self._size += numbers.nbytes
        return self._places[plain]

    def packed(self, description: Mapping[str, Json]) -> dict[str, Json]:
        """Return the description and all arrays: `head` is the length of the description in the deflated bytes `blob`."""
        head = json.dumps(description, separators=(",", ":"), allow_nan=False).encode()
        return {"head": len(head), "blob": base64.b64encode(zlib.compress(head + b"".join(self._parts))).decode()}


def coded(*columns: Numbers) -> tuple[Coded, ...]:
    """Return columns as whole numbers on one scale; values that are not finite are UNKNOWN."""
    known = np.concatenate([column[np.isfinite(column)] for column in columns])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    base = _rounded(low)
    scale = _rounded((high - base) / LARGEST)
    return tuple(Coded(base, scale, _raw(column, base, scale)) for column in columns)


def _raw(column: Numbers, base: float, scale: float) -> NDArray[np.uint16]:
    finite = np.isfinite(column)
    steps = np.zeros(len(column)) if not scale else (np.where(finite, column, base) - base) / scale
    return np.where(finite, np.clip(np.rint(steps), 0, LARGEST), UNKNOWN).astype("<u2")


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else 0.0


def _planes(numbers: Packable) -> bytes:
    steps = np.diff(numbers, prepend=numbers.dtype.type(0))
    return steps.view(np.uint8).reshape(-1, numbers.dtype.itemsize).T.tobytes()

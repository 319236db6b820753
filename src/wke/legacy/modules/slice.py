"""`wke.slice` of wke 0.1."""

from wke import Slice

__all__ = ["Slice"]

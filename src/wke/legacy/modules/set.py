"""`wke.set` of wke 0.1."""

from wke import MachineSet

__all__ = ["MachineSet"]

"""`wke.machines` of wke 0.1."""

from wke import Machine as MachineInfo

__all__ = ["MachineInfo"]

"""`wke.cluster` of wke 0.1."""

from wke import Cluster, ClusterError, Machine, MachineSet, RemoteExecutionError, Slice

MachineInfo = Machine

__all__ = ["Cluster", "ClusterError", "MachineInfo", "MachineSet", "RemoteExecutionError", "Slice"]

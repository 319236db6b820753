"""Whether, and for how long, the connections to a cluster are kept."""

import math
import os
from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec
from wke.describe.expression.quantity import seconds
from wke.errors import InputError
from wke.values import dataclass

VARIABLE = "WKE_KEEP_CONNECTIONS"


@dataclass(frozen=True, slots=True)
class KeepingTerms:
    """Connections to `cluster` wait for `keep_s` after a command for the next one; 0 for not at all."""

    cluster: ClusterSpec
    keep_s: float

    @property
    def file(self) -> str:
        """The cluster's file, by which people know it."""
        return cluster_file(self.cluster)


def keeping_terms(cluster: ClusterSpec) -> KeepingTerms:
    """Return the terms for a cluster: the variable comes before the file. Raises InputError when the variable is no duration.

    What programs on the machines could do with the user's ssh agent ends with the command, so connections that forward it are not kept.
    Neither are those that `via` opens.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        keep_s = seconds(text if text.strip("0") else 0) if text else cluster.keep_s
    except ValueError as error:
        raise InputError(f"the variable {VARIABLE}: {error}") from error
    is_possible = not cluster.forward_agent and all(machine.via is None for machine in cluster.machines) and math.isfinite(keep_s)
    return KeepingTerms(cluster, keep_s if is_possible else 0.0)


def cluster_file(cluster: ClusterSpec) -> str:
    """Return the absolute path of a cluster's file; that of the folder we are in if it has none."""
    return str((cluster.path or Path()).resolve())

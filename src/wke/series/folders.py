"""The folders and files of a project, relative to its own folder."""

import shlex
from pathlib import Path

RESULTS = Path("results")
PLOTS = Path("plots")
REPORTS = Path("reports")
CLUSTER = Path("cluster.toml")
PROJECT = (".", f":(exclude){RESULTS}", f":(exclude){PLOTS}", f":(exclude){REPORTS}")
"""Pathspecs for git: files that measuring writes do not make another revision."""


def cluster_flag(cluster_file: Path | None) -> str:
    """Return the flag, after a blank, that a suggested command needs to find the same cluster; "" where it needs none."""
    return "" if cluster_file in (None, CLUSTER) else f" -f {shlex.quote(str(cluster_file))}"

"""What the result of a benchmark script's trial depends on besides its parameters: code, configurations and cluster."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.keep.trials.identity import Json

NOT_SCRIPTS = ("__pycache__", "site-packages")


def surroundings(function: Callable[..., object], project: Path) -> dict[str, Json]:
    """Return the digests of all code and configurations that a call of `function` may use, and the shape of the cluster.

    Code is the script and every module that it has imported from the project's folder; a configuration is a folder with a config.toml.
    """
    return {
        "code": {str(path.relative_to(project)): _digest(path) for path in sorted({*_code(function, project)})},
        "configurations": {
            str(path.relative_to(project)): _digest(path)
            for config in sorted(project.glob("*/config.toml"))
            for path in sorted(config.parent.rglob("*"))
            if path.is_file() and not set(path.parts) & set(NOT_SCRIPTS)
        },
        "cluster": _cluster(project / "cluster.toml"),
    }


def _code(function: Callable[..., object], project: Path) -> Iterator[Path]:
    for module in [sys.modules.get(function.__module__), *sys.modules.values()]:
        file = getattr(module, "__file__", None)
        if file and (path := Path(file).resolve()).is_relative_to(project) and not set(path.parts) & set(NOT_SCRIPTS) and path.is_file():
            yield path


def _cluster(path: Path) -> Json:
    """Return which machines there are, if there is a cluster.toml; a script may also read another cluster file."""
    if not path.exists():
        return None
    cluster: ClusterSpec = read_cluster(path)
    limits: dict[str, Json] = {"limits": {name: one.given() for name, one in cluster.limits.items()}} if cluster.limits else {}
    ways = {m.name: list(m.via.words) for m in cluster.machines if m.via is not None}
    return (
        limits
        | ({"via": ways} if ways else {})
        | {
            "provider": cluster.provider,
            "machines": {m.name: [m.external_addr, m.internal_addr, *m.classes] for m in cluster.machines},
            "links": {ends: [link.delay_s, link.jitter_s, link.loss, link.rate_bits] for ends, link in cluster.links.items()},
        }
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

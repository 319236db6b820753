"""The user's programs that make machines and remove them, as cluster.toml names them."""

from wke.describe.cluster.clusterfile import OWN_KEYS, ClusterFile
from wke.describe.toml.tables import TomlTable
from wke.errors import Problem
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class UpAndDown:
    """The programs with their arguments; machines stay for `keep_s` after the last command that used them."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    keep_s: float = 0.0


def read_up_and_down(table: TomlTable[ClusterFile], provider: str, problems: list[Problem]) -> UpAndDown | None:
    """Return the programs, None for a provider that has none; add to `problems` keys of other providers and programs that are missing."""
    section = table.value.cluster
    for key, owner in OWN_KEYS.items():
        if key.replace("-", "_") in section.given and owner != provider:
            hint = f'remove it, or write provider = "{owner}" in [cluster]'
            problems.append(Problem(f'is for provider "{owner}", and this is "{provider}"', table.at("cluster", key), hint))
    if provider not in OWN_KEYS.values():
        return None
    if section.up is None or section.down is None:
        missing = " and ".join(key for key, value in (("up", section.up), ("down", section.down)) if value is None)
        hint = 'up = ["./up"] makes the machines and prints NAME ADDRESS for each, down = ["./down"] removes them'
        problems.append(Problem(f"needs {missing}", table.at("cluster", "provider"), hint))
        return None
    return UpAndDown(section.up, section.down, section.keep_machines)

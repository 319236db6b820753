"""Imports point one way: the order of the layers is tested, not trusted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import nodes

import wke

ROOT = Path(wke.__file__).parent
ORDER = {  # layer -> the layers it may import
    "base": {"base"},
    "describe": {"base", "describe"},
    "keep": {"base", "describe", "keep"},
    "judge": {"base", "describe", "keep", "judge"},
    "act": {"base", "describe", "keep", "judge", "act", "agent"},
    "tell": {"base", "describe", "keep", "judge", "tell"},
    "series": {"base", "describe", "keep", "judge", "act", "tell", "series"},
    "api": {"base", "describe", "keep", "judge", "act", "tell", "series", "api"},
    "cli": {"base", "describe", "keep", "judge", "act", "tell", "series", "api", "cli"},
    "agent": {"agent"},
}
BASE = {"documents", "errors", "records", "values"}


def layer(module: str) -> str:
    """Return the layer that a module of ours belongs to, by its dotted name."""
    first = module.removeprefix("wke").lstrip(".").split(".")[0]
    if first in BASE:
        return "base"
    return first if first in ORDER else "api"


def imports(path: Path) -> Iterator[str]:
    """Yield every module of ours that a file imports, inside functions and under TYPE_CHECKING too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "wke")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "wke":
            yield from (f"{node.module}.{a.name}" for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield f"relative import in {path}"


SOURCES = sorted(p for p in ROOT.rglob("*.py") if "template" not in p.parts)


def test_imports_point_one_way() -> None:
    """A module imports only layers below its own."""
    wrong = {}
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        own = layer(name.removesuffix(".py").replace("/", "."))
        wrong[name] = [imported for imported in imports(path) if layer(imported) not in ORDER[own]]
    assert {name: names for name, names in wrong.items() if names} == {}


def test_series_neither_prints_nor_asks() -> None:
    """What a series says are values: whoever shows them prints them."""
    printing = {"wke.tell.terminal.console.Printer", "click", "rich", "sys.stdout", "sys.stderr"}
    for path in (ROOT / "series").rglob("*.py"):
        named = {ast.unparse(node) for node in nodes(path) if isinstance(node, ast.Name | ast.Attribute)}
        imported = {alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names}
        assert not (named | imported | set(imports(path))) & (printing | {"print", "input"}), path


def test_only_series_and_above_read_the_store() -> None:
    """What is told is loaded by series/: nothing in judge/ or tell/ opens or queries the store."""
    layers = [path for part in ("judge", "tell") for path in (ROOT / part).rglob("*.py")]
    assert [path for path in layers if any(name.startswith("wke.keep.store.") for name in imports(path))] == []


def test_only_act_imports_of_the_agent_what_both_ends_run() -> None:
    """The border is crossed by the frames, and by what is the same work at either end: files that are sent and land, trees, control groups."""
    outside = [p for p in SOURCES if "agent" not in p.parts]
    crossing = {
        (p.relative_to(ROOT).parts[0], ".".join(name.split(".")[:3])) for p in outside for name in imports(p) if layer(name) == "agent"
    }
    assert {part for part, _ in crossing} == {"act"}
    assert {name for _, name in crossing} <= {
        f"wke.agent.{name}" for name in ("frames", "protocol", "files", "tree", "sender", "landing", "cgroups", "batch", "handshake")
    }


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py" and p.parent != ROOT], ids=lambda p: p.parent.name)
def test_packages_hold_no_code(path: Path) -> None:
    """An `__init__.py` below the top says what its folder is, and nothing else."""
    body = ast.parse(path.read_text()).body
    assert [type(node) for node in body] == [ast.Expr]

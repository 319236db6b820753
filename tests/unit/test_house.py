"""The house stays as it was drawn: sizes of files, functions and classes, and no circles among files or folders."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from sources import nodes, tree

import wke

ROOT = Path(wke.__file__).parent
SOURCES = sorted(path for path in ROOT.rglob("*.py") if "template" not in path.parts)

FILE_LINES = 400
FUNCTION_LINES = 45
COMPLEXITY = 15
PUBLIC_METHODS = 12
COMMAND_PARAMETERS = 8
FOLDER_FILES = 24
LARGE_FOLDERS = {"cli", "agent"}  # one file per command; modules that machines fetch by flat names
LARGE_FILES = {"load.py"}  # it is sent to machines as one file (decision 31)

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.match_case)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    yield from (node for node in nodes(path) if isinstance(node, FUNCTIONS))


def complexity(function: ast.AST) -> int:
    """Return McCabe's number, in which each `and`, `or` and loop or condition of a comprehension counts, too; functions inside count for themselves."""
    count, left = 1, list(ast.iter_child_nodes(function))
    while left:
        node = left.pop()
        if isinstance(node, FUNCTIONS):
            continue
        count += isinstance(node, BRANCHES)
        count += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        count += 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 0
        left += ast.iter_child_nodes(node)
    return count


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function is a command of the command line."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


def is_verb(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a method is public and called, which a property is not."""
    return not method.name.startswith("_") and "property" not in map(ast.unparse, method.decorator_list)


def name_of(path: Path) -> str:
    """Return the dotted name of a file's module."""
    return ".".join(("wke", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {name_of(path): path for path in SOURCES}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, inside functions and under TYPE_CHECKING too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "wke":
            for alias in node.names:
                yield next((name for name in (f"{node.module}.{alias.name}", node.module or "") if name in MODULES), "wke")


def circles(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the groups of nodes that reach one another."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen, left = set[str](), [start]
        while left:
            fresh = edges.get(left.pop(), set()) - seen
            seen |= fresh
            left += fresh
        reach[start] = seen
    groups = [{other for other in edges if other in reach[node] and node in reach[other]} for node in edges if node in reach[node]]
    return [group for at, group in enumerate(groups) if group not in groups[:at]]


def outgrown(path: Path) -> Iterator[str]:
    """Yield what in a file is larger than a reader takes in."""
    if (lines := len(path.read_text().splitlines())) > FILE_LINES and str(path.relative_to(ROOT)) not in LARGE_FILES:
        yield f"{lines} lines"
    for function in functions(path):
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES:
            yield f"{function.name}: {lines} lines"
        if (number := complexity(function)) > COMPLEXITY:
            yield f"{function.name}: complexity {number}"
        if is_command(function) and (number := len(function.args.args + function.args.kwonlyargs)) > COMMAND_PARAMETERS:
            yield f"{function.name}: {number} parameters"
    for node in nodes(path):
        if isinstance(node, ast.ClassDef):
            public = [child.name for child in node.body if isinstance(child, FUNCTIONS) and is_verb(child)]
            if len(public) > PUBLIC_METHODS:
                yield f"{node.name}: {public}"


def test_files_functions_and_classes_are_small() -> None:
    """No file, function, class or command outgrows what a reader takes in."""
    assert {str(path.relative_to(ROOT)): found for path in SOURCES if (found := list(outgrown(path)))} == {}


def test_folders_are_small() -> None:
    """No folder holds more files than a reader takes in, but for those with a reason."""
    folders: dict[str, int] = {}
    for path in SOURCES:
        folders[str(path.parent.relative_to(ROOT))] = folders.get(str(path.parent.relative_to(ROOT)), 0) + (path.name != "__init__.py")
    assert {name: count for name, count in folders.items() if count > FOLDER_FILES and name not in LARGE_FOLDERS} == {}


def test_no_files_import_each_other_in_a_circle() -> None:
    """No file needs, by any way, a file that needs it."""
    assert circles({name: set(imported(path)) - {name} for name, path in MODULES.items()}) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    """No folder needs, by any way, a folder that needs it; the files at the top are taken one by one."""

    def folder(name: str) -> str:
        own = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
        return name if own == "wke" else own

    edges: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        edges.setdefault(folder(name), set()).update(folder(other) for other in imported(path) if folder(other) != folder(name))
    assert circles(edges) == []


def test_a_name_is_one_class() -> None:
    """No two classes have one name; a face that users import may be called as what it stands for."""
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_frozen_classes_are_made_by_wke_values() -> None:
    """A class made by the standard library's dataclass costs each command nearly a millisecond at its start."""
    for path in SOURCES:
        froms = [node for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"]
        assert path.name == "values.py" or "dataclass" not in {alias.name for node in froms for alias in node.names}, path

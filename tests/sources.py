"""The syntax trees of source files, each parsed once a process: several tests look at all of them."""

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def tree(path: Path) -> ast.Module:
    """Return what a file holds."""
    gc.disable()  # it would look for garbage among hundreds of thousands of nodes, again and again
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a file."""
    return tuple(ast.walk(tree(path)))

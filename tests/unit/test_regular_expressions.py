"""The regular expressions of the sources: only features that every supported Python computes correctly."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import nodes

import wke

SOURCES = Path(wke.__file__).parent
BROKEN_IN_3_11_2 = {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"}


def patterns() -> Iterator[tuple[str, str]]:
    """Yield file:line and text of every pattern that is passed to a function of `re`."""
    for path in SOURCES.rglob("*.py"):
        for node in nodes(path):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            pattern = node.args[0]
            if (
                isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and isinstance(pattern, ast.Constant)
                and isinstance(pattern.value, str)
            ):
                yield f"{path.relative_to(SOURCES)}:{node.lineno}", pattern.value


def operations(parsed: object) -> Iterator[str]:
    """Yield the name of every operation in a parsed pattern."""
    if isinstance(parsed, re._constants._NamedIntConstant):
        yield parsed.name
    elif isinstance(parsed, list | tuple | re._parser.SubPattern):
        for part in parsed:
            yield from operations(part)


def test_no_pattern_is_possessive() -> None:
    """Python 3.11.2 (Debian 12) matches possessive quantifiers and atomic groups incorrectly, so none may be used."""
    found = list(patterns())
    assert len(found) > 20
    assert [where for where, text in found if BROKEN_IN_3_11_2 & set(operations(re._parser.parse(text)))] == []


@pytest.mark.parametrize("pattern", ["a*+", "(?:ab)++", "(x(?>y))", "a?+|b"])
def test_a_possessive_pattern_is_recognised(pattern: str) -> None:
    """The check above sees such operations wherever they stand in a pattern."""
    assert BROKEN_IN_3_11_2 & set(operations(re._parser.parse(pattern)))

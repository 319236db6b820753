"""Messages that count things: `1 trial`, `2 trials`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sources import nodes

import wke
from wke.describe.toml.wording import counted

ROOT = Path(wke.__file__).parent
SOURCES = sorted(path for path in ROOT.rglob("*.py") if not {"template", "agent", "legacy"} & set(path.relative_to(ROOT).parts))
NOUNS = (
    "attempt byte change character client column comparison connection core deployment error fact field file finding folder iteration label "
    "line machine metric module option pair parameter point process processor program reading record request result round row sample second "
    "server step target task thread time trial value version warm-up window writer"
)
COUNTED = re.compile(rf" (?:more |open |other |further )?(?:{'|'.join(NOUNS.split())})s\b")
NEVER_ONE = """
{count:,} connections
{size} bytes takes
{columns} columns in
{size} machines
{value} machines; the
{entry.cpus:g} processors
{len(value)} values
{count} values; at
{len(value)} characters
{len(text)} characters
{odd} fields under
{size} bytes; at
{len(values)} windows
{seen['cut']:g} windows
{len(MAGIC)} bytes
{len(columns)} columns
{len(payload)} bytes
{high} trials
{len(names)} machines:
{hint.trials} trials share
{trials} trials of {values:,} values
{rounds} rounds without
{finding.next} rounds
{looks} rounds
{most} iterations
{total} trials {stored}
{total} trials are
{state.total} trials
{of.size_bytes:,} bytes
{100 * shares.gain:+.1f} points
sign='+')} points
{number(factor, decimals
""".strip().splitlines()
"""Numbers that are beyond a limit, negative, of two things or more, of percent, of a sum such as 3/5, or in no message to users."""


def unsure(path: Path) -> Iterator[str]:
    """Yield each text in which a number stands before several things, although it may be 1.

    A constant in capitals is not 1, and neither is what is chosen by a comparison with 1.
    """
    found = [node for node in nodes(path) if isinstance(node, ast.JoinedStr) and any(map(_counts, node.values, node.values[1:]))]
    choices = [node for node in nodes(path) if isinstance(node, ast.IfExp | ast.If)] if found else []
    chosen = {id(part) for choice in choices if re.search(r"[=<>] 1\b", ast.unparse(choice.test)) for part in ast.walk(choice)}
    yield from (ast.unparse(node) for node in found if id(node) not in chosen)


def _counts(number: ast.expr, text: ast.expr) -> bool:
    """Tell whether a number that may be 1 stands before a text that begins with several things."""
    if not (isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant) and COUNTED.match(str(text.value))):
        return False
    return not re.search(r"counted\(|^(\w+\.)?[A-Z_]+$", ast.unparse(number.value))


def test_one_thing_is_not_called_several() -> None:
    """Numbers of things are written by `counted`, unless they cannot be 1."""
    told = {
        str(path.relative_to(ROOT)): [text for text in unsure(path) if not any(known in text for known in NEVER_ONE)] for path in SOURCES
    }
    assert {path: texts for path, texts in told.items() if texts} == {}


def test_counted() -> None:
    """Only 1 has no s."""
    assert [counted(number, "trial") for number in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]

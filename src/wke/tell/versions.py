"""Versions of software in sentences and as JSON."""

from collections.abc import Iterator

from wke.describe.toml.wording import counted
from wke.judge.summary.versions import VersionDifference, VersionReport, VersionUse

LONGEST = 80  # characters of what a command printed
MOST = 4  # machines, and versions, that are named


def version_lines(report: VersionReport) -> Iterator[str]:
    """Yield what a series ran on, then where machines or rounds differ."""
    yield from map(_used, report.used)
    yield from map(_differs, report.differences)


def first_line(said: str) -> str:
    """Return the first line of what a command printed, shortened."""
    line = next(iter(said.splitlines()), "")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def versions_json(report: VersionReport) -> dict[str, object]:
    """Return a report as values for `json.dumps`."""
    return {
        "used": {use.name: {"said": list(use.said), "unknown-on": list(use.problems)} for use in report.used},
        "differences": [
            {"name": one.name, "among": one.among, "of": one.of, "said": {text: list(names) for text, names in one.said.items()}}
            for one in report.differences
        ],
    }


def _used(use: VersionUse) -> str:
    unknown = f"; not known on {_listed(use.problems)}" if use.problems else ""
    more = f" and {len(use.said) - MOST} more" if len(use.said) > MOST else ""
    return f"version of {use.name}: {' | '.join(map(first_line, use.said[:MOST])) or 'not known'}{more}{unknown}"


def _differs(one: VersionDifference) -> str:
    words = _distinct(list(one.said))
    if one.among == "machines":
        parts = [f"{word} on {_listed(names)}" for word, names in zip(words, one.said.values(), strict=True)]
        where = f"between machines of {one.of}" if one.of else "between machines"
    else:
        parts = [
            f"{word} in {counted(len(names), 'trial')} (first {names[0]})" for word, names in zip(words, one.said.values(), strict=True)
        ]
        where = f"between rounds on {one.of}"
    return f"finding: the version of {one.name} differs {where}: {'; '.join(parts)}"


def _distinct(texts: list[str]) -> list[str]:
    """Return the first line of each text, or the first line that tells it from the first text."""
    firsts = [first_line(text) for text in texts]
    if len(set(firsts)) == len(firsts):
        return firsts
    shared = set(texts[0].splitlines())
    return [firsts[0], *(first_line(next((line for line in text.splitlines() if line not in shared), text)) for text in texts[1:])]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")

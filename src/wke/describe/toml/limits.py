"""Limits of what users' files contain: the one list of them.

`excesses` finds what no TOML file of ours may have. The other limits are named here and checked where their quantity is known.
"""

from collections.abc import Iterator

from wke.documents import TomlValue

MOST_BYTES = 4 << 20
"""Of a TOML file."""
MOST_NESTED = 50
"""How deep tables and lists may be nested, and how often one table, or one configuration, may lead to another."""
LONGEST_NAME = 200
"""Of a key or another name, in bytes: many become file names, which have at most 255 with what is added to them."""
LONGEST_TEXT = 100_000
"""Of a text, in characters: an argument of a program has at most 131,071 bytes."""
LARGEST_INTEGER = 2**63 - 1
MOST_ENTRIES = 1000
"""Steps, metrics, checks, plots, conditions or links of a file."""
MOST_POINTS = 100_000
"""Points of a sweep, values of its parameters together, and trials of a plan."""
FRESH_FROM = 1_000_000
"""The iteration of the first fresh round, which measures again what results chose: no plan has so many others."""
MOST_COPIES = 10_000
"""Tasks of a step per machine."""
LONGEST_S = 10_000 * 86400.0
"""Of a duration: 10,000 days. Clocks and timers overflow at larger ones."""

Key = tuple[str | int, ...]


def excesses(document: TomlValue) -> Iterator[tuple[Key, str, str]]:
    """Yield what is too large in a document: its key, what is wrong, and a hint. What is nested too deep is not looked into."""
    waiting: list[tuple[Key, TomlValue]] = [((), document)]
    while waiting:
        key, value = waiting.pop()
        if len(key) > MOST_NESTED:
            yield key[:1], "is nested too deeply", f"at most {MOST_NESTED} levels are allowed"
        elif isinstance(value, dict):
            for name in value:
                if excess := name_excess(name):
                    yield (*key, name), excess, "shorten the name"
            waiting += [((*key, name), entry) for name, entry in value.items()]
        elif isinstance(value, list):
            waiting += [((*key, index), entry) for index, entry in enumerate(value)]
        elif isinstance(value, str) and len(value) > LONGEST_TEXT:
            yield (
                key,
                f"is {len(value)} characters long; at most {LONGEST_TEXT} are allowed",
                "put it into a file, and the file's name here",
            )
        elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            yield key, "is too large a number", f"whole numbers go up to {LARGEST_INTEGER}"


def name_excess(name: str) -> str | None:
    """Return what is wrong with a name that is too long, None if it is not."""
    size = len(name.encode("utf-8", "surrogatepass"))
    return f"is a name of {size} bytes; at most {LONGEST_NAME} are allowed" if size > LONGEST_NAME else None

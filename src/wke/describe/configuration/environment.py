"""Variables of the environment that scripts read. Those of the command `wke` do not reach them; this finds where that may surprise."""

import re
from collections.abc import Collection, Iterable

from wke.describe.configuration.step import PlannedStep

OF_A_LOGIN = frozenset(
    {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "PWD", "OLDPWD", "HOSTNAME", "LANG", "TERM", "TZ", "TMPDIR", "SHLVL", "_"}
)
"""The variables that every login has; a script means the machine's."""

READS = re.compile(rb"""\$\{?([A-Za-z_]\w*)|(?:environ(?:\.get\(|\[)|getenv\(|ENV\[)\s*["'](\w+)""")
SETS = re.compile(rb"(?:^|[\s;&|(])(?:(\w+)\+?=|for\s+(\w+)\s+in\b|read\s+(?:-\w+\s+)*(\w+))", re.MULTILINE)


def unreached(steps: Iterable[PlannedStep], here: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return which of the variables `here` the scripts of steps read without setting them, each with the names of these targets."""
    found: dict[str, dict[str, None]] = {}
    scripts = {(step.target.name, step.prelude.content if step.prelude else b"", step.target.content or b"") for step in steps}
    for target, prelude, script in sorted(scripts):
        for name in variables_read(prelude + b"\n" + script) & set(here):
            found.setdefault(name, {})[target] = None
    return {name: tuple(targets) for name, targets in sorted(found.items())}


def variables_read(script: bytes) -> frozenset[str]:
    """Return the variables that a script reads but does not set, as far as its text tells; those of a login and of wke are left out."""
    read, written = ({name.decode() for names in pattern.findall(script) for name in names if name} for pattern in (READS, SETS))
    return frozenset(name for name in read - written - OF_A_LOGIN if not name.startswith(("WKE_", "LC_")) and not name.isdigit())

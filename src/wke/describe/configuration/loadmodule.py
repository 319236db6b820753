"""`wke.load`, the load generator for scripts: where a script names it, it is sent to the machine beside the script, as the file wke.py.

It is a part of what the trial depends on, like the script itself.
"""

import re
from functools import lru_cache
from pathlib import Path

import wke.errors

FILE = "wke.py"
_SOURCE = Path(wke.errors.__file__).parent / "load.py"
_NAMED = re.compile(rb"\bwke\.load\b|\bfrom[ \t]+wke[ \t]+import\b[^\n#]*\bload\b")


def module_beside(script: bytes | None) -> bytes | None:
    """Return the module that a script gets, None if it does not name it."""
    return _source() if script is not None and _NAMED.search(script) else None


@lru_cache(maxsize=1)
def _source() -> bytes:
    return _SOURCE.read_bytes()

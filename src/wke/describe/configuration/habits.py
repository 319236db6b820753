"""What worked in wke 0.1 because a shell expanded options and your ssh agent was forwarded: `wke check` warns where it can see it."""

import re

_FLAGS = re.compile(r"--?[A-Za-z][^\s=]*(?:[\s=]\S+)?\s+--?[A-Za-z]")
_AGENT = re.compile(rb"^[^#\n]*(?:\bssh\b[^\n]*\s-A\b|SSH_AUTH_SOCK|\bgit\b[^\n]*(?:ssh://|\bgit@))", re.MULTILINE)


def unexpanded(value: object) -> tuple[str, str] | None:
    """Return why a value may mean something else than in wke 0.1, and what to do; None if it does not."""
    if not isinstance(value, str):
        return None
    if value.startswith("~") or re.search(r"\$[A-Za-z_{(]", value):
        return "reaches the script as it is; wke 0.1 let a shell expand it", "expand it in the script"
    if _FLAGS.match(value):
        return (
            "reaches the script as one argument; wke 0.1 let a shell split it",
            "use $1 without quotes there, or one option per flag",
        )
    return None


def wants_agent(script: bytes | None) -> bool:
    """Return whether a script seems to need your ssh agent on the machine."""
    return script is not None and _AGENT.search(script) is not None

"""Secrets: values of options that are never shown and never stored, only digests of them, salted by a number of the project's own."""

import functools
import hashlib
import os
from pathlib import Path

from wke.errors import InputError
from wke.values import dataclass

HIDDEN = "***"
"""What stands for a secret wherever it would be shown or stored."""
SALT = Path("results") / "salt"
SHORTEST = 4
ROUNDS = 50_000  # a guess costs so many hashes


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """The value of a secret option; it is no text, so that it cannot be printed or stored by accident."""

    value: str

    def __repr__(self) -> str:
        return HIDDEN

    @property
    def digest(self) -> str:
        """A salted digest, which tells whether two values are the same in one project."""
        return _digest(self.value, _salt(SALT.absolute()))


def secret_of(name: str, given: object | None) -> Secret | None:
    """Return the value of the secret option `name`: the given one, or that of its variable; None if there is neither.

    Raise InputError for a value that cannot be kept secret; the message does not have it.
    """
    value = os.environ.get(secret_variable(name)) if given is None else given
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError("is secret, so it must be text", hint="put it in quotes")
    if value and len(value) < SHORTEST:
        hint = f"give it at least {SHORTEST} characters"
        raise InputError("is secret and too short: it would be hidden wherever a script prints these characters", hint=hint)
    if "\0" in value:
        raise InputError("must not contain a NUL character: variables of programs cannot")
    return Secret(value)


def secret_variable(name: str) -> str:
    """Return the variable that wke takes a secret option from if it is not given."""
    return f"WKE_SECRET_{variable_part(name)}"


def variable_part(name: str) -> str:
    """Return an option's name as a part of a variable's name, which a shell can name: `num-clients` is NUM_CLIENTS."""
    return "".join(c if c.isalnum() else "_" for c in name).upper()


@functools.lru_cache(maxsize=64)
def _digest(value: str, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", value.encode("utf-8", "surrogateescape"), salt, ROUNDS).hex()


@functools.lru_cache(maxsize=8)
def _salt(path: Path) -> bytes:
    """Return the salt in a file, which is made if it is missing; one that cannot be kept is good for this command only."""
    fresh = os.urandom(16).hex().encode()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(fresh)
    except FileExistsError:
        return path.read_bytes() or fresh
    except OSError:
        pass
    return fresh

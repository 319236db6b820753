"""Macros: option values that differ between tasks, such as `@NAME` for the machine's name.

A value is a macro if it consists of `@` and capital letters. Other text with an `@` (an e-mail address) is not changed.
"""

import re
from collections.abc import Iterable

from wke.describe.cluster.cluster import MachineSpec
from wke.errors import InputError, did_you_mean

MACROS = {
    "@GROUP_INDEX": "the position of the task among all tasks of this run, from 0",
    "@GROUP_SIZE": "the number of tasks of this run",
    "@NAME": "the machine's name",
    "@INTERNAL": "the machine's internal address",
    "@EXTERNAL": "the machine's external address, or the internal one if it has none",
    "@USERNAME": "the user who is logged in on the machine",
}

ADDRESSES = ("@INTERNAL", "@EXTERNAL")

_MACRO = re.compile(r"@[A-Z_]+")


def is_macro(value: object) -> bool:
    """Return whether a value has the form of a macro, known or not."""
    return isinstance(value, str) and _MACRO.fullmatch(value) is not None


def check_macros(text: str) -> None:
    """Raise InputError if a value has the form of a macro but is unknown."""
    if is_macro(text) and text not in MACROS:
        raise InputError(f"there is no macro {text}", hint=did_you_mean(text, MACROS))


def expand_macros(text: str, *, machine: MachineSpec, username: str, index: int, size: int) -> str:
    """Return a value for task number `index` of `size` on `machine`, with macros replaced; raise InputError for an unknown macro."""
    check_macros(text)
    meanings = {
        "@GROUP_INDEX": str(index),
        "@GROUP_SIZE": str(size),
        "@NAME": machine.name,
        "@INTERNAL": machine.internal_addr,
        "@EXTERNAL": machine.external_addr or machine.internal_addr,
        "@USERNAME": username,
    }
    return meanings.get(text, text)


def check_addresses(values: Iterable[object], machines: Iterable[MachineSpec]) -> None:
    """Raise InputError if a value is the address of a machine, and one of the machines has none that is known."""
    asked = [value for value in values if value in ADDRESSES]
    unknown = [machine.name for machine in machines if not (machine.internal_addr or machine.external_addr)] if asked else []
    if unknown:
        raise InputError(
            f"{asked[0]} is not known of machine {unknown[0]}", hint="give it in [machines] of the cluster file: internal-addr"
        )

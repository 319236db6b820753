"""Macros: what they mean to a task, and what is none."""

import pytest

from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.macros import MACROS, check_macros, expand_macros
from wke.errors import InputError

NODE = MachineSpec("node1", 0, "node1.example.org", "10.1.1.1")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("@GROUP_INDEX", "3"),
        ("@GROUP_SIZE", "8"),
        ("@NAME", "node1"),
        ("@INTERNAL", "10.1.1.1"),
        ("@EXTERNAL", "node1.example.org"),
        ("@USERNAME", "joe"),
        ("joe@NAME", "joe@NAME"),
        ("@NAME ", "@NAME "),
        ("@name", "@name"),
        ("@", "@"),
        ("a@example.org", "a@example.org"),
        ("", ""),
    ],
)
def test_a_value_that_is_a_macro_is_replaced_and_other_text_is_not(text: str, meaning: str) -> None:
    """Only the whole value counts: an address with an @ in it stays."""
    check_macros(text)
    assert expand_macros(text, machine=NODE, username="joe", index=3, size=8) == meaning


def test_every_macro_has_a_meaning() -> None:
    """The list that documentation and hints show is the list that is replaced."""
    assert all(expand_macros(macro, machine=NODE, username="joe", index=3, size=8) != macro for macro in MACROS)


def test_the_external_address_of_an_emulated_machine_is_its_internal_one() -> None:
    """A script that asks for the external address gets one that works."""
    assert expand_macros("@EXTERNAL", machine=MachineSpec("m0", 0, None, "10.181.0.2"), username="joe", index=0, size=1) == "10.181.0.2"


@pytest.mark.parametrize("text", ["@NAMES", "@_", "@GROUP"])
def test_an_unknown_macro_is_an_error(text: str) -> None:
    """Capitals after an @ are meant to be a macro."""
    with pytest.raises(InputError, match=f"there is no macro {text}"):
        check_macros(text)
    with pytest.raises(InputError, match=f"there is no macro {text}"):
        expand_macros(text, machine=NODE, username="joe", index=0, size=1)

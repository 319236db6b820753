"""Why a machine cannot be reached, from what its shell said."""

import pytest

from wke.act.connection.bootstrap import READ_AND_RUN
from wke.act.connection.diagnosis import Failure


@pytest.mark.parametrize(
    "words",
    [
        "/bin/sh: 1: Cannot fork",
        f"{READ_AND_RUN}: fork: retry: Resource temporarily unavailable\n{READ_AND_RUN}: fork: Resource temporarily unavailable",
        "RuntimeError: can't start new thread",
    ],
)
def test_a_limit_on_processes_is_named(words: str) -> None:
    """Shells say it behind their name, which is our program: it is not shown, and what it says of Python is no cause."""
    text = str(Failure("the connection ended", words, ["sh"]).error("m0"))
    assert "no process could be started there: the limit on processes is reached" in text
    assert "import sys" not in text
    assert "python3, 3.6" not in text

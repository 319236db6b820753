"""What signals do to a command that runs: each case in a process of its own, for it is the process that is meant."""

import subprocess
import sys

import pytest
from support import limit

CODE = """
import asyncio, os, signal, sys
from wke.act.interrupt import run_to_end
from wke.errors import AskedToEndError

async def work():
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        await asyncio.sleep(0.2)
        print("went on")
    finally:
        print("tidied up")

if sys.argv[2:] == ["ignored"]:
    signal.signal(getattr(signal, sys.argv[1]), signal.SIG_IGN)
try:
    run_to_end(work())
except (AskedToEndError, KeyboardInterrupt) as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SIGTERM"], ["tidied up", "AskedToEndError"]),
        (["SIGHUP"], ["tidied up", "AskedToEndError"]),
        (["SIGINT"], ["tidied up", "KeyboardInterrupt"]),
        (["SIGHUP", "ignored"], ["went on", "tidied up"]),
        (["SIGTERM", "ignored"], ["went on", "tidied up"]),
    ],
)
def test_a_signal_ends_the_work_in_order_unless_it_is_ignored(arguments: list[str], said: list[str]) -> None:
    """Whoever starts a series under nohup wants it to outlive the terminal."""
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True, timeout=limit(60))
    assert done.stdout.splitlines() == said

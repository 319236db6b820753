"""dies.py STEP TIMES ARGUMENT...: the command `wke ARGUMENT...`, which kills itself (-9) when it reaches a step of the store so often.

The steps are those at which the store calls its checkpoint (keep/store.py). `never` is none of them.
"""

import os
import signal
import sys

from wke.cli.main import main
from wke.keep.store import Store

step, times = sys.argv[1], int(sys.argv[2])
reached = 0


def die(at: str) -> None:
    """Die at the right time."""
    global reached  # noqa: PLW0603 - a program of its own
    reached += at == step
    if at == step and reached == times:
        os.kill(os.getpid(), signal.SIGKILL)


Store.open.__func__.__kwdefaults__["checkpoint"] = die  # type: ignore[attr-defined]
sys.argv[1:] = sys.argv[3:]
main()

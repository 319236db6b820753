"""dies.py STEP TIMES ARGUMENT...: runs `wke ARGUMENT...`, and kills itself (-9) when it reaches STEP of the store for the TIMES-th time.

The steps are those at which the store calls its checkpoint (keep/store.py). With `never` it is not killed.
"""

import os
import signal
import sys

from wke.cli.main import main
from wke.keep.store import Store

step, times = sys.argv[1], int(sys.argv[2])
reached = 0


def die(at: str) -> None:
    """Kill this process if `at` is the step to die at."""
    global reached  # noqa: PLW0603 - a separate program
    reached += at == step
    if at == step and reached == times:
        os.kill(os.getpid(), signal.SIGKILL)


Store.open.__func__.__kwdefaults__["checkpoint"] = die  # type: ignore[attr-defined]
sys.argv[1:] = sys.argv[3:]
main()

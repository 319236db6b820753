"""Starting the transports to machines early: ssh connects and logs in while all that will talk through it is still being imported.

This file and what it needs are imported before that, so they import little.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from wke.act.connection.transport import agent_command, process_environment
from wke.act.kept.folder import folder_path
from wke.act.pipes import spawn
from wke.act.providers.place import Place
from wke.describe.cluster.cluster import MachineSpec


@contextmanager
def beginning(place: Place, machines: Iterable[MachineSpec]) -> Iterator[None]:
    """Start the transports to `machines`, as many as may be opened at a time. Those that are left in `place.begun` end with the block.

    Nothing is started where connections are no such processes, where they may have been kept, and where nothing can be started: opening a
    connection tells why.
    """
    try:
        if place.has_pipes and not _may_be_kept(place):
            for machine in islice(machines, place.cluster.connect_limit):
                transport = place.transports[machine.name]
                with suppress(OSError):
                    argv = agent_command(transport, machine.python)
                    place.begun[machine.name] = spawn(argv, process_environment(transport) or os.environb)
        yield
    finally:
        while place.begun:
            _, pipes = place.begun.popitem()
            pipes.release()
            os.kill(pipes.pid, signal.SIGTERM)  # it is a child that nobody has reaped


def _may_be_kept(place: Place) -> bool:
    return place.keeping is not None and place.keeping.keep_s > 0 and folder_path().exists()

"""A controller in a process of its own, to be killed: starts a script through a transport, tells when it runs, and waits for ever."""

import asyncio
import json
import sys

from wke.act.connection.opening import open_connection
from wke.act.connection.task import TaskSpec
from wke.act.connection.transport import SshTransport
from wke.records import Output, Record, TaskName

SCRIPT = b"""#!/bin/bash
trap '' TERM HUP INT
(setsid env -i sleep 1000 >/dev/null 2>&1 &)
setsid sleep 1000 &
echo $$
while :; do sleep 1; done
"""


async def main() -> None:
    transport, lease_s = json.loads(sys.argv[1]), float(sys.argv[2])
    way = SshTransport(transport) if transport[:1] == ["ssh"] else transport
    connection = await open_connection("m", way, deadline_s=120, lease_s=lease_s)

    def sink(record: Record) -> None:
        if isinstance(record, Output):
            facts = [connection.hello.pid, connection.hello.workfolder, connection.link.wire.pid, int(record.data)]
            sys.stdout.write(json.dumps(facts) + "\n")
            sys.stdout.flush()

    await connection.tasks.start(TaskSpec(TaskName(0, "t", "m"), SCRIPT, (), {}, None, None, None), sink)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

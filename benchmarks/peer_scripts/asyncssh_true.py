"""asyncssh_true.py COUNT USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once, COUNT times through one connection each."""

import asyncio
import sys
from contextlib import AsyncExitStack

import asyncssh
from marks import mark

count, user, port, key, known_hosts, *hosts = sys.argv[1:]
options = {"username": user, "client_keys": [key], "known_hosts": known_hosts, "config": None, "agent_path": None}


async def main() -> None:
    async with AsyncExitStack() as stack:
        connecting = (stack.enter_async_context(asyncssh.connect(host, int(port), **options)) for host in hosts)
        connections = await asyncio.gather(*connecting)
        for done in range(int(count)):
            await asyncio.gather(*(connection.run("true", check=True) for connection in connections))
            mark(done, int(count))


asyncio.run(main())

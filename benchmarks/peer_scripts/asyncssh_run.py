"""asyncssh_run.py COMMAND USER PORT KEY KNOWN_HOSTS HOST...: a command on every host at once, as soon as it is connected."""

import asyncio
import sys

import asyncssh

command, user, port, key, known_hosts, *hosts = sys.argv[1:]
options = {"username": user, "client_keys": [key], "known_hosts": known_hosts, "config": None, "agent_path": None}


async def run(host: str) -> None:
    async with asyncssh.connect(host, int(port), **options) as connection:
        await connection.run(command, check=True)


async def main() -> None:
    await asyncio.gather(*map(run, hosts))


asyncio.run(main())

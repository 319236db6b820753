"""asyncssh_true.py USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once."""

import asyncio
import sys

import asyncssh

user, port, key, known_hosts, *hosts = sys.argv[1:]


async def run(host: str) -> None:
    async with asyncssh.connect(
        host, int(port), username=user, client_keys=[key], known_hosts=known_hosts, config=None, agent_path=None
    ) as connection:
        await connection.run("true", check=True)


async def main() -> None:
    await asyncio.gather(*map(run, hosts))


asyncio.run(main())

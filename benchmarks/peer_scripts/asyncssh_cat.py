"""asyncssh_cat.py FILE FOLDER USER PORT KEY KNOWN_HOSTS HOST...: FILE of every host at once into FOLDER/HOST.out."""

import asyncio
import sys
from pathlib import Path

import asyncssh

file, folder, user, port, key, known_hosts, *hosts = sys.argv[1:]
options = {"username": user, "client_keys": [key], "known_hosts": known_hosts, "config": None, "agent_path": None}


async def fetch(host: str) -> None:
    async with asyncssh.connect(host, int(port), **options) as connection:
        await connection.run(f"cat {file}", stdout=Path(folder, f"{host}.out"), encoding=None, check=True)


async def main() -> None:
    await asyncio.gather(*map(fetch, hosts))


asyncio.run(main())

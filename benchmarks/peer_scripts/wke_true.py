"""wke_true.py COUNT CLUSTER CONFIG TARGET: a target on every machine of a cluster file, COUNT times through one connection each."""

import asyncio
import sys

from marks import mark

import wke


async def main(count: int, cluster: str, config: str, target: str) -> None:
    async with wke.open(cluster) as machines:
        for done in range(count):
            (await machines.run(config, "all", target)).checked()
            mark(done, count)


asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))

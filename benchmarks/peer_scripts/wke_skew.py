"""wke_skew.py RELEASES CLUSTER CONFIG TARGET: a target measured on every machine of a cluster file, RELEASES times.

Prints as JSON, a list for each time, when each machine's task started (ns, from wke's records: the machine's own clock).
"""

import asyncio
import json
import sys

import wke
from wke.records import Record, TaskStarted


async def main(releases: int, cluster: str, config: str, target: str) -> None:
    starts: list[int] = []

    def keep(record: Record) -> None:
        if isinstance(record, TaskStarted):
            starts.append(record.at_ns)

    rounds = []
    async with wke.open(cluster, sink=keep) as machines:
        for _ in range(releases):
            starts.clear()
            (await machines.measure(config, "all", target)).checked()
            rounds.append(sorted(starts))
    print(json.dumps(rounds))


asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))

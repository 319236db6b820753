"""An agent to speak to by hand, and the words with which a machine is refused."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import limit

from wke.act.connection import bootstrap
from wke.act.connection.opening import open_connection
from wke.agent import frames
from wke.agent.protocol import Decoder, Frame, encode
from wke.errors import MachineError

OPEN = {"token": "", "lease": 20, "environment": {}}


@contextmanager
def raw_agent(token: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start an agent and speak to it by hand."""
    agent = subprocess.Popen(bootstrap.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert agent.stdin is not None
    try:
        agent.stdin.write(bootstrap.package() + encode(frames.OPEN, 0, OPEN | {"token": token}))
        agent.stdin.flush()
        yield agent
    finally:
        agent.communicate(timeout=limit(60))


def frames_of(agent: subprocess.Popen[bytes], decoder: Decoder, kind: int) -> list[Frame]:
    """Read frames until one of that kind comes or none comes any more."""
    assert agent.stdout is not None
    found: list[Frame] = []
    while not any(f.kind == kind for f in found):
        data = os.read(agent.stdout.fileno(), 65536)
        if not data:
            break
        found += decoder.frames(data)
    return found


def refusal(transport: list[str], deadline_s: float = 10.0) -> str:
    async def attempt() -> str:
        with pytest.raises(MachineError) as caught:
            await open_connection("node1", transport, deadline_s=deadline_s, lease_s=5)
        return str(caught.value)

    return asyncio.run(attempt())

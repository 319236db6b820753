"""A command's way to the connection keeper of its user: find it or start it, borrow connections and give them back."""

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, cast

import wke.errors
from wke.act.kept.folder import connected, folder_path, prepare
from wke.act.kept.messages import AT_ONCE, HANDLES, receive, send
from wke.act.pipes import Pipes
from wke.agent.protocol import ProtocolError
from wke.documents import Json
from wke.errors import MachineError
from wke.values import dataclass

ANSWER_S = 2.0  # a keeper that takes longer is as good as none
END_S = 20.0
START = "import sys; sys.path.append(sys.argv[1]); from wke.act.kept.process import main; main(sys.argv[2])"
SOURCES = Path(wke.errors.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """A connection that the keeper has: to which machine of which cluster file, if a command uses it now, and how long else it waits."""

    machine: str
    cluster: str
    in_use: bool
    left_s: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A kept connection that is ours to use now, with what its last user said of it; or why there is none any more, "" for none ever."""

    pipes: Pipes | None
    state: dict[str, Json]
    why: str = ""


class KeeperClient:
    """A channel to the keeper. Its methods raise OSError when the keeper has gone or does not answer."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        channel.settimeout(ANSWER_S)

    @classmethod
    def find(cls) -> Self | None:
        """Return the way to the keeper that runs, None if none does. Raises PermissionError when its folder is not ours alone."""
        channel = connected(folder_path())
        return None if channel is None else cls(channel)

    @classmethod
    def start(cls) -> Self:
        """Start a keeper, or let the one that was started meanwhile have what it is given; it can be asked nothing. Raises OSError."""
        prepare(folder_path())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-I", "-S", "-c", START, str(SOURCES), str(folder_path())]
        streams = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        try:
            os.posix_spawn(
                sys.executable, argv, os.environb, file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), *streams], setsid=True
            )
        finally:
            theirs.close()
        return cls(ours)

    def close(self) -> None:
        """Leave the keeper alone; it ends what was borrowed and not given back."""
        self._channel.close()

    # -- connections

    def take(self, keys: Sequence[str]) -> Iterator[tuple[str, Offer]]:
        """Borrow connections; yield an offer for each key."""
        for first in range(0, len(keys), AT_ONCE):
            some = list(keys[first : first + AT_ONCE])
            send(self._channel, {"do": "take", "keys": some})
            for _ in some:
                message, handles = self._receive()
                state = cast("dict[str, Json]", message.get("state", {}))
                pipes = _pipes(cast("int", state["pid"]), *handles) if len(handles) == HANDLES else None
                yield str(message["key"]), Offer(pipes, state, str(message.get("why", "")))

    def back(self, key: str, state: dict[str, object], keep_s: float) -> None:
        """Give back a connection that was borrowed."""
        send(self._channel, {"do": "back", "key": key, "state": state, "keep": keep_s})

    def drop(self, key: str) -> None:
        """Have a connection ended that was borrowed."""
        send(self._channel, {"do": "drop", "key": key})

    def give(self, pipes: Pipes, key: str, message: dict[str, object]) -> None:
        """Give away a connection that we made; the keeper gets its own descriptors of it."""
        handles = (pipes.input, pipes.output, pipes.complaints, cast("int", pipes.handle))
        send(self._channel, {"do": "give", "key": key, **message}, handles)

    # -- for people

    def held(self) -> list[HeldEntry]:
        """Return all connections that it has."""
        found: list[HeldEntry] = []
        while True:
            send(self._channel, {"do": "list", "from": len(found)})
            message, _ = self._receive()
            found += [HeldEntry(*row) for row in cast("list[tuple[str, str, bool, float]]", message["held"])]
            if not message["more"]:
                return found

    def end(self, cluster: str | None) -> tuple[int, int]:
        """End all connections of a cluster file, or all; return how many have ended, and how many end when their command does."""
        self._channel.settimeout(END_S)
        send(self._channel, {"do": "end", "cluster": cluster})
        message, _ = self._receive()
        return cast("int", message["ended"]), cast("int", message["busy"])

    def _receive(self) -> tuple[dict[str, object], list[int]]:
        try:
            message, handles = receive(self._channel)
        except ProtocolError as error:
            raise ConnectionError(str(error)) from error
        if message is None:
            raise ConnectionResetError("the connection keeper has ended")
        return message, handles


def held_connections() -> list[HeldEntry]:
    """Return the connections that are kept; none where there is no keeper. Raises MachineError when it cannot be asked."""
    with _asking() as client:
        return [] if client is None else sorted(client.held(), key=lambda one: (one.cluster, one.machine))


def end_connections(cluster: str | None) -> tuple[int, int]:
    """End connections as `KeeperClient.end` does. Raises MachineError when the keeper cannot be asked."""
    with _asking() as client:
        return (0, 0) if client is None else client.end(cluster)


@contextmanager
def _asking() -> Iterator[KeeperClient | None]:
    client = None
    try:
        client = KeeperClient.find()
        yield client
    except OSError as error:
        hint = f"it is the process that has {folder_path()}/lock open; when it is killed, its connections end"
        raise MachineError(f"the connection keeper does not answer: {error}", hint=hint) from error
    finally:
        if client is not None:
            client.close()


def _pipes(pid: int, source: int, output: int, complaints: int, handle: int) -> Pipes:
    return Pipes(pid, source, output, complaints, handle, is_child=False)

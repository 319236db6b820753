"""The connection keeper: a process that holds connections to machines between two commands, and beats for their agents meanwhile.

A command that ends hands its connections over: the descriptors of ssh's standard streams, and of the ssh process. A later command borrows
them and talks to the agents itself, so no byte of it passes through here. Everything ends by itself: a connection that was not used for its
time, one whose command has died, one that breaks or falls silent, and the keeper when it has nothing to hold. If it is killed, the kernel
closes the descriptors: ssh finds its input ended, and so does the agent, which leaves nothing behind.

It imports little, for it starts while a command ends.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from wke.act.kept.folder import LOCK, SOCKET, address, claim, connected
from wke.act.kept.messages import AT_ONCE, HANDLES, is_ours, receive, send
from wke.agent import frames
from wke.agent.protocol import Decoder, ProtocolError, encode

PING = encode(frames.PING, 0, {})
READ_SIZE = 1 << 16
MAX_HEAD = 1 << 20
KEPT_WORDS = 500
END_S = 5.0  # until an ssh is killed that does not end
START_S = 5.0
PAUSE_S = 0.01


class HeldConnection:
    """One connection. Until `until` it waits for a command; `borrower` is the command that uses it, None while it waits."""

    def __init__(self, handles: list[int], message: dict[str, object]) -> None:
        self.key, self.machine, self.cluster = (str(message[name]) for name in ("key", "machine", "cluster"))
        self.input, self.output, self.complaints, self.process = handles
        self.lease_s = float(cast("float", message["lease"]))
        self.borrower: socket.socket | None = None
        self.is_condemned = False
        self.words = b""
        self.rest(message)

    def rest(self, message: dict[str, object]) -> None:
        """Wait for a command from now on."""
        self.state = message["state"]
        self.borrower = None
        self.decoder = Decoder(frames.CONTROLLER, MAX_HEAD)
        self.heard_at = now()
        self.beat_at = self.heard_at  # at once: a command that is over soon has not renewed the lease
        self.until = self.heard_at + float(cast("float", message["keep"]))

    @property
    def handles(self) -> tuple[int, ...]:
        """All its descriptors."""
        return self.input, self.output, self.complaints, self.process

    def due_at(self) -> float:
        """Return when something has to be done about it while it waits."""
        return min(self.until, self.beat_at, self.heard_at + self.lease_s)


class ConnectionKeeper:
    """Holds connections for as long as there are any. `listener` is where commands come, `first` the one that started this process."""

    def __init__(self, listener: socket.socket, first: socket.socket) -> None:
        self._poll = select.poll()
        self._watched: dict[int, Callable[[], None]] = {}
        self._held: dict[str, HeldConnection] = {}
        self._gone: dict[str, tuple[str, float]] = {}  # why a connection is not there any more, told to the next command until then
        self._ending: dict[int, float] = {}  # processes, and when they are killed
        self._clients: set[socket.socket] = set()
        self._awaiting: list[tuple[socket.socket, dict[str, object]]] = []  # who waits until all has ended, and the answer
        listener.setblocking(False)
        self._watch(listener.fileno(), lambda: self._accept(listener))
        self._admit(first)

    def run(self) -> None:
        """Work until there is nothing to hold and no command to serve."""
        while self._clients or self._held or self._gone or self._ending:
            for handle, _ in self._poll.poll(max(0.0, self._due_at() - now()) * 1000 + 1):
                act = self._watched.get(handle)
                if act is not None:
                    act()
            self._turn()

    def _watch(self, handle: int, act: Callable[[], None]) -> None:
        self._watched[handle] = act
        self._poll.register(handle, select.POLLIN)

    def _forget(self, *handles: int) -> None:
        for handle in handles:
            if self._watched.pop(handle, None) is not None:
                self._poll.unregister(handle)

    # -- time

    def _waiting(self) -> Iterator[HeldConnection]:
        return (held for held in self._held.values() if held.borrower is None)

    def _due_at(self) -> float:
        times = [held.due_at() for held in self._waiting()]
        return min([*times, *self._ending.values(), *(until for _, until in self._gone.values())], default=now() + 3600)

    def _turn(self) -> None:
        """Do what is due: beat, end what is over, kill what does not end."""
        at = now()
        for held in [held for held in self._waiting() if held.due_at() <= at]:
            if held.until <= at:
                self._end(held)
            elif held.heard_at + held.lease_s <= at:
                self._lose(held, f"it gave no sign of life for {held.lease_s:g} s")
            else:
                held.beat_at = at + held.lease_s / 3
                with contextlib.suppress(OSError):
                    os.write(held.input, PING)
        for process in [process for process, until in self._ending.items() if until <= at]:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            self._ending[process] = at + END_S
        for key in [key for key, (_, until) in self._gone.items() if until <= at]:
            del self._gone[key]

    # -- connections

    def _hold(self, held: HeldConnection) -> None:
        """Listen to a connection that waits."""
        self._watch(held.output, lambda: self._hear(held))
        self._watch(held.complaints, lambda: self._hear_complaint(held))

    def _hear(self, held: HeldConnection) -> None:
        """Take what an agent that waits says: the answers to our beats, and perhaps late ones to its last command."""
        data = _read(held.output)
        if data is None:
            return
        if not data:
            self._hear_complaint(held)
            words = held.words.decode("utf-8", "replace").strip().splitlines()
            self._lose(held, "the connection ended" + (f": {words[-1]}" if words else ""))
            return
        held.heard_at = now()
        try:
            for frame in held.decoder.frames(data):
                if frame.kind == frames.BROKEN:
                    held.words = str(frame.head["why"]).encode()
        except ProtocolError as error:
            self._lose(held, str(error))

    def _hear_complaint(self, held: HeldConnection) -> None:
        data = _read(held.complaints)
        if data:
            held.words = (held.words + data)[-KEPT_WORDS:]
        elif data is not None:
            self._forget(held.complaints)

    def _lose(self, held: HeldConnection, why: str) -> None:
        self._gone[held.key] = why, held.until
        self._end(held)

    def _end(self, held: HeldConnection) -> None:
        """End a connection: its agent finds its input ended, and leaves."""
        self._forget(held.output, held.complaints)
        for handle in (held.input, held.output, held.complaints):
            os.close(handle)
        if self._held.get(held.key) is held:
            del self._held[held.key]
        self._ending[held.process] = now() + END_S
        self._watch(held.process, lambda: self._ended(held.process))

    def _ended(self, process: int) -> None:
        self._forget(process)
        os.close(process)
        del self._ending[process]
        if not self._ending:
            for client, answer in self._awaiting:
                self._say(client, answer)
            self._awaiting.clear()

    # -- commands

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            if is_ours(client):
                self._admit(client)
            else:
                client.close()

    def _admit(self, client: socket.socket) -> None:
        client.setblocking(False)
        self._clients.add(client)
        self._watch(client.fileno(), lambda: self._serve(client))

    def _dismiss(self, client: socket.socket) -> None:
        """Forget a command that has gone; what it did not give back is not as we know it, and ends."""
        if client in self._clients:
            self._clients.remove(client)
            self._forget(client.fileno())
            self._awaiting = [entry for entry in self._awaiting if entry[0] is not client]
            client.close()
            for held in [held for held in self._held.values() if held.borrower is client]:
                self._end(held)

    def _say(self, client: socket.socket, message: dict[str, object], handles: tuple[int, ...] = ()) -> None:
        try:
            send(client, message, handles)
        except OSError:
            self._dismiss(client)

    def _serve(self, client: socket.socket) -> None:
        """Do what a command asks for."""
        try:
            message, handles = receive(client)
        except BlockingIOError:
            return
        except (OSError, ProtocolError):
            message, handles = None, []
        if message is None:
            self._dismiss(client)
            return
        task = message["do"]
        if task == "give" and len(handles) == HANDLES:
            self._take_in(HeldConnection(handles, message))
        elif task == "take":
            for key in cast("list[str]", message["keys"]):
                self._lend(client, key)
        elif task in {"back", "drop"}:
            self._take_back(client, message, is_kept=task == "back")
        elif task == "list":
            self._list(client, int(cast("int", message["from"])))
        elif task == "end":
            self._end_all(client, cast("str | None", message["cluster"]))

    def _take_in(self, held: HeldConnection) -> None:
        """Hold a new connection, unless there is one to the same machine."""
        if held.key in self._held:
            self._end(held)
            return
        self._held[held.key] = held
        self._gone.pop(held.key, None)
        self._hold(held)

    def _lend(self, client: socket.socket, key: str) -> None:
        held = self._held.get(key)
        if held is None:
            self._say(client, {"key": key, "why": self._gone.pop(key, ("", 0.0))[0]})
        elif held.borrower is not None or not held.decoder.is_between_frames:
            self._say(client, {"key": key, "why": ""})
        else:
            self._forget(held.output, held.complaints)
            held.borrower = client
            self._say(client, {"key": key, "state": held.state}, held.handles)

    def _take_back(self, client: socket.socket, message: dict[str, object], *, is_kept: bool) -> None:
        held = self._held.get(str(message["key"]))
        if held is None or held.borrower is not client:
            return
        if is_kept and not held.is_condemned:
            held.rest(message)
            self._hold(held)
        else:
            self._end(held)

    def _list(self, client: socket.socket, first: int) -> None:
        at, found = now(), list(self._held.values())
        rows = [[held.machine, held.cluster, held.borrower is not None, held.until - at] for held in found[first : first + AT_ONCE]]
        self._say(client, {"held": rows, "more": len(found) > first + AT_ONCE})

    def _end_all(self, client: socket.socket, cluster: str | None) -> None:
        chosen = [held for held in self._held.values() if cluster in {None, held.cluster}]
        for held in chosen:
            if held.borrower is None:
                self._end(held)
            else:
                held.is_condemned = True
        if not self._held:
            self._gone.clear()
        busy = sum(held.borrower is not None for held in chosen)
        answer: dict[str, object] = {"ended": len(chosen) - busy, "busy": busy}
        if self._ending:
            self._awaiting.append((client, answer))
        else:
            self._say(client, answer)


def now() -> float:
    """Return the time by a clock that also counts while this computer sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read(handle: int) -> bytes | None:
    """Return what can be read now, None if nothing can, b"" at the end."""
    try:
        return os.read(handle, READ_SIZE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def main(folder: str) -> None:
    """Be the keeper in a folder, or pass on to the one that is there already. The command that starts it is on descriptor 0."""
    path = Path(folder)
    first = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.chdir("/")
    os.umask(0o077)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        handles = claim(path)
        if handles:
            _keep(path, handles[0], first)
            return
        other = connected(path)
        if other is not None:
            _pass_on(first, other)
            return
        time.sleep(PAUSE_S)  # the other one is about to begin, or to end


def _keep(path: Path, folder: int, first: socket.socket) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET, dir_fd=folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address(folder))
    listener.listen(64)
    ConnectionKeeper(listener, first).run()
    for name in (SOCKET, LOCK):
        os.unlink(name, dir_fd=folder)
    with contextlib.suppress(OSError):
        path.rmdir()


def _pass_on(first: socket.socket, other: socket.socket) -> None:
    """Hand what the command gives to another keeper."""
    while True:
        message, handles = receive(first)
        if message is None:
            return
        send(other, message, tuple(handles))
        for handle in handles:
            os.close(handle)


if __name__ == "__main__":
    main(sys.argv[1])

"""Commands of wke that start at once: forks of a process in which all of wke is imported already.

A fork is a process like any other, with its own pid, streams, folder, environment and signals; only the half second of imports is saved.
That the commands import what they need is for the tests that start Python anew (test_command_line.py, test_pages.py).
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

REQUEST = 1 << 20
SETTLED = ("PYTHON", "LC_", "LANG", "MPL", "LD_")  # variables that a Python reads when it starts
KEPT = 3  # handles: the streams


class Fork(subprocess.Popen[str]):
    """`python -m wke.cli ARGUMENTS` as a child of `server`, used like one of our own."""

    def __init__(self, server: "ForkServer", arguments: Sequence[str], **settings: object) -> None:
        self._server = server
        super().__init__(list(arguments), **settings)

    def _execute_child(self, arguments: Sequence[str], *details: object) -> None:
        cwd, environment, streams = details[4], details[5], details[9:15]
        theirs = [handle if handle >= 0 else number for number, handle in enumerate((streams[0], streams[3], streams[5]))]
        self._ended, said = os.pipe()
        try:
            self.pid = self._server.fork(arguments, str(cwd), environment, [*theirs, said])
        finally:
            os.close(said)
            self._close_pipe_fds(*streams)
        self._child_created = True

    def _wait_for(self, pid: int, flags: int) -> tuple[int, int]:
        """Return what os.waitpid would for a child of ours."""
        if flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
            return 0, 0
        status = os.read(self._ended, 4)
        os.close(self._ended)
        assert status, "the process that forks has died"
        return pid, int.from_bytes(status, "little")

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        return super()._internal_poll(_deadstate, self._wait_for)

    def _try_wait(self, flags: int) -> tuple[int, int]:
        return self._wait_for(self.pid, flags)


class ForkServer:
    """The process that forks, started when it is first needed."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None

    @staticmethod
    def serves(environment: Mapping[str, str]) -> bool:
        """Tell whether a fork is the same as a new process with those variables."""
        names = {name for name in environment.keys() | os.environ.keys() if name.startswith(SETTLED)}
        return all(environment.get(name) == os.environ.get(name) for name in names)

    def fork(self, arguments: Sequence[str], cwd: str, environment: Mapping[str, str], handles: Sequence[int]) -> int:
        """Start a command with three streams and return its pid; its wait status comes through the fourth handle."""
        if self._channel is None:
            self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._process = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
            theirs.close()
        request = json.dumps([list(arguments), cwd, dict(environment)]).encode()
        socket.send_fds(self._channel, [request], handles)
        pid = self._channel.recv(4)
        assert pid, "the process that forks has died"
        return int.from_bytes(pid, "little")

    def end(self) -> None:
        """End the server; its forks are not touched."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            self._process.wait()


FORKS = ForkServer()


def serve(channel: socket.socket) -> list[str] | None:
    """Fork for every request; return the arguments in each child, and None when no more requests come."""
    running: dict[int, tuple[int, int]] = {}  # what polls a child -> its pid, where its status goes
    while True:
        for handle in select.select([channel.fileno(), *running], [], [])[0]:
            if handle in running:
                pid, said = running.pop(handle)
                os.write(said, os.waitpid(pid, 0)[1].to_bytes(4, "little"))
                os.close(said)
                os.close(handle)
                continue
            request, handles, _, _ = socket.recv_fds(channel, REQUEST, 4)
            if not request:
                return None
            arguments, cwd, environment = json.loads(request)
            pid = os.fork()
            if not pid:
                become(cwd, environment, handles[:KEPT])
                return arguments
            channel.send(pid.to_bytes(4, "little"))
            running[os.pidfd_open(pid)] = pid, handles[KEPT]
            for stream in handles[:KEPT]:
                os.close(stream)


def become(cwd: str, environment: Mapping[str, str], streams: Sequence[int]) -> None:
    """Make a fork what a new process would be."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(KEPT, 256)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 - the process's own
    sys.stderr = open(2, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def main() -> None:
    """Import all of wke, serve, and run the command in each fork."""
    import wke  # noqa: PLC0415

    sys.path.remove(str(Path(__file__).parent))
    for module in pkgutil.walk_packages(wke.__path__, "wke."):
        if not module.name.startswith(("wke.agent", "wke.cli.template", "wke.act.emulation.keeper.")) and "__main__" not in module.name:
            import_module(module.name)
    gc.collect()
    gc.freeze()  # a fork that collects garbage looks at nothing of ours, which would copy it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        run(arguments)


def run(arguments: list[str]) -> None:
    """Run the command and end, without taking the interpreter apart, which would copy all of its memory first."""
    sys.argv[1:] = arguments
    try:
        runpy.run_module("wke.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    main()

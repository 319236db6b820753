"""Programs of the user's that run for minutes while a command waits: what they write is shown at once, and kept in a file."""

import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from wke.errors import AskedToEndError
from wke.keep.files.localtime import local_time
from wke.values import dataclass

LADDER = ((signal.SIGINT, 30.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""How a program is ended that shall stop, and how long each step may take."""
LOOK_S = 0.1
READ_SIZE = 1 << 16
STDERR = 2


@dataclass(frozen=True, slots=True)
class Running:
    """Where a program runs: in `folder`, with `environment` added to ours and the content of the file `given` as standard input."""

    folder: Path
    environment: Mapping[str, str]
    log: Path
    given: Path | None = None


def run_program(argv: Sequence[str], where: Running, started: Callable[[int], None]) -> tuple[int, bytes]:
    """Run a program to its end; return its exit status and what it wrote to standard output. `started` is told its process id.

    All that it writes goes to our standard error, as if it had that itself, and into the log. Processes that it leaves running are not
    waited for. Ctrl-C, SIGTERM and SIGHUP end it and are raised then. Raises OSError if it cannot be started.
    """
    with where.log.open("ab") as log, (where.given or Path(os.devnull)).open("rb") as given:
        log.write(f"--- {local_time(time.time_ns())}: {shlex.join(argv)}\n".encode())
        process = subprocess.Popen(
            argv,
            cwd=where.folder,
            env={**os.environ, **where.environment},
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        output = _Output(process, log)
        try:
            started(process.pid)
            output.pass_on(None)
        except BaseException:
            _end(process, output)
            raise
        finally:
            output.close()
        log.write(f"--- it ended with status {process.returncode}\n".encode())
        return process.returncode, bytes(output.said)


@contextmanager
def heard_signals() -> Iterator[None]:
    """Raise AskedToEndError in the block when SIGTERM or SIGHUP arrives, unless that is ignored. Only the main thread hears signals."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise AskedToEndError(f"asked to end by {signal.Signals(number).name}")

    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)} if is_main else {}
    changed = {number: handler for number, handler in before.items() if handler not in {signal.SIG_IGN, None}}
    try:
        for number in changed:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)


def say(text: str) -> None:
    """Show a line among what programs write."""
    _show(f"{text}\n".encode())


class _Output:
    """What a program writes, passed on while it runs; `said` is what it wrote to standard output."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
        self.said = bytearray()
        self._process = process
        self._log = log
        self._streams = selectors.DefaultSelector()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._streams.register(stream, selectors.EVENT_READ)

    def pass_on(self, within_s: float | None) -> None:
        """Return when the program has ended; raise TimeoutError when it has not within that time."""
        deadline = None if within_s is None else time.monotonic() + within_s
        while (ended := self._process.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            if not self._streams.get_map():  # it has closed both and runs on
                time.sleep(LOOK_S)
            self._read(LOOK_S)
        while ended is not None and self._read(0):
            pass

    def close(self) -> None:
        self._streams.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, within_s: float) -> bool:
        """Pass on what there is; return whether there was something."""
        something = False
        for key, _ in self._streams.select(within_s) if self._streams.get_map() else ():
            with suppress(BlockingIOError):
                data = os.read(key.fd, READ_SIZE)
                if not data:
                    self._streams.unregister(key.fileobj)
                    continue
                something = True
                if key.fileobj is self._process.stdout:
                    self.said += data
                self._log.write(data)
                self._log.flush()
                _show(data)
        return something


def _end(process: "subprocess.Popen[bytes]", output: _Output) -> None:
    """End a program and all that it started, the hard way at last."""
    for number, within_s in LADDER:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError, KeyboardInterrupt, AskedToEndError):
            output.pass_on(within_s)
            return


def _show(data: bytes) -> None:
    with suppress(OSError):
        while data:
            data = data[os.write(STDERR, data) :]

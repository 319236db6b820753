"""Tells somebody that a series is over: a command of the user's, or a notification of the desktop.

The command gets what there is to say in environment variables. It is never part of the command's text, because names and messages come from
files and machines. What goes wrong with it is told and changes nothing else.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Self

from wke.errors import InputError, WkeError
from wke.records import Outcome
from wke.tell.terminal.console import Printer
from wke.tell.terminal.output import is_terminal
from wke.tell.terminal.sanitize import one_line, sanitize
from wke.tell.words import seconds

PATIENCE_S = 30.0
KEPT_BYTES = 1 << 10
MOST_CHARACTERS = 2000
LONG_S = 60.0
"""A person waits for a shorter series; nobody has to be told that it is over."""
ENDED, STOPPED = "ended", "stopped"


class Notifier:
    """Notifies when the block is left, unless a person ended it, or nothing ran.

    `hear` tells it what the series came to.
    """

    def __init__(self, command: str | None, series: str) -> None:
        self._command = command
        self._series = series
        self._began = time.monotonic()
        self._event, self._message, self._status = ENDED, "", 0
        self._outcomes: Sequence[Outcome] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, WkeError) and not isinstance(error, InputError):
            self._event, self._message, self._status = STOPPED, error.problems[0].what, error.exit_status
        elif error is not None or not self._outcomes:
            return
        self._tell()

    def hear(self, message: str, outcomes: Sequence[Outcome], status: int, *, why_stopped: str) -> None:
        """Hear what the series came to, how its trials ended, the exit status, and why it stopped early, if it did."""
        self._event, self._message = (STOPPED, why_stopped) if why_stopped else (ENDED, message)
        self._outcomes, self._status = outcomes, status

    def _tell(self) -> None:
        took_s, message = time.monotonic() - self._began, str(one_line(self._message))[:MOST_CHARACTERS]
        if self._command is not None:
            facts = {
                "WKE_EVENT": self._event,
                "WKE_SERIES": str(one_line(self._series)),
                "WKE_MESSAGE": message,
                "WKE_STATUS": str(self._status),
                "WKE_RAN": str(len(self._outcomes)),
                "WKE_FAILED": str(sum(not outcome.ok for outcome in self._outcomes)),
                "WKE_ELAPSED_S": f"{took_s:.0f}",
                "WKE_FOLDER": str(Path.cwd()),
            }
            _run(["/bin/sh", "-c", self._command], {**os.environ, **facts}, self._command)
        elif took_s >= LONG_S and is_terminal("stderr") and has_desktop(os.environ):
            title = f"wke: {one_line(self._series)} {self._event} after {seconds(took_s)}"
            _run(["notify-send", "--app-name=wke", "--", title, escape(message, quote=False)], os.environ, "notify-send")


def has_desktop(environment: Mapping[str, str]) -> bool:
    """Return whether there is a desktop that shows notifications: a display, a session bus, and the program that sends them."""
    display = environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY")
    bus = environment.get("DBUS_SESSION_BUS_ADDRESS")
    return bool(display and bus) and shutil.which("notify-send", path=environment.get("PATH")) is not None


def _run(argv: Sequence[str], environment: Mapping[str, str], name: str) -> None:
    """Run a notifier and say if it failed; one that takes longer than PATIENCE_S is ended, with all that it started."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                argv, env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        except OSError as error:
            Printer().talk(f"nobody was notified: {name}: {error.strerror}")
            return
        try:
            status = process.wait(PATIENCE_S)
            how = f"status {status}" if status > 0 else f"signal {-status}" if status else ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            how = f"no end after {seconds(PATIENCE_S)}"
        said.seek(max(0, os.fstat(said.fileno()).st_size - KEPT_BYTES))
        last = sanitize(said.read().strip().rpartition(b"\n")[2])
    if how:
        Printer().talk(f"nobody was notified: {name}: {how}{f': {last}' if last else ''}")

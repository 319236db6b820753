"""OpenSSH connections that are open before a command needs them (ControlMaster), and closing those that other tools left open."""

import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet import Fleet

START_S = 20.0
POLL_S = 0.01


class Masters:
    """One open connection to every machine of a fleet while the block lasts; `options` makes ssh use them."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.folder = fleet.folder / "masters"
        self.options = ("-o", f"ControlPath={self.folder}/%h")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Open all connections."""
        self.folder.mkdir()
        for host in self.fleet.hosts:
            process = subprocess.Popen(["ssh", "-F", self.fleet.config, *self.options, "-M", "-N", host], stdin=subprocess.DEVNULL)
            self._stack.callback(process.wait)
            self._stack.callback(process.terminate)
        deadline = time.monotonic() + START_S
        while not all((self.folder / host).exists() for host in self.fleet.hosts):
            if time.monotonic() > deadline:
                self._stack.close()
                raise TimeoutError("the OpenSSH masters did not come up")
            time.sleep(POLL_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close all connections."""
        self._stack.close()


def end_left_masters(folder: Path) -> None:
    """End every connection whose socket lies in `folder`, such as those that Ansible keeps for a minute."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_socket():
            subprocess.run(["ssh", "-F", "none", "-O", "exit", "-S", path, "any"], capture_output=True, check=False)
            with suppress(FileNotFoundError):
                path.unlink()

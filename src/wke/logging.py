"""Notes of a benchmark script about itself, beside the logs of its targets."""

import time
from pathlib import Path

from wke.keep.files.disk import disk_errors
from wke.tell.terminal.console import Printer


class MetaLogger:
    """Writes to META.log in a folder, which is made if it is missing, and to the terminal."""

    def __init__(self, logfolder: str | Path) -> None:
        self.path = Path(logfolder) / "META.log"

    def print(self, message: object) -> None:
        """Append a message to the file, behind the time of day, and print it."""
        line = f"[META {time.strftime('%H:%M:%S')}]: {message}"
        with disk_errors(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(line + "\n")
        Printer().data(line)

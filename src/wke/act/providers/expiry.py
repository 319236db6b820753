"""Ends a loan when its time is up, in a process of its own that lives no longer than the loan (`keep-machines`)."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import wke.errors
from wke.act.providers.loan import UP, LoanBook
from wke.errors import WkeError

START = "import sys; sys.path.append(sys.argv[1]); from wke.act.providers.expiry import main; main(sys.argv[2])"
SOURCES = Path(wke.errors.__file__).parent.parent
LOOK_S = 1.0


def end_when_due(book: LoanBook) -> None:
    """Start the process; it ends by itself when the loan is used again, or is over."""
    starting = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", START, str(SOURCES), str(book.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    starting.wait()


def main(path: str) -> None:
    """Wait in a child process, which has no parent that would have to wait for it, and give the machines back if they are still unused."""
    if os.fork():
        return
    book = LoanBook(Path(path))
    while (loan := book.read()) is not None and loan.state == UP and loan.until is not None and not loan.kept:
        left_s = loan.until - time.time()
        if left_s > 0:
            time.sleep(min(left_s, LOOK_S))
            continue
        with book.alone():
            if book.read() == loan:  # no command uses them: those set `until` to nothing
                with suppress(WkeError, OSError):  # the record and the log tell
                    book.give_back(loan)
                return

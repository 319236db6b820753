"""The exit: everything that wke writes to stdout and stderr passes here, as text that cannot steer a terminal.

The type `Safe` says that a text was made safe. A stream that is closed is left out, and what its encoding lacks is replaced.
"""

import codecs
import os
import sys
from typing import Literal, TextIO

from wke.errors import WkeError
from wke.tell.terminal.sanitize import Safe

Stream = Literal["stdout", "stderr"]
NEAREST = "wke-nearest"
"""How streams treat characters that their encoding lacks (`errors`): the nearest ASCII, else a question mark."""
_ASCII = dict(zip("▁▂▃▄▅▆▇█▌", "_.:-=+*#-", strict=True)) | {
    "│": "|",
    "–": "-",
    "−": "-",
    "±": "+-",
    "×": "x",
    "…": "...",
    "µ": "u",
    "μ": "u",
}


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ASCII.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error(NEAREST, _nearest)


class OutputError(WkeError):
    """Stdout cannot be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror}", hint="is the disk full that it goes to?")


def put(name: Stream, text: Safe) -> None:
    """Write to stdout or stderr. Raise BrokenPipeError when its reader has gone, OutputError when stdout cannot be written.

    Nothing is written to a stream that is closed, nor to a stderr that cannot be written: there is nobody to tell.
    """
    stream = _stream(name)
    if stream is None:
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(stream.encoding, NEAREST).decode(stream.encoding))
    except OSError as error:
        _give_up(name, stream, error)


def flush(name: Stream) -> None:
    """Flush stdout or stderr; raise as `put` does."""
    stream = _stream(name)
    if stream is None:
        return
    try:
        stream.flush()
    except OSError as error:
        _give_up(name, stream, error)


def is_terminal(name: Stream) -> bool:
    """Return whether that is a terminal, of any kind."""
    stream = _stream(name)
    return stream is not None and stream.isatty()


def redraws(name: Stream) -> bool:
    """Return whether that is a terminal on which lines can be drawn over."""
    return is_terminal(name) and os.environ.get("TERM") != "dumb"


def colourful(name: Stream) -> bool:
    """Return whether output is coloured; NO_COLOR, FORCE_COLOR and TERM=dumb override what the terminal supports."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or redraws(name)


def prepare_streams() -> None:
    """Make stdin, stdout and stderr usable whatever the caller did to them, at the start of a command.

    /dev/null stands in for those that are closed: otherwise the next file that is opened would take the number of stdout, and get what
    other programs write there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=NEAREST)  # for what others write: help of commands, displays that are redrawn


def _stream(name: Stream) -> TextIO | None:
    stream: TextIO | None = getattr(sys, name)
    return stream


def _give_up(name: Stream, stream: TextIO, error: OSError) -> None:
    """Drop what is buffered, for Python would try again when it ends; then raise, unless it is stderr that has no reader to tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if isinstance(error, BrokenPipeError):
        raise error
    if name == "stdout":
        raise OutputError(error) from error

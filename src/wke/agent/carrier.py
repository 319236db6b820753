"""The carrier: carries bytes between a transport and the anchor, and ends with either. A broken connection kills only the carrier."""

import posix
from posix import _exit

import _thread

SIZE = 1 << 18


def carry(source, sink, anchor):
    """Carry what comes from `source` to the socket `anchor`, and what comes from there to `sink`. Does not return."""
    _thread.start_new_thread(_carry, (anchor, sink))
    _carry(source, anchor)


def _carry(source, sink):
    try:
        while True:
            data = memoryview(posix.read(source, SIZE))
            if not data:
                break
            while data:
                data = data[posix.write(sink, data) :]
    finally:
        _exit(0)

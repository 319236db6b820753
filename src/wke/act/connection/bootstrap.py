"""How the agent gets onto a machine: as code on the standard input of a Python there, leaving no file behind.

The command line only reads a program and runs it; that program (agent/modules.py) makes modules of the bytes that follow. The modules are
compiled by our own Python, which saves the machine the compiler's time. A machine with another Python asks for the source. Modules that
few sessions need are sent when they are needed.
"""

import importlib.util
import marshal
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import cast

from wke.agent import frames, protocol

FUNCTION = 2  # a flag of the code of functions: CO_NEWLOCALS of `inspect`, which takes long to import
FIRST = ("frames", "protocol", "files", "processes", "scripts", "loop", "ladder", "order", "task", "tasks", "guardian", "agent", "main")
CLAIMING = ("lock",)  # added where the machine is locked for measuring
OUTLIVING = ("journal", "carrier", "anchor")  # added where tasks are to outlive us
NODES = ("batch", "handshake", "prober", "relay", "node")  # added where machines are reached through a tree of relays
NEEDED = dict.fromkeys((frames.COPY_IN, frames.COPY_OUT), ("tree", "sender", "partial", "places", "landing", "transfer")) | {
    frames.WATCH: (
        "cgroups",
        "grouplimits",
        "meters",
        "kernelfiles",
        "machineusage",
        "taskusage",
        "ourselves",
        "sources",
        "sensors",
        "perf",
        "sampler",
        "watch",
    ),
    frames.WAIT_PORT: ("ports",),
    frames.EXAMINE: ("cgroups", "grouplimits", "fingerprint"),
    frames.SCRAPE: ("scrape",),
    frames.LOOK: ("looks",),
}
"""What has to be on the machine, besides FIRST, before a frame of that kind."""
SYSTEM_PYTHON = "/usr/bin/python3"  # tried first: what "python3" means may be a slow wrapper of a version manager
OTHER_PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(30, 5, -1)), "/usr/libexec/platform-python")
SHELL_EXIT = 97
LEAVE = b"exit %d\n" % SHELL_EXIT  # what a shell does that takes our code for its commands, as when a start-up file starts it
BROKE_OFF = 200  # the status of a Python that ours began to run in; a smaller one means that this Python cannot run it
# The first Python is started without a question, which would take longer than all else. It has read nothing when it does not serve, so the
# others can follow; those are asked first, because a wrapper may be there without a Python behind it.
FIND_PYTHON = (
    'run() { "$1" -I -S -E -c "$c"; s=$?; [ $s = 0 -o $s -ge 128 ] && exit $s; }; '
    'ok() { command -v "$1" >/dev/null 2>&1; }; c=$0; f=$1; e=; shift; ok "$f" && run "$f"; '
    't="import sys,zlib;sys.exit(sys.version_info<(3,6))"; '
    'for p; do ok "$p" && "$p" -I -S -E -c "$t" </dev/null >/dev/null 2>&1 && run "$p"; done; '
    'for p in "$f" "$@"; do ok "$p" && e="${e:+$e, }$p is $("$p" -V 2>&1 </dev/null | head -n 1)"; done; '
    'echo "wke: no Python that serves: ${e:-there is no $f${1:+, nor another one}}" >&2; exit 127'
)
# Before the first frame there is no lease yet: the alarm ends a start that is cut off.
READER = f"""\
import sys,posix
if sys.version_info<(3,6): sys.exit(1)
import _signal,zlib
_signal.alarm(60)
def read(size):
 data=b""
 while len(data)<size:
  part=posix.read(0,size-len(data))
  if not part: posix._exit(0)
  data+=part
 return data
try: exec(zlib.decompress(read(int(read({len(LEAVE) + 8})[-8:]))))
except Exception:
 sys.excepthook(*sys.exc_info())
 posix._exit({BROKE_OFF})
"""
READ_AND_RUN = 'exec("{}")'.format(
    READER.replace('"', r"\"").replace("\n", r"\n")
)  # one line without a single quote: a csh at the far end takes it too


def command(python: str | None = None) -> list[str]:
    """Return the argument list that runs what comes on its standard input: in `python`, or in the first one that is new enough.

    The Python that is started becomes the agent's guardian, which must not be killed. The shell in front of it takes the signals that we
    send to the process we started.
    """
    return ["/bin/sh", "-c", FIND_PYTHON, READ_AND_RUN, *((python,) if python else (SYSTEM_PYTHON, *OTHER_PYTHONS))]


@cache
def package(*, claiming: bool = False, outliving: bool = False) -> bytes:
    """Return the bytes that a process started by `command` expects before the first frame.

    When it is `claiming` the machine, or its tasks are `outliving` us, what that takes comes along.
    """
    ask = protocol.encode(frames.SOURCE, 0, {})
    program = f"{_module('wke.agent.modules', compiled=False)}\n\nstart(read, {importlib.util.MAGIC_NUMBER!r}, {ask!r})\n"
    return LEAVE + _sized(zlib.compress(program.encode())) + _sized(bundle(_first(claiming=claiming, outliving=outliving), compiled=True))


def node_package(order: Mapping[str, object]) -> bytes:
    """Return the bytes that a process started by `command` expects that is to be a node of a tree; `order` is the head of a JOIN frame.

    They serve in every Python, since there is no one to ask for others: many processes may read the same bytes.
    """
    names = (*_first(claiming=True, outliving=False)[:-1], *NODES, FIRST[-1])
    program = f"{_module('wke.agent.modules', compiled=False)}\n\nstart(read, {importlib.util.MAGIC_NUMBER!r}, b'')\n"
    blocks = (zlib.compress(program.encode()), bundle(names, compiled=True), bundle(names, compiled=False))
    return LEAVE + b"".join(map(_sized, blocks)) + protocol.encode(frames.JOIN, 0, dict(order))


def sources(*, claiming: bool = False, outliving: bool = False) -> bytes:
    """Return what an agent expects that has asked for the same as source."""
    return _sized(bundle(_first(claiming=claiming, outliving=outliving), compiled=False))


@cache
def bundle(names: tuple[str, ...], *, compiled: bool) -> bytes:
    """Return these modules of the agent as agent/modules.py takes them: `compiled` by the Python that we are, or as source."""
    return zlib.compress(marshal.dumps([(name, _module(f"wke.agent.{name}", compiled=compiled)) for name in names], 2))


def _first(*, claiming: bool, outliving: bool) -> tuple[str, ...]:
    return (*FIRST[:-1], *(CLAIMING if claiming else ()), *(OUTLIVING if outliving else ()), FIRST[-1])


def _module(name: str, *, compiled: bool) -> object:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    loader = cast("SourceFileLoader", spec.loader)
    return _bare(cast("CodeType", loader.get_code(name))) if compiled else loader.get_source(name)


def _bare(code: CodeType) -> CodeType:
    """Return the code without docstrings and line numbers, which are two fifths of it: no one reads them on a machine."""
    constants = [_bare(constant) if isinstance(constant, CodeType) else constant for constant in code.co_consts]
    if code.co_flags & FUNCTION and not code.co_name.startswith("<") and isinstance(constants[0], str):
        constants[0] = None  # of a function it is the docstring, or None if it has none
    return code.replace(co_consts=tuple(constants), co_linetable=b"")


def _sized(block: bytes) -> bytes:
    return b"%8d%b" % (len(block), block)

"""How the agent gets onto a machine: as source on the standard input of a Python there, leaving no file behind.

The command line holds only what reads the source and runs it. Our own compiled code goes along: a machine with the same Python takes that
and saves the compiler's time, any other compiles the source.
"""

import importlib.util
import marshal
import zlib
from functools import cache
from importlib.machinery import SourceFileLoader
from typing import cast

MODULES = (
    "protocol",
    "files",
    "processes",
    "scripts",
    "loop",
    "ladder",
    "ports",
    "tree",
    "order",
    "sender",
    "landing",
    "transfer",
    "probes",
    "watch",
    "task",
    "guardian",
    "agent",
    "main",
)
CLAIMING = ("lock", "fingerprint")  # go along only where the machine is to be ours alone, to measure on it
OUTLIVING = ("journal", "relay", "anchor")  # go along only where tasks shall outlive us
FIND_PYTHON = (
    'for p in "$1" python3; do if command -v "$p" >/dev/null 2>&1; then $2 "$p" -I -S -E -c "$0"; exit; fi; done; '
    'echo "wke: there is no python3 in $PATH" >&2; exit 127'
)
SYSTEM_PYTHON = "/usr/bin/python3"  # what "python3" means may be a slow wrapper of a version manager
# Who is cut off before the first frame has no lease yet: the alarm ends it.
READER = """\
import sys,posix,_signal
_signal.alarm(60)
if sys.version_info<(3,6): sys.exit("wke: python 3.6 or newer is needed, this is "+sys.version.split()[0])
import zlib
def read(size):
 data=b""
 while len(data)<size:
  part=posix.read(0,size-len(data))
  if not part: sys.exit(1)
  data+=part
 return data
exec(zlib.decompress(read(int(read(8)))))
"""
READ_AND_RUN = 'exec("{}")'.format(
    READER.replace('"', r"\"").replace("\n", r"\n")
)  # one line without a single quote: a csh at the far end takes it too
UNPACK = """\
import marshal,_frozen_importlib_external as machinery
same=machinery.MAGIC_NUMBER=={magic!r}
package=type(sys)("wke.agent")
sys.modules["wke.agent"]=package
for name,compiled,source in marshal.loads(zlib.decompress(read(int(read(8))))):
 module=type(sys)("wke.agent."+name)
 sys.modules["wke.agent."+name]=module
 setattr(package,name,module)
 exec(marshal.loads(compiled) if same else compile(source,name+".py","exec"),module.__dict__)
module.main()
"""


def command(python: str = SYSTEM_PYTHON, *, replace: bool = False) -> list[str]:
    """Return the argument list that runs what comes on its standard input: in `python` where that is, in `python3` otherwise.

    The Python that is started becomes the agent's guardian, which nobody should kill. The shell in front of it takes what we do to the
    process that we start; where that process is another, such as ssh, let Python `replace` the shell.
    """
    return ["/bin/sh", "-c", FIND_PYTHON, READ_AND_RUN, python, "exec" if replace else ""]


@cache
def package(*, claiming: bool = False, outliving: bool = False) -> bytes:
    """Return the bytes that a process started by `command` expects before the first frame.

    When it is `claiming` the machine, or its tasks are `outliving` us, what that takes comes along.
    """
    names = (*MODULES[:-1], *(CLAIMING if claiming else ()), *(OUTLIVING if outliving else ()), MODULES[-1])
    parts = [(name, *_both_forms(f"wke.agent.{name}")) for name in names]
    program = UNPACK.format(magic=importlib.util.MAGIC_NUMBER)
    return b"".join(b"%8d%b" % (len(block), block) for block in map(zlib.compress, (program.encode(), marshal.dumps(parts, 2))))


def _both_forms(module: str) -> tuple[bytes, str]:
    """Return a module's code, compiled for the Python that we are, and its source."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    loader = cast("SourceFileLoader", spec.loader)
    return marshal.dumps(loader.get_code(module)), loader.get_source(module) or ""

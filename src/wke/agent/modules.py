"""How the agent's modules are made: from bytes that arrive, compiled by the controller's Python or as source.

The first modules start the agent; others follow when a frame needs them. This module arrives before all others, as source, in the program
that reads the bytes.
"""

import marshal
import posix
import sys
import zlib

import _frozen_importlib_external as machinery

PACKAGE = "wke.agent"
HEADER_SIZE = 24  # of a frame, whose head's length is at HEAD_LENGTH
HEAD_LENGTH = slice(12, 16)


def bring(block):
    """Make modules from a block of bytes, which holds the code or the source of each; existing modules stay."""
    for name, code in marshal.loads(zlib.decompress(block)):
        full_name = PACKAGE + "." + name
        if full_name not in sys.modules:
            module = sys.modules[full_name] = type(sys)(full_name)
            setattr(sys.modules[PACKAGE], name, module)
            exec(compile(code, name + ".py", "exec") if isinstance(code, str) else code, module.__dict__)


def start(read, magic, ask):
    """Bring the modules that `read(size)` gives and be an agent. Does not return.

    They are compiled for the Python with that `magic`; another one writes the frame `ask`, and the same modules come as source. If there is
    no one to ask, they come as source, too, behind.
    """
    sys.modules[PACKAGE] = type(sys)(PACKAGE)
    sys.modules[PACKAGE + ".modules"] = itself = type(sys)("modules")
    itself.bring = bring
    block, heard = _block(read), b""
    is_ours = magic == machinery.MAGIC_NUMBER
    if not ask:
        source = _block(read)
        block = block if is_ours else source
    elif not is_ours:
        posix.write(1, ask)
        header = read(HEADER_SIZE)  # of the controller's first frame, which is on its way
        heard = header + read(int.from_bytes(header[HEAD_LENGTH], "little"))
        block = _block(read)
    bring(block)
    sys.modules[PACKAGE + ".main"].main(heard)


def _block(read):
    return read(int(read(8)))

"""How a script is run: its first line, and a prelude before it. Pure, except that it looks whether an interpreter exists.

We read the first line ourselves instead of letting the kernel execute the file. So a folder mounted noexec or a file that another process
still holds open is not an obstacle, and a missing interpreter is reported by name. A script without such a line is given to bash, as a
shell would do.
"""

import posix

SHELLS = (b"sh", b"bash", b"dash", b"zsh", b"ksh", b"mksh", b"ash")
BASH = b"/bin/bash"
SH = b"/bin/sh"
ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class CannotRunError(Exception):
    """The script cannot be started; `code` is the exit code a shell would give."""

    def __init__(self, code, why):
        Exception.__init__(self, why)
        self.code = code
        self.why = why


def command(path, beginning, arguments, prelude=None, passed=None):
    """Return the argument list that runs the script at `path`, whose first bytes are `beginning`.

    With a `prelude` (a path), its lines run first in the same shell and must succeed, then the file `passed` comes into being.
    Raises CannotRunError.
    """
    interpreter = first_line(beginning)
    if interpreter and not posix.access(interpreter[0], posix.X_OK):
        name = interpreter[0].decode("utf-8", "replace")
        raise CannotRunError(127, "the script's first line asks for {}, which is not on this machine".format(name))
    if prelude is None:
        return interpreter + [path] + arguments
    lead = b"set -e; . %s; : >| %s; " % (quoted(prelude), quoted(passed))
    if _is_shell(interpreter):
        interpreter = [w for w in interpreter if w not in (b"-", b"--")]
        relax = b"" if _stops_at_errors(interpreter) else b"set +e; "
        return interpreter + [b"-c", lead + relax + b". " + quoted(path), path] + arguments
    words = b" ".join(quoted(word) for word in interpreter + [path])
    return [default_shell(), b"-c", lead + b"exec " + words + b' "$@"', path] + arguments


def refuse_order_mark(beginning, what):
    """Raise CannotRunError if `what`, which begins so, has an invisible mark at its start: shells take that for a part of a command."""
    if beginning.startswith(ORDER_MARKS):
        raise CannotRunError(127, "the {} begins with a byte order mark: save it as UTF-8 without one (without BOM)".format(what))


def first_line(beginning):
    """Return the interpreter and the one argument it may have, [] for a program that needs none. Raises CannotRunError."""
    if beginning.startswith(b"\x7fELF"):
        return []
    if not beginning.startswith(b"#!"):
        return [default_shell()]
    line = beginning[2:].split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        raise CannotRunError(
            127, "the script's first line ends with a carriage return (Windows line ends): convert the file, e.g. with dos2unix"
        )
    words = line.strip(b" \t").split(None, 1)
    if not words:
        return [default_shell()]
    return words


def default_shell():
    """Return bash where there is one."""
    return BASH if posix.access(BASH, posix.X_OK) else SH


def quoted(text):
    """Return `text` as one word for a shell."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def _is_shell(interpreter):
    name = interpreter[0].rpartition(b"/")[2] if interpreter else b""
    if name == b"env" and len(interpreter) > 1:
        words = [w for w in interpreter[1].split() if not w.startswith(b"-") and b"=" not in w]
        name = words[0].rpartition(b"/")[2] if words else b""
    return name in SHELLS


def _stops_at_errors(interpreter):
    words = [w for argument in interpreter[1:] for w in argument.split()]
    return b"errexit" in words or any(b"e" in w for w in words if w[:1] == b"-" and w[:2] != b"--")

"""A step that copies: what there is to copy, and where it goes. Its content counts like that of a script, for results depend on it."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wke.errors import InputError, did_you_mean

COPY_DATA = "copy-data"
"""The target that stands for it."""
ABOUT = "Copy a file or a folder from here to the machines"
OPTIONS = ("source", "destination")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """What to copy from here, and to where on the machines; `state` tells without reading its content whether it has changed since."""

    source: str
    destination: str
    digest: str
    state: str

    @property
    def has_changed(self) -> bool:
        """Tell whether the source is no longer what its digest says, or no longer there."""
        try:
            return _state(self.source) != self.state
        except OSError:
            return True


def read_copy(options: Mapping[str, object]) -> Copy:
    """Return what the options `source`, a path here, and `destination`, a path there, ask for; raise InputError when it cannot be done."""
    for name in options:
        if name not in OPTIONS:
            raise InputError(f'target "{COPY_DATA}" has no option "{name}"', hint=did_you_mean(name, OPTIONS))
    source, destination = (str(options.get(name, "")) for name in OPTIONS)
    if not source:
        raise InputError(f'target "{COPY_DATA}" needs option "source"', hint='write options = { source = "FILE OR FOLDER" }')
    try:
        state = _state(source)
        return Copy(source, destination, _digest(source, state), state)
    except OSError as error:
        what = f"{error.filename or source} cannot be copied: {error.strerror}"
        raise InputError(what, hint="a path here is seen from the folder where wke runs") from None


def _entries(source: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path, from the source on, of everything that is copied, in order; raise OSError for what cannot be read."""
    yield "", os.stat(source)  # noqa: PTH116 - a link that is itself the source is followed, as it is by `cp`
    if Path(source).is_dir():
        for folder, folders, files in os.walk(source, onerror=_raise):
            folders.sort()
            for name in sorted((*folders, *files)):
                path = os.path.join(folder, name)  # noqa: PTH118
                yield os.path.relpath(path, source), os.lstat(path)


def _raise(error: OSError) -> None:
    raise error


def _state(source: str) -> str:
    """Return what changes when anything changes that is copied, or nearly: sizes and times, no content."""
    facts = hashlib.sha256()
    for path, status in _entries(source):
        facts.update(
            f"{path}\0{status.st_mode}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode("utf-8", "surrogateescape")
        )
    return facts.hexdigest()


@lru_cache(maxsize=64)
def _digest(source: str, _: str) -> str:
    """Return the digest of names, permissions and content; times do not count. Pipes and the like are not copied."""
    whole = hashlib.sha256()
    for path, status in _entries(source):
        where = os.path.join(source, path) if path else source  # noqa: PTH118
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            content = os.fsencode(os.readlink(where)).hex()  # noqa: PTH115
        elif stat.S_ISREG(mode):
            content = _content_digest(where)
        elif stat.S_ISDIR(mode):
            content = ""
        else:
            continue
        whole.update(f"{path}\0{stat.S_IFMT(mode)}\0{stat.S_IMODE(mode)}\0{content}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _content_digest(path: str) -> str:
    content = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            content.update(block)
    return content.hexdigest()

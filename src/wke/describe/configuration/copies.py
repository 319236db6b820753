"""A step that copies files to machines. Results depend on the content of the files, as they do on that of scripts."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from wke.describe.toml.wording import shown
from wke.errors import InputError, did_you_mean
from wke.values import dataclass

COPY_DATA = "copy-data"
"""The target that copies."""
ABOUT = "Copy a file or a folder from here to the machines"
OPTIONS = ("source", "destination", "render")
BLOCK = 1 << 20
HERE = Path()
OF_NO_REVISION = "commit it; or have a step fetch or build it from the commit in WKE_REVISION, which every script gets"
"""What to do with a file that git does not hold, where two revisions are measured."""


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file that was made from a template: where it lands, as `Copy.destination` does, and on which machines it has this content."""

    path: str
    machines: tuple[str, ...]
    mode: int
    content: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What to copy from here, and where to on the machines; `state` tells whether the source changed without reading its content.

    With `renders`, the files of the source are templates; `rendered` are the files that are deployed instead.
    """

    source: str
    destination: str
    digest: str
    state: str
    renders: bool = False
    rendered: tuple[RenderedFile, ...] = ()

    @property
    def has_changed(self) -> bool:
        """Return whether the source no longer has its digest, or no longer exists."""
        try:
            return _state(self.source) != self.state
        except OSError:
            return True


def landing(destination: str, workdir: str | None) -> str:
    """Return where a copy to `destination` lands: in the folder in which scripts run, the home folder if `workdir` is None.

    A result that does not start with "/" starts at the home folder, as a relative `workdir` does.
    """
    if workdir is None or destination.startswith("/"):
        return destination
    return f"{workdir.rstrip('/')}/{destination}"


def told_landing(place: str) -> str:
    """Return a place on machines as people write it, with its full path as far as it is known here."""
    return place if place.startswith("/") else f"~/{place}"


def read_copy(options: Mapping[str, object], workdir: str | None = None, folder: Path = HERE) -> Copy:
    """Return the copy that the options of the target ask for; raise InputError if it is impossible. Rendered files are not made yet.

    `source` is a path in `folder`. `workdir` is the folder on machines in which scripts run, None for the home folder.
    """
    for name in options:
        if name not in OPTIONS:
            raise InputError(f'target "{COPY_DATA}" has no option "{name}"', hint=did_you_mean(name, OPTIONS))
    source, destination = (str(options.get(name, "")) for name in OPTIONS[:2])
    renders = options.get("render", False)
    if not isinstance(renders, bool):
        raise InputError(f'option "render" must be true or false, not {shown(renders)}')
    if not source:
        raise InputError(f'target "{COPY_DATA}" needs option "source"', hint='write options = { source = "FILE OR FOLDER" }')
    source = source if folder == HERE else os.path.join(folder, source)  # noqa: PTH118 - "code/." is not "code"
    try:
        state = _state(source)
        return Copy(source, landing(destination, workdir), _digest(source, state), state, renders)
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        reason = (error.filename or source, error.strerror) if isinstance(error, OSError) else (source, error)
        what = "{} cannot be copied: {}".format(*reason)
        raise InputError(what, hint="local paths start at the folder where wke runs" if folder == HERE else OF_NO_REVISION) from None


def _entries(source: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path, relative to the source, of everything that is copied, in order; raise OSError for unreadable files."""
    yield "", os.stat(source)  # noqa: PTH116 - a source that is a link is followed, as `cp` does
    if Path(source).is_dir():
        for folder, folders, files in os.walk(source, onerror=_raise):
            folders.sort()
            for name in sorted((*folders, *files)):
                path = os.path.join(folder, name)  # noqa: PTH118
                yield os.path.relpath(path, source), os.lstat(path)


def _raise(error: OSError) -> None:
    raise error


def _state(source: str) -> str:
    """Return a digest of sizes and times, which almost always changes when the content does."""
    facts = hashlib.sha256()
    for path, status in _entries(source):
        facts.update(
            f"{path}\0{status.st_mode}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode("utf-8", "surrogateescape")
        )
    return facts.hexdigest()


@lru_cache(maxsize=64)
def _digest(source: str, _: str) -> str:
    """Return the digest of names, permissions and content, without times. Pipes and other special files are not copied."""
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

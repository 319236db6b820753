"""Where a copy goes: whether a folder is there, and the folders above it.

Runs on the machines too: Python >= 3.6 and cheap imports.
"""

import posix

from wke.agent.tree import FORMAT, IS_FOLDER

ENOENT, ENOTDIR = 2, 20


def is_folder(path: bytes) -> bool:
    """Tell whether that is a folder, or a link to one."""
    try:
        return posix.stat(path).st_mode & FORMAT == IS_FOLDER
    except OSError as error:
        if error.errno in (ENOENT, ENOTDIR):
            return False
        raise


def make_folders(path: bytes) -> None:
    """Make a folder and all above it, as far as they are not there."""
    missing = []
    while path and not is_folder(path):
        missing.append(path)
        path = path.rstrip(b"/").rpartition(b"/")[0]
    for folder in reversed(missing):
        try:
            posix.mkdir(folder)
        except FileExistsError:  # another process was faster, or it is not a folder: opening it will tell
            pass

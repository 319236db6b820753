"""The folder of each attempt: in partial/ until the attempt has ended, then in trials/."""

from itertools import count
from pathlib import Path

from wke.keep.files.disk import disk_errors, private_folder


def partial_folder(store: Path, trial: str, number: int) -> Path:
    """Return the folder of an attempt that is running or was interrupted."""
    return store / "partial" / f"{trial}.{number}"


def final_folder(store: Path, trial: str, number: int) -> Path:
    """Return the folder of an attempt that has ended."""
    return Path(f"{store}/trials/{trial}/{number}")  # at once: a store may have 100,000


def first_free(store: Path, trial: str, number: int) -> int:
    """Return the first number from `number` on that has no folder: one that the database does not know may be there from another store."""
    while final_folder(store, trial, number).exists() or partial_folder(store, trial, number).exists():
        number += 1
    return number


def set_aside(store: Path) -> str:
    """Move the folders of attempts out of the way of a new database; return a note about that, "" if there are none."""
    found = [path for name in ("trials", "partial", "deployments") if (path := store / name).is_dir() and any(path.iterdir())]
    if not found:
        return ""
    place = next(path for number in count(1) if not (path := store / f"set-aside-{number}").exists())
    with disk_errors(store):
        private_folder(place)
        for path in found:
            path.rename(place / path.name)
    return f"{store} had folders of attempts and no wke.sqlite that knows them: {', '.join(path.name for path in found)} are now in {place}"


def put_in_place(store: Path, trial: str, number: int) -> Path:
    """Move the folder of an attempt that has ended from partial/ to trials/; return where it is. The next opening repeats what is lost."""
    source, target = partial_folder(store, trial, number), final_folder(store, trial, number)
    with disk_errors(store):
        private_folder(target.parent)
        source.rename(target)
    return target

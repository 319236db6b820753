"""The folder of each attempt: in partial/ until the attempt has ended, then in trials/."""

from pathlib import Path

from wke.keep.files.disk import disk_errors, private_folder, sync_folder


def partial_folder(store: Path, trial: str, number: int) -> Path:
    """Return the folder of an attempt that is running or was interrupted."""
    return store / "partial" / f"{trial}.{number}"


def final_folder(store: Path, trial: str, number: int) -> Path:
    """Return the folder of an attempt that has ended."""
    return store / "trials" / trial / str(number)


def put_in_place(store: Path, trial: str, number: int) -> Path:
    """Move the folder of an attempt that has ended from partial/ to trials/; return where it is when that is on the disk."""
    source, target = partial_folder(store, trial, number), final_folder(store, trial, number)
    with disk_errors(store):
        private_folder(target.parent)
        source.rename(target)
        for folder in (target.parent, target.parent.parent, source.parent):
            sync_folder(folder)
    return target

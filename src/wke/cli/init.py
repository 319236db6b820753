"""`wke init`: writes a small project that runs as it is."""

import shutil
from pathlib import Path

import click

from wke.errors import InputError
from wke.tell.terminal.console import Printer

TEMPLATE = Path(__file__).parent / "template"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Write a small working project into FOLDER (default: the current one).

    It has an emulated cluster, one configuration (a key-value server and a load generator, both short Python scripts) and one experiment.
    Existing files are not changed.
    """
    files = sorted(p.relative_to(TEMPLATE) for p in TEMPLATE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    present = [str(f) for f in files if (folder / f).exists()]
    if present:
        raise InputError(
            f"{folder} has {', '.join(present)} already; nothing was written", hint="name an empty or new folder: wke init NAME"
        )
    out = Printer()
    for file in files:
        try:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TEMPLATE / file, folder / file)
        except OSError as error:
            raise InputError(f"{folder / file} cannot be written: {error.strerror}") from error
        out.talk(f"  {folder / file}")
    enter = "" if folder == Path() else f"cd {folder} && "
    out.talk(f"next: {enter}wke check && wke measure {_experiment(files)}")


def _experiment(files: list[Path]) -> Path:
    return next(f for f in files if f.parent.name == "experiments")

"""`wke init`: writes a small project that runs as it is."""

import shutil
from pathlib import Path

import click

from wke.errors import InputError
from wke.tell.terminal.console import Printer

TEMPLATES = Path(__file__).parent / "template"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--own", is_flag=True, help="Write a project for a system of yours instead, with an open-loop load generator.")
def init(folder: Path, *, own: bool) -> None:
    """Write a small working project into FOLDER (default: the current one).

    It has an emulated cluster, one configuration (a key-value server and a load generator, both short Python scripts) and one experiment.
    With --own, the server is a placeholder for your system, and the load generator sends requests at a rate with `wke.load`. Existing files
    are not changed.
    """
    template = TEMPLATES / ("own" if own else "first")
    files = sorted(p.relative_to(template) for p in template.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    present = [str(f) for f in files if (folder / f).exists()]
    if present:
        raise InputError(
            f"{folder} has {', '.join(present)} already; nothing was written", hint="name an empty or new folder: wke init NAME"
        )
    out = Printer()
    for file in files:
        try:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template / file, folder / file)
        except OSError as error:
            raise InputError(f"{folder / file} cannot be written: {error.strerror}") from error
        out.talk(f"  {folder / file}")
    enter = "" if folder == Path() else f"cd {folder} && "
    out.talk(f"next: {enter}wke check && wke measure {_experiment(files)}")


def _experiment(files: list[Path]) -> Path:
    return next(f for f in files if f.parent.name == "experiments")

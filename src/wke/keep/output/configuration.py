"""What became of rendered configuration files while a trial was measured: a file in the attempt's folder."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from wke.errors import StoreError
from wke.keep.files.disk import write_atomically
from wke.values import dataclass

NAME = "configuration.json"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is no longer what was deployed on a machine; `why` says why it could not be read, if it could not."""

    machine: str
    path: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ConfigurationCheck:
    """How many files were looked at after the measured step, and which of them had changed."""

    checked: int
    changed: Sequence[ChangedFile] = ()


def write_check(folder: Path, check: ConfigurationCheck) -> None:
    """Keep what was found in an attempt's folder."""
    write_atomically(folder / NAME, json.dumps({"checked": check.checked, "changed": [asdict(each) for each in check.changed]}).encode())


def read_check(folder: Path) -> ConfigurationCheck | None:
    """Return what was found, None if nothing was looked at; raise StoreError for a damaged file."""
    try:
        document = json.loads((folder / NAME).read_bytes())
        return ConfigurationCheck(int(document["checked"]), tuple(ChangedFile(**each) for each in document["changed"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{folder / NAME} cannot be read: {error}", hint="wke check --store says what else is damaged") from None

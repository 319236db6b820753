"""The summary of `wke measure --ci` on the page of the job that runs it."""

import os
from pathlib import Path

from wke.errors import InputError


def publish(text: str) -> None:
    """Add the summary to the page of the job, if a job runs us."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as page:
                page.write(text + "\n")
        except OSError as error:
            raise InputError(f"GITHUB_STEP_SUMMARY names {path}, which cannot be written: {error.strerror}") from error

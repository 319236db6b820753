"""Masking: secrets in what tasks write become `***` before anything shows or stores it, also where one arrives in pieces."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from wke.describe.configuration.secret import HIDDEN
from wke.records import MetricsWritten, Output, Record, TaskEnded, TaskName

MASK = HIDDEN.encode()
METRICS = 3


def forms(secret: str) -> set[bytes]:
    """Return a secret as it is, and as JSON texts and addresses have it."""
    texts = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}
    return {text.encode("utf-8", "surrogateescape") for text in texts if text}


class Masking:
    """Hides `secrets` in the records of tasks. What may be the beginning of one is held back until more comes, or the task ends."""

    def __init__(self) -> None:
        self.secrets: set[bytes] = set()
        self._held: dict[tuple[TaskName, int], bytes] = {}

    def masked(self, record: Record) -> Iterator[Record]:
        """Yield what to pass on instead of a record."""
        if not self.secrets:
            yield record
        elif isinstance(record, Output | MetricsWritten):
            data = self._taken((record.task, record.stream if isinstance(record, Output) else METRICS), record.data)
            if data:
                yield replace(record, data=data)
        elif isinstance(record, TaskEnded):
            for stream in (1, 2, METRICS):
                if rest := self._held.pop((record.task, stream), b""):
                    yield MetricsWritten(record.task, rest) if stream == METRICS else Output(record.task, stream, rest, record.ended_ns)
            yield replace(record, detail=self.hidden(record.detail.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape"))
        else:
            yield record

    def hidden(self, data: bytes) -> bytes:
        """Return data with every secret in it hidden, the longest first: one may be part of another."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            data = data.replace(secret, MASK)
        return data

    def hide_in(self, folder: Path) -> None:
        """Hide secrets in all files below a folder."""
        for path in folder.rglob("*") if self.secrets else ():
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                if (hidden := self.hidden(data)) != data:
                    path.write_bytes(hidden)

    def _taken(self, key: tuple[TaskName, int], piece: bytes) -> bytes:
        data = self.hidden(self._held.pop(key, b"") + piece)
        longest = min(len(data), max(map(len, self.secrets)) - 1)
        held = next((n for n in range(longest, 0, -1) if any(secret.startswith(data[-n:]) for secret in self.secrets)), 0)
        if held:
            self._held[key] = data[-held:]
        return data[: len(data) - held]

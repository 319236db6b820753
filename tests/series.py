"""The rows that a connection sends of itself, by scope."""

from wke.act.connection.telemetry import SentChunk, SentColumns
from wke.act.telemetry.chunks import decode

Row = dict[str, int | None]


class Series:
    """What a connection sends of itself: rows by scope."""

    def __init__(self) -> None:
        self.columns = SentColumns(0, ())
        self.rows: dict[str, list[Row]] = {}

    def receive(self, sent: SentColumns | SentChunk) -> None:
        """Take what was sent."""
        if isinstance(sent, SentColumns):
            self.columns = sent
            return
        columns = self.columns.columns
        _, values = decode(sent, len(columns), range(len(columns)))
        for row in range(sent.rows):
            scopes: dict[str, Row] = {}
            for (scope, name, _, _), column in zip(columns, values, strict=True):
                scopes.setdefault(scope, {})[name] = column[row]
            for scope, found in scopes.items():
                self.rows.setdefault(scope, []).append(found)

"""Times as people read them: local to this computer, with the offset from UTC. Locks hold them in UTC, since readers may be elsewhere."""

import re
from datetime import UTC, datetime

STORED = "%Y-%m-%d %H:%M:%S UTC"
FOUND = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\b")


def local_time(at_ns: int, now_ns: int | None = None) -> str:
    """Return a time as `2026-11-20 19:33:11 +05:30`, without the date if it is that of `now_ns`."""
    at = _local(at_ns)
    date = "" if now_ns is not None and at.date() == _local(now_ns).date() else f"{at:%Y-%m-%d} "
    zone = f"{at:%z}"
    return f"{date}{at:%H:%M:%S} {f'{zone[:3]}:{zone[3:5]}' if at.utcoffset() else 'UTC'}"


def stored_time(at: datetime) -> str:
    """Return a time as locks hold it."""
    return at.astimezone(UTC).strftime(STORED)


def read_stored_time(text: str) -> int:
    """Return the nanoseconds since the epoch of a time that a lock holds; raise ValueError for another text."""
    return int(datetime.strptime(text, STORED).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def in_local_time(text: str) -> str:
    """Return words of a lock with their times as `local_time` writes them."""

    def local(found: re.Match[str]) -> str:
        try:
            return local_time(read_stored_time(found[0]))
        except (ValueError, OverflowError):  # it looks like a time but is not one
            return found[0]

    return FOUND.sub(local, text)


def _local(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).astimezone()

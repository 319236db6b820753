"""An answer by HTTP/1.1 as it came over the connection: its body, if all of it is there. It may be hostile."""


def body(answer: bytes) -> str:
    """Return the body as text; raise ValueError saying what is wrong with the answer."""
    head, found, rest = answer.partition(b"\r\n\r\n")
    status, _, lines = head.decode("latin-1").partition("\r\n")
    version, _, what = status.partition(" ")
    if not found or not version.startswith("HTTP/1."):
        raise ValueError("the answer is not HTTP")
    if not what.startswith("200"):
        raise ValueError(f"it answered {what.strip()[:80]!r}")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines.split("\r\n"))}
    if fields.get("content-encoding", "identity") != "identity":
        raise ValueError(f"the answer is encoded as {fields['content-encoding'][:80]!r}, which was not asked for")
    if "chunked" in fields.get("transfer-encoding", "").lower():
        rest = _unchunked(rest)
    elif "content-length" in fields:
        length = fields["content-length"]
        if not length.isascii() or not length.isdigit() or len(length) > 20 or len(rest) < int(length):
            raise ValueError("the answer is not complete")
        rest = rest[: int(length)]
    try:
        return rest.decode()
    except UnicodeDecodeError:
        raise ValueError("the answer is not text") from None


def _unchunked(rest: bytes) -> bytes:
    """Return the content of all chunks, each of which has its size in hexadecimal digits before it."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = rest.find(b"\r\n", at)
        digits = rest[at:end].partition(b";")[0].strip()
        try:
            size = int(digits, 16) if end >= 0 and digits.isalnum() and len(digits) <= 16 else -1
        except ValueError:
            size = -1
        start = end + 2
        if size < 0 or len(rest) < start + size + 2:
            raise ValueError("the answer is not complete")
        if size == 0:
            return b"".join(parts)
        parts.append(rest[start : start + size])
        at = start + size + 2

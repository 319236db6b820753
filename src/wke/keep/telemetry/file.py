"""The form of a telemetry file, and the chunks in it.

A file is MAGIC and then records, which are only appended. A record is a header and a body:

    CRC-32 4 | length of the body 4 | number of a table 4 | rows 4        little endian, 16 bytes

The CRC covers all that follows it. A record with 0 rows declares a table: its body is two lines of JSON, `[MACHINE, EPOCH]` and a list with
`Column.facts` of each column, deflated in the format of zlib. Tables are numbered from 0, in the order in which they are declared. Any
other record is a chunk: as many samples of the columns of a table that was declared before.

A chunk is a matrix of 64-bit numbers, column after column; before the columns of its table comes one more, the time of each sample in
nanoseconds on the machine's clock. Each column is its first number and then the differences to the number before, in arithmetic modulo
2**64. Of all these numbers the lowest bytes come first, then the next ones, up to the highest; all of that is deflated, in the format of
zlib. A number that could not be read is MISSING. A floating column has the bits of its numbers, and NaN for one that could not be read.
Each chunk stands alone.
"""

import zlib
from array import array
from collections.abc import Sequence
from itertools import pairwise
from struct import Struct

MAGIC = b"wketel1\n"
TELEMETRY, SCRAPES = "telemetry.wke", "scrapes.wke"
RECORD = Struct("<IIII")
SUMMED = 4
"""Where in a record that begins what its CRC covers."""
MISSING = -(2**63)
MOST_ROWS = 100_000
LARGEST_BODY = 1 << 28


def record(table: int, rows: int, body: bytes) -> tuple[bytes, bytes]:
    """Return header and body of a record."""
    start = RECORD.pack(0, len(body), table, rows)[SUMMED:]
    return zlib.crc32(body, zlib.crc32(start)).to_bytes(4, "little") + start, body


def encode(columns: Sequence[Sequence[int]]) -> bytes:
    """Return the chunk of these columns, the first of which has the times; each has one number per row, from -2**63 to 2**63 - 1.

    Raises OverflowError for other numbers.
    """
    flat = b"".join(_differences(column) for column in columns)
    deflater = zlib.compressobj(3, zlib.DEFLATED, 13, 6, zlib.Z_FIXED)  # a tenth larger than level 1, and inflated twice as fast
    return deflater.compress(b"".join(flat[plane::8] for plane in range(8))) + deflater.flush()


def _differences(column: Sequence[int]) -> bytes:
    numbers = array("q", column)
    steps = [later - earlier & (2**64 - 1) for earlier, later in pairwise(numbers)]
    return numbers[:1].tobytes() + array("Q", steps).tobytes()

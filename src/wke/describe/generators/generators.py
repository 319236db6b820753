"""The load generators whose output wke can read, by name. A new one is a line here, and a file beside this one."""

from collections.abc import Mapping

from wke.describe.expression.quantity import Report, Text
from wke.describe.generators.fio import FIO
from wke.describe.generators.generator import Generator
from wke.describe.generators.hey import HEY
from wke.describe.generators.iperf3 import IPERF3
from wke.describe.generators.k6 import K6
from wke.describe.generators.memtier import MEMTIER
from wke.describe.generators.pgbench import PGBENCH
from wke.describe.generators.redis_benchmark import REDIS_BENCHMARK
from wke.describe.generators.sysbench import SYSBENCH
from wke.describe.generators.vegeta import VEGETA
from wke.describe.generators.wrk import WRK
from wke.describe.generators.ycsb import YCSB
from wke.describe.toml.wording import quoted

GENERATORS: Mapping[str, Generator] = {
    one.name: one for one in (FIO, HEY, IPERF3, K6, MEMTIER, PGBENCH, REDIS_BENCHMARK, SYSBENCH, VEGETA, WRK, YCSB)
}


def yielded(name: str, field: str, text: Text) -> Report:
    """Return what the output of a load generator says of a field; raise ValueError if it does not."""
    generator = GENERATORS[name]
    found = generator.read(text)
    if field in found:
        return found[field]
    seen = f"only {', '.join(found)}" if found else f"wke reads {generator.reads}"
    raise ValueError(f"{name} says nothing of {quoted(field)}: {seen}")

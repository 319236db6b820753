"""The points of whole experiment files, as a user would write them down, in the order in which they are visited by a sequential run."""

from pathlib import Path

import pytest

from wke.describe.experiment.experimentreader import read_experiment
from wke.describe.experiment.sweep import value_text

FILES = {
    "constants alone are one point": (
        """
[parameters]
threads = 4
engine = "btree"
sync = true
""",
        """
threads=4 engine=btree sync=true
""",
    ),
    "lists, the later one faster": (
        """
[parameters]
engine = ["btree", "lsm"]
sync = true
threads = [1, 8]
""",
        """
engine=btree sync=true threads=1
engine=btree sync=true threads=8
engine=lsm sync=true threads=1
engine=lsm sync=true threads=8
""",
    ),
    "a linear range, its end included": (
        """
[parameters]
threads = { start = 2, end = 8, step-size = 3 }
load = { start = 0.5, end = 0.7, step-size = 0.1 }
""",
        """
threads=2 load=0.5
threads=2 load=0.6
threads=2 load=0.7
threads=5 load=0.5
threads=5 load=0.6
threads=5 load=0.7
threads=8 load=0.5
threads=8 load=0.6
threads=8 load=0.7
""",
    ),
    "a range that counts down": (
        """
[parameters]
machines = { start = 3, end = 1 }
""",
        """
machines=3
machines=2
machines=1
""",
    ),
    "an exponential range within a list": (
        """
[parameters]
engine = ["a", "b"]
size = { base = 4, start = 1, end = 3 }
""",
        """
engine=a size=4
engine=a size=16
engine=a size=64
engine=b size=4
engine=b size=16
engine=b size=64
""",
    ),
    "sub-parameters, one table after the other": (
        """
[parameters]
seconds = 10
sub-parameters = ["small", "large"]

[small]
items = 100
workers = [1, 2]

[large]
items = [5000, 9000]
workers = 16
""",
        """
seconds=10 items=100 workers=1
seconds=10 items=100 workers=2
seconds=10 items=5000 workers=16
seconds=10 items=9000 workers=16
""",
    ),
    "sub-parameters before a range": (
        """
[parameters]
sub-parameters = ["cold", "warm"]
clients = { start = 1, end = 3, step-size = 2 }

[cold]
cache = 0

[warm]
cache = 64
""",
        """
cache=0 clients=1
cache=0 clients=3
cache=64 clients=1
cache=64 clients=3
""",
    ),
    "sub-parameters after a range": (
        """
[parameters]
clients = { start = 1, end = 3, step-size = 2 }
sub-parameters = ["cold", "warm"]

[cold]
cache = 0

[warm]
cache = 64
""",
        """
clients=1 cache=0
clients=1 cache=64
clients=3 cache=0
clients=3 cache=64
""",
    ),
    "the product of two choices": (
        """
[parameters]
sub-parameters = [["one", "two"], ["fast", "safe"]]

[one]
nodes = 1

[two]
nodes = 2

[fast]
mode = "fast"

[safe]
mode = "safe"
level = [1, 2]
""",
        """
nodes=1 mode=fast
nodes=1 mode=safe level=1
nodes=1 mode=safe level=2
nodes=2 mode=fast
nodes=2 mode=safe level=1
nodes=2 mode=safe level=2
""",
    ),
    "sub-parameters within sub-parameters, old spelling": (
        """
[parameters]
sub_parameters = ["disk", "memory"]
rate = [10, 20]

[disk]
store = "disk"
sub_parameters = ["hdd", "ssd"]

[hdd]
device = "sda"

[ssd]
device = "nvme0"
queue = { base = 2, start = 4, end = 5, step_size = 1 }

[memory]
store = "memory"
""",
        """
store=disk device=sda rate=10
store=disk device=sda rate=20
store=disk device=nvme0 queue=16 rate=10
store=disk device=nvme0 queue=16 rate=20
store=disk device=nvme0 queue=32 rate=10
store=disk device=nvme0 queue=32 rate=20
store=memory rate=10
store=memory rate=20
""",
    ),
    "a range that is climbed has all of its points": (
        """
[parameters]
engine = ["a", "b"]
clients = { base = 2, start = 0, end = 2, hill-climb = true }

[[plots]]
x-axis = "clients"
y-axis = "throughput"
""",
        """
engine=a clients=1
engine=a clients=2
engine=a clients=4
engine=b clients=1
engine=b clients=2
engine=b clients=4
""",
    ),
}


@pytest.mark.parametrize(("text", "points"), FILES.values(), ids=FILES)
def test_these_files_have_these_points(tmp_path: Path, text: str, points: str) -> None:
    """Nested loops over the parameters as they stand in the file: none left out, none twice, the later one faster."""
    path = tmp_path / "x.toml"
    path.write_text(text)
    seen = [" ".join(f"{name}={value_text(value)}" for name, value in p.items()) for p in read_experiment(path).parameters.points()]
    assert "\n".join(seen) == points.strip("\n")

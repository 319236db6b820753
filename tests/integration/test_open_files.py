"""How many files may be open: the limit of a process is raised as far as the connections need."""

import subprocess
import sys

import pytest

ALLOW = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from wke.act.connection.openfiles import allow_connections
try:
    allow_connections(*map(int, sys.argv[3:]))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [
        (100, 2000, 1, "100 2000"),
        (100, 2000, 100, "864 2000"),
        (100, 2000, 400, "2000 2000"),
        (1024, 4096, (4000, 1), "4096 4096"),  # behind relays
        (
            100,
            1024,
            (4000, 1),
            (
                "MachineError: 4,000 connections need 4,064 open files, and this process may have 1,024\n"
                "  hint: raise the hard limit: `ulimit -Hn 4064` as root, nofile in /etc/security/limits.conf, LimitNOFILE= of a service\n"
                "100 1024"
            ),
        ),
        (
            100,
            2000,
            1000,
            (
                "MachineError: 1,000 connections need 4,064 open files, and this process may have 2,000\n"
                "  hint: raise the hard limit: `ulimit -Hn 4064` as root, nofile in /etc/security/limits.conf, LimitNOFILE= of a service\n"
                "100 2000"
            ),
        ),
    ],
)
def test_as_many_files_may_be_open_as_connections_need(soft: int, hard: int, connections: int | tuple[int, int], expected: str) -> None:
    """The soft limit is raised as far as it helps and may; a hard one that is too low is said before anything is started."""
    command = [sys.executable, "-c", ALLOW, *map(str, (soft, hard, *(connections if isinstance(connections, tuple) else (connections,))))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == expected.replace("\n", "\n")

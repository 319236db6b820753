"""parallel_ssh_true.py COUNT USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once, COUNT times. It accepts any host key."""

import sys

from marks import mark
from pssh.clients import ParallelSSHClient

count, user, port, key, _, *hosts = sys.argv[1:]
client = ParallelSSHClient(hosts, user=user, port=int(port), pkey=key, pool_size=len(hosts), allow_agent=False)
for done in range(int(count)):
    output = client.run_command("true")
    client.join(output)
    if any(host.exit_code for host in output):
        sys.exit("not everywhere")
    mark(done, int(count))

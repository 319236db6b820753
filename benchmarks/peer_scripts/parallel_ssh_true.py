"""parallel_ssh_true.py USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once. parallel-ssh accepts any host key."""

import sys

from pssh.clients import ParallelSSHClient

user, port, key, _, *hosts = sys.argv[1:]
client = ParallelSSHClient(hosts, user=user, port=int(port), pkey=key, pool_size=len(hosts), allow_agent=False)
output = client.run_command("true")
client.join(output)
sys.exit(any(host.exit_code for host in output))

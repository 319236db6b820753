"""execnet_true.py COUNT SSH_CONFIG PYTHON HOST...: `true` on every host at once, COUNT times, by a Python there, through ssh."""

import sys
from concurrent.futures import ThreadPoolExecutor

import execnet
from marks import mark

THERE = "import subprocess\nfor command in channel: channel.send(subprocess.call(command))"

count, config, python, *hosts = sys.argv[1:]
specifications = [f"ssh=-F {config} {host}//id={host}//python={python}" for host in hosts]
group = execnet.Group()
with ThreadPoolExecutor(min(len(hosts), 64)) as pool:
    list(pool.map(group.makegateway, specifications))
channels = execnet.MultiChannel([gateway.remote_exec(THERE) for gateway in group])
for done in range(int(count)):
    channels.send_each(["true"])
    if any(channels.receive_each()):
        sys.exit("not everywhere")
    mark(done, int(count))
group.terminate(timeout=5)

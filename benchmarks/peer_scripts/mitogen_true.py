"""mitogen_true.py COUNT SSH_CONFIG PYTHON HOST...: `true` on every host at once, COUNT times, by a Python there, through ssh."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mitogen.utils
from marks import mark


@mitogen.main()
def main(router) -> None:
    count, config, python, *hosts = sys.argv[1:]
    options = {"python_path": python, "ssh_args": ["-F", config], "check_host_keys": "enforce", "connect_timeout": 100}
    with ThreadPoolExecutor(min(len(hosts), 64)) as pool:
        contexts = list(pool.map(lambda host: router.ssh(hostname=host, **options), hosts))
    for done in range(int(count)):
        if any(receiver.get().unpickle() for receiver in [context.call_async(subprocess.call, "true") for context in contexts]):
            sys.exit("not everywhere")
        mark(done, int(count))

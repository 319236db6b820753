"""paramiko_cat.py FILE FOLDER USER PORT KEY KNOWN_HOSTS HOST...: FILE of every host at once, a thread each, into FOLDER/HOST.out."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko

file, folder, user, port, key, known_hosts, *hosts = sys.argv[1:]


def fetch(host: str) -> None:
    with paramiko.SSHClient() as client:
        client.load_host_keys(known_hosts)
        client.connect(host, int(port), user, key_filename=key, allow_agent=False, look_for_keys=False)
        _, stdout, _ = client.exec_command(f"cat {file}")
        with Path(folder, f"{host}.out").open("wb") as target:
            shutil.copyfileobj(stdout, target, 1 << 18)
        if stdout.channel.recv_exit_status():
            sys.exit(f"{host}: cat failed")


with ThreadPoolExecutor(len(hosts)) as threads:
    list(threads.map(fetch, hosts))

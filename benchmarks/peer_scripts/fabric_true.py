"""fabric_true.py USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once, a thread each. Fabric accepts any host key."""

import sys

from fabric import ThreadingGroup

user, port, key, _, *hosts = sys.argv[1:]
options = {"key_filename": key, "allow_agent": False, "look_for_keys": False}
with ThreadingGroup(*hosts, user=user, port=int(port), connect_kwargs=options) as group:
    group.run("true", hide=True)

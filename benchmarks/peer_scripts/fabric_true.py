"""fabric_true.py COUNT USER PORT KEY KNOWN_HOSTS HOST...: `true` on every host at once, COUNT times, one thread per host.

It accepts any host key.
"""

import sys

from fabric import ThreadingGroup
from marks import mark

count, user, port, key, _, *hosts = sys.argv[1:]
options = {"key_filename": key, "allow_agent": False, "look_for_keys": False}
with ThreadingGroup(*hosts, user=user, port=int(port), connect_kwargs=options) as group:
    for done in range(int(count)):
        group.run("true", hide=True)
        mark(done, int(count))

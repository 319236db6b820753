"""execo_true.py COUNT SSH_CONFIG HOST...: `true` on every host at once, COUNT times, one ssh per command."""

import sys

from execo import Remote
from marks import mark

count, config, *hosts = sys.argv[1:]
parameters = {"ssh": "ssh", "ssh_options": ("-F", config)}
for done in range(int(count)):
    if not Remote("true", hosts, connection_params=parameters).run().ok:
        sys.exit("not everywhere")
    mark(done, int(count))

"""old_wke_true.py COUNT CONFIG TARGET: a target on every machine of cluster.toml, COUNT times in one session of wke 0.1."""

import sys

from marks import mark

from wke import Cluster, Configuration, MeasurementSession

count, config, target = sys.argv[1:]
cluster = Cluster()
session = MeasurementSession(cluster, Configuration(config), None, False)
for done in range(int(count)):
    if not session.run(cluster, target):
        sys.exit("not everywhere")
    mark(done, int(count))

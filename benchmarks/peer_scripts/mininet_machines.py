"""COUNT hosts of mininet on one Linux bridge, started and stopped; between the two each runs the command, if one is given.

    mininet_machines.py COUNT PREFIX-FILE [COMMAND...]

Mininet's own program `mn` is not used, because it first cleans up by killing processes by name. Its changes to kernel settings (fixLimits)
are not made either, because they would remain; this saves it a dozen sysctl calls.
"""

import os
import sys
from pathlib import Path

os.environ["PATH"] += ":/usr/sbin:/sbin"

from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo

count, prefix, command = int(sys.argv[1]), Path(sys.argv[2]).read_text(), sys.argv[3:]
topology = Topo()
switch = topology.addSwitch(prefix + "s", dpid="1")
for number in range(count):
    topology.addLink(topology.addHost(f"{prefix}h{number}"), switch)
Mininet.inited = True
network = Mininet(topo=topology, switch=LinuxBridge, controller=None)
network.start()
try:
    running = [host.popen(command) for host in network.hosts] if command else []
    failed = [process for process in running if process.wait()]
finally:
    network.stop()
sys.exit(1 if failed else 0)

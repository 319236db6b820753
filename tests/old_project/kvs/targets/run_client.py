#!/usr/bin/env python3
"""Count up on the server, waiting for it to come up first."""

import socket
import sys
import time

address, port, operations, index = sys.argv[1:]
for _ in range(200):
    try:
        connection = socket.create_connection((address, int(port)))
        break
    except OSError:
        time.sleep(0.02)
else:
    sys.exit("no server")
for _ in range(int(operations)):
    connection.sendall(b".")
    if connection.recv(1) != b".":
        sys.exit("the server went away")
print(f"client {index} done")

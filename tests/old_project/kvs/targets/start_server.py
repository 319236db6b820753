#!/usr/bin/env python3
"""A server that counts: every byte it gets is answered by one."""

import os
import socketserver
import sys


class Counter(socketserver.StreamRequestHandler):
    def handle(self):
        while self.request.recv(1):
            self.request.sendall(b".")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


address, port, mode = sys.argv[1:]
if not sys.prefix.endswith("venv") or os.environ["KVS_FROM_PRELUDE"] != "yes":
    sys.exit("not in the virtual environment")
with Server((address, int(port)), Counter) as server:
    print(f"serving {mode} on {address}:{port}", flush=True)
    server.serve_forever()

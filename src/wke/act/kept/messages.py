"""What commands and the connection keeper say to each other: an object per message, with descriptors, on a socket in a private folder.

take    keys                              a command wants to use these connections; answered by one message for each
back    key state keep                    it is done with one that it took
drop    key                               the same, but it is not to be kept
give    key machine cluster lease keep state + descriptors    it has one that it made
list    from                              which connections are there?
end     cluster                           end those of a cluster, or all (null); answered when they have ended
"""

import os
import socket
import struct

from wke.agent.protocol import dump, load

LARGEST = 1 << 16
HANDLES = 4  # of a connection: ssh's input, output, error, and its process
AT_ONCE = 100  # connections per message or request, so that neither side has to wait while the other one writes


def send(channel: socket.socket, message: dict[str, object], handles: tuple[int, ...] = ()) -> None:
    """Send a message; raise OSError when the other side has gone, or does not take it in time."""
    socket.send_fds(channel, [dump(message)], handles)


def receive(channel: socket.socket) -> tuple[dict[str, object] | None, list[int]]:
    """Return the next message and the descriptors that came with it; None at the end."""
    data, handles, _, _ = socket.recv_fds(channel, LARGEST, HANDLES, socket.MSG_CMSG_CLOEXEC)
    return load(data) if data else None, handles


def is_ours(channel: socket.socket) -> bool:
    """Tell whether the process at the other end belongs to the user that we are."""
    _, user, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(user == os.geteuid())

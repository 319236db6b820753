"""A tree of relays: machines dial back, and the frames of many share few sockets on the way."""

"""What every section gets: a folder to work in, how often to run, and where wke and its peers are."""

import sys
from dataclasses import dataclass
from pathlib import Path

from peers import Peer, Peers
from rig import Absent

WKE = Path(sys.executable).with_name("wke")
PEER_SCRIPTS = Path(__file__).with_name("peer_scripts")


@dataclass(frozen=True, slots=True)
class Bench:
    """`folder` is empty and temporary; `runs` is the number the user asked for, or None for each section's default."""

    folder: Path
    peers: Peers
    runs: int | None = None

    def times(self, usual: int) -> int:
        """Return how often to run something whose default is `usual` times."""
        return self.runs or usual

    def program(self, peer: str, name: str) -> Path | Absent:
        """Return the path of a peer's program, or why it is not here."""
        found = self.peers.get(peer)
        return found.program(name) if isinstance(found, Peer) else found

    def folder_of(self, peer: str) -> Path | None:
        """Return the folder of a peer's environment, if it is here."""
        found = self.peers.get(peer)
        return found.programs.parent if isinstance(found, Peer) else None

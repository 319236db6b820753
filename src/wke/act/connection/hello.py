"""The greeting of a machine: who and where its agent is."""

from collections.abc import Mapping

from wke.act.connection.untrusted import number_of, text_of
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """Who and where the agent is."""

    python: str
    hostname: str
    user: str
    home: str
    cpus: int
    uname: str
    pid: int
    workfolder: str

    def facts(self) -> dict[str, object]:
        """Return what it says about the machine rather than about this connection."""
        return {"python": self.python, "hostname": self.hostname, "user": self.user, "cpus": self.cpus, "uname": self.uname}


def read_hello(head: Mapping[str, object]) -> Hello:
    """Return what a HELLO frame says; the decoder has checked its fields."""
    texts = {name: text_of(head, name) for name in ("python", "hostname", "user", "home", "uname", "workfolder")}
    return Hello(**texts, cpus=number_of(head, "cpus"), pid=number_of(head, "pid"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a later link has to know about an agent that waits: its greeting, the channels in use so far, and if it takes compiled code."""

    hello: Hello
    channels: int
    takes_compiled: bool

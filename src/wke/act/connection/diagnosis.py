"""Why a machine cannot be reached, from the output of OpenSSH and the machine: the stage that failed, the output, and what to try."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from wke.act.connection.bootstrap import READ_AND_RUN
from wke.act.connection.transport import SshTransport
from wke.errors import MachineError, Problem
from wke.keep.files.localtime import in_local_time

QUOTED_LINES = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure that is recognised by its message.

    `hint` may name {login}, the ssh command that a person would type, and {entry}, the machine in known_hosts.
    """

    pattern: str
    stage: str
    hint: str
    passing: bool = False  # worth another attempt


CAUSES = (
    Cause(r"Could not resolve hostname", "resolving its name", "check external-addr in the cluster file: {login}"),
    Cause(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
        "checking its host key",
        "if the machine was installed anew, forget its old key with: ssh-keygen -R {entry}  and accept the new one with: {login}",
    ),
    Cause(
        r"Host key verification failed|No .* host key is known",
        "checking its host key",
        "its key is not known here: check it and accept it once with: {login}",
    ),
    Cause(
        r"Permission denied|Too many authentication failures|no such identity",
        "authentication",
        "this should log in without a question: {login}",
    ),
    Cause(
        r"timed out during banner exchange",
        "connecting",
        "something listens there but does not answer: is ssh-port right, and does the ssh server work? {login}",
    ),
    Cause(
        r"kex_exchange_identification|ssh_exchange_identification|Connection (closed|reset) by|banner exchange",
        "connecting",
        "the ssh server there turns connections away: lower connect-limit or raise its MaxStartups",
        passing=True,
    ),
    Cause(
        r"no matching \w+|Unable to negotiate",
        "agreeing on algorithms",
        'set [cluster] key-exchange = "default", or see ssh -Q kex: {login}',
    ),
    Cause(r"Connection refused", "connecting", "is the machine up, its ssh server running and ssh-port right? {login}"),
    Cause(
        r"timed out|No route to host|Network is unreachable|Host is down",
        "connecting",
        "is the machine up, its address right, and the network to it open? {login}",
    ),
    Cause(
        r"Bad configuration option|unknown option|Bad .*(option|specification)|command-line",
        "starting ssh",
        "correct [cluster] ssh-options, or the settings in ~/.ssh/config",
    ),
    Cause(
        r"[Cc]annot fork|fork: .*Resource temporarily unavailable|can't start new thread",
        "starting a process",
        "no process could be started there: the limit on processes is reached; end some, or raise it (ulimit -u, or TasksMax of systemd)",
    ),
    Cause(
        r"no python3 in|wke: python 3\.6",
        "finding Python",
        "the machine needs python3, 3.6 or newer, on the PATH of a login without a terminal",
    ),
    Cause(r"No module named|Fatal Python error", "starting Python", "its Python is not complete: install the distribution's python3"),
    Cause(
        r"it is held by|its lock",
        "locking it",
        "one series per machine at a time: wait until it ends or stop it, or measure on other machines meanwhile (--on)",
    ),
    Cause(r"cannot make a work folder", "making a work folder", "free space in /tmp there, or set TMPDIR"),
)
UNKNOWN = Cause("", "starting the agent", "try by hand: {login}")


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed: the `words` of ssh and of the machine, and `what` we saw happen."""

    what: str
    words: str
    transport: Sequence[str]

    @property
    def cause(self) -> Cause:
        """The cause that the words show."""
        text = f"{self.what}\n{self.words}"
        return next((c for c in CAUSES if re.search(c.pattern, text)), UNKNOWN)

    def error(self, machine: str) -> MachineError:
        """Return the error that people read."""
        cause = self.cause
        words = [line.strip() for line in self.words.replace(READ_AND_RUN, "sh").splitlines() if line.strip("@ \r\t")]
        said = "".join(f"\n  {line}" for line in words[-QUOTED_LINES:] if not self.what.endswith(line))
        hint = cause.hint.format(login=_login(self.transport), entry=_entry(self.transport))
        return MachineError(Problem(f"machine {machine}: {cause.stage} failed: {in_local_time(f'{self.what}{said}')}", hint=hint))


def _login(transport: Sequence[str]) -> str:
    """Return the command with which a person would log in the same way, without the options that are only ours."""
    if not isinstance(transport, SshTransport):
        return shlex.join([*transport, "python3", "--version"])
    words = list(transport)
    ours = words.index("-T")
    return shlex.join([*words[:ours], *_address(transport), words[-1]])


def _address(transport: SshTransport) -> list[str]:
    words = transport[transport.index("-T") :]
    return [w for flag in ("-p", "-l") if flag in words for w in (flag, words[words.index(flag) + 1])]


def _entry(transport: Sequence[str]) -> str:
    """Return how known_hosts calls the machine."""
    if not isinstance(transport, SshTransport):
        return "HOST"
    address = _address(transport)
    port = address[address.index("-p") + 1] if "-p" in address else "22"
    return transport[-1] if port == "22" else shlex.quote(f"[{transport[-1]}]:{port}")

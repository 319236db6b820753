"""Why a machine cannot be reached, from the output of OpenSSH and the machine: the stage that failed, the output, and what to try."""

import os
import re
import shlex
from collections.abc import Sequence

from wke.act.connection.bootstrap import FIND_PYTHON, READ_AND_RUN, SHELL_EXIT
from wke.act.connection.connection import NO_ANSWER, Trace
from wke.act.connection.transport import SshTransport
from wke.describe.toml.wording import counted
from wke.errors import MachineError, Problem
from wke.keep.files.localtime import in_local_time
from wke.values import dataclass

QUOTED_LINES = 10
SSH_FAILED = 255  # the status of ssh for its own errors; any other is that of what ran on the machine
IN_BASHRC = "case $- in *i*) exec fish;; esac"


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure that is recognised by its message.

    `hint` may name {login}, the ssh command that a person would type, {accept}, the same asking about an unknown key, and {forget}, the
    command that removes the key that has changed.
    """

    pattern: str
    stage: str
    hint: str
    passing: bool = False  # worth another attempt


NO_PROCESS = r"[Cc]annot fork|fork: .*Resource temporarily unavailable|no process could be started|Errno 11\]|can't start new thread"
THERE = (
    Cause(
        NO_PROCESS,
        "starting a process",
        "no process could be started there: the limit on processes is reached; end some, or raise it (ulimit -u, or TasksMax of systemd)",
    ),
    Cause(r"No module named|Fatal Python error", "starting Python", "its Python is not complete: install the distribution's python3"),
    Cause(
        r"wke: no Python that serves",
        "finding Python",
        "the machine needs python3, 3.6 or newer; where it is in an unusual place, name it: python in the cluster file",
    ),
    Cause(
        r"it cannot take its place in the tree",
        "dialling back",
        'write connect = "stdio" in [slurm] if nodes cannot connect to this computer, or as address one of it that they reach',
    ),
    Cause(
        r"this command itself holds it",
        "locking it",
        "give both machines the same external-addr, so that each has its own lock, or leave one of them out",
    ),
    Cause(
        r"it is held by",
        "locking it",
        "one series per machine at a time: wait until it ends or stop it, or measure on other machines meanwhile (--on)",
    ),
    Cause(r"cannot use its lock", "locking it", "look at that file on the machine"),
    Cause(r"cannot make a work folder", "making a work folder", "free space in /tmp there, or set TMPDIR"),
)
"""What our own programs on the machine, or its shell, say. This counts before all that ssh says."""
BY_SSH = (
    Cause(r"Could not resolve hostname", "resolving its name", "check external-addr in the cluster file: {login}"),
    Cause(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
        "checking its host key",
        "if the machine was installed anew, forget its old key with: {forget}  and accept the new one with: {accept}",
    ),
    Cause(
        r"Host key verification failed|No .* host key is known",
        "checking its host key",
        "its key is not known here: check it and accept it once with: {accept}",
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
)
"""What OpenSSH says when it fails itself."""
OTHER_SHELL = Cause(
    "", "starting the agent", f"a start-up file of the login shell starts another shell; it must do so for people only: {IN_BASHRC}"
)
LOGIN_SHELL = Cause(
    "",
    "running the login shell",
    "ssh has logged in, but nothing runs yet: the start-up files of the login shell take long, wait for something or start another shell; "
    "see how long this takes, and correct them or raise connect-timeout: {login} true",
)
CONNECTING = Cause("", "connecting", "is the machine up, its address right, and the network to it open? {login}")
UNKNOWN = Cause("", "starting the agent", "try by hand: {login}")


class UnknownKeyError(MachineError):
    """A machine's host key is not known here. `host` is what known_hosts calls it; `transport` led there."""

    def __init__(self, problem: Problem, machine: str, host: str, transport: SshTransport) -> None:
        super().__init__(problem)
        self.machine, self.host, self.transport = machine, host, transport


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed: `what` we saw happen, and the `trace` that it left."""

    what: str
    trace: Trace
    transport: Sequence[str]

    @property
    def cause(self) -> Cause:
        """The cause that the words show: those of our programs first, those of ssh only if it says that it has failed."""
        text, status = f"{self.what}\n{self.trace.words}", self.trace.status
        is_ssh = isinstance(self.transport, SshTransport)
        known = THERE + BY_SSH if is_ssh and status == SSH_FAILED else THERE
        for cause in known:
            if re.search(cause.pattern, text):
                return cause
        if status == SHELL_EXIT:
            return OTHER_SHELL
        if is_ssh and status is None and self.what.startswith(NO_ANSWER):
            return LOGIN_SHELL if self.trace.logged_in else CONNECTING
        return UNKNOWN

    def error(self, machine: str) -> MachineError:
        """Return the error that people read."""
        cause, transport = self.cause, self.transport
        what, words = (text.replace(READ_AND_RUN, "sh").replace(FIND_PYTHON, "sh") for text in (self.what, self.trace.words))
        lines = [line.strip() for line in words.splitlines() if line.strip("@ \r\t")]
        if len(lines) > QUOTED_LINES:
            lines[:-QUOTED_LINES] = [f"… ({counted(len(lines) - QUOTED_LINES, 'more line')} before these)"]
        said = "".join(f"\n  {line}" for line in lines if not what.endswith(line))
        hint = cause.hint.format(login=_login(transport), accept=_login(transport, asking=True), forget=self._forget())
        problem = Problem(f"machine {machine}: {cause.stage} failed: {in_local_time(f'{what}{said}')}", hint=hint)
        unknown = re.search(r"No \S+ host key is known for (\S+)", words)
        if unknown and isinstance(transport, SshTransport) and "{accept}" in cause.hint:
            return UnknownKeyError(problem, machine, unknown[1], transport)
        return MachineError(problem)

    def _forget(self) -> str:
        """Return the command that removes the key that has changed, of the machine or of a jump host, as ssh itself names both."""
        words = self.trace.words
        host = re.search(r"Host key for (\S+) has changed", words)
        places = re.findall(r"Offending .*key.* in (.+):\d+", words)
        command = ["ssh-keygen", "-R", host[1] if host else "HOST", *(("-f", places[-1]) if places else ())]
        needs_root = bool(places) and not os.access(places[-1], os.W_OK)
        return ("sudo " if needs_root else "") + shlex.join(command)


def _login(transport: Sequence[str], *, asking: bool = False) -> str:
    """Return the command with which a person would log in the same way, without the options that are only ours."""
    if not isinstance(transport, SshTransport):
        return shlex.join([*transport, "python3", "--version"])
    words = list(transport)
    ask = ["-o", "StrictHostKeyChecking=ask"] if asking else []
    return shlex.join([*words[: words.index("-T")], *ask, *address_of(transport), words[-1]])


def address_of(transport: SshTransport) -> list[str]:
    """Return the options of a transport that say to which port and as whom it leads."""
    words = transport[transport.index("-T") :]
    return [w for flag in ("-p", "-l") if flag in words for w in (flag, words[words.index(flag) + 1])]

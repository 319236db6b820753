"""Why a machine cannot be reached, from what its shell said."""

import pytest

from wke.act.connection.bootstrap import FIND_PYTHON, READ_AND_RUN, SHELL_EXIT
from wke.act.connection.connection import Trace
from wke.act.connection.diagnosis import Failure, UnknownKeyError
from wke.act.connection.hostkeys import together
from wke.act.connection.transport import SshTransport
from wke.errors import Problem

SSH = SshTransport(["ssh", "-F", "my config", "-T", "-o", "BatchMode=yes", "-p", "2222", "--", "node7"])
NOISE = "/etc/profile: line 3: /opt/setup: Permission denied\n"


@pytest.mark.parametrize(
    "words",
    [
        "/bin/sh: 1: Cannot fork",
        f"{READ_AND_RUN}: fork: retry: Resource temporarily unavailable\n{READ_AND_RUN}: fork: Resource temporarily unavailable",
        "RuntimeError: can't start new thread",
        f"{FIND_PYTHON}: fork: Resource temporarily unavailable",
        "BlockingIOError: [Errno 11] Resource temporarily unavailable",
    ],
)
def test_a_limit_on_processes_is_named(words: str) -> None:
    """Shells say it behind their name, which is our program: it is not shown, and what it says of Python is no cause."""
    text = str(Failure(f"the connection ended: {words.splitlines()[-1]}", Trace(words), ["sh"]).error("m0"))
    assert "no process could be started there: the limit on processes is reached" in text
    assert "import sys" not in text
    assert "command -v" not in text
    assert "python3, 3.6" not in text


@pytest.mark.parametrize(
    ("what", "trace", "stage"),
    [
        ("the connection ended with status 127", Trace(NOISE + "wke: no Python that serves: there is no python3", 127), "finding Python"),
        ("the connection ended with status 1", Trace(NOISE, 1), "starting the agent"),
        ("the connection ended with status 255", Trace(NOISE, 255), "authentication"),
        ("the connection ended", Trace(NOISE + "Connection refused", 0), "starting the agent"),
        (f"the connection ended with status {SHELL_EXIT}", Trace(NOISE, SHELL_EXIT), "starting the agent"),
        ("the agent gave up: no process could be started there: Resource temporarily unavailable", Trace(status=0), "starting a process"),
        ("the agent gave up: it is held by series x", Trace(NOISE, 0), "locking it"),
        ("no answer within 30 s", Trace(NOISE, None, logged_in=True), "running the login shell"),
        ("no answer within 30 s", Trace("", None), "connecting"),
    ],
)
def test_the_stage_is_that_of_who_failed(what: str, trace: Trace, stage: str) -> None:
    """Start-up files may say anything: what our own programs say counts first, and ssh's words only when ssh itself failed."""
    assert str(Failure(what, trace, SSH).error("m0")).startswith(f"machine m0: {stage} failed: {what}")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            "Offending ED25519 key in /nowhere/known_hosts:3\nHost key for [gate]:2200 has changed",
            "ssh-keygen -R '[gate]:2200' -f /nowhere/known_hosts",
        ),
        ("Offending RSA key in /nowhere/a b:12\nHost key for alias has changed and", "ssh-keygen -R alias -f '/nowhere/a b'"),
        ("Host key for node7 has changed", "ssh-keygen -R node7"),
    ],
)
def test_a_changed_key_is_forgotten_where_ssh_found_it(words: str, command: str) -> None:
    """The name and the file are those that ssh names, of the machine or of a jump host; a file of the system's needs its owner."""
    text = str(Failure("the connection ended with status 255", Trace(words, 255), SSH).error("m0"))
    assert f"forget its old key with: {'sudo ' if ' -f ' in command else ''}{command}  and accept" in text
    assert "ssh -F 'my config' -o StrictHostKeyChecking=ask -p 2222 node7" in text


def unknown(machine: str, host: str) -> UnknownKeyError:
    return UnknownKeyError(Problem(machine), machine, host, SSH)


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({}, "ssh-keyscan -p 22 a b; ssh-keyscan -p 2222 127.0.0.1) >$k && ssh-keygen -lf $k && "),
        ({"userknownhostsfile": "/my/hosts /my/hosts2"}, '[ "$a" = yes ] && cat $k >>/my/hosts'),
        ({"proxyjump": "gate"}, "(ssh -F 'my config' gate ssh-keyscan -p 22 a b; "),
    ],
)
def test_many_unknown_keys_are_accepted_by_one_command(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], command: str) -> None:
    """It shows all fingerprints before it asks; hosts are grouped by port, and the jump host and the file are those of ssh's settings."""
    monkeypatch.setattr("wke.act.connection.hostkeys.settings_of", lambda *_: settings)
    errors = [unknown("m1", "b"), unknown("m0", "a"), unknown("m3", "b"), unknown("m2", "[127.0.0.1]:2222")]
    (problem,) = together(errors)
    assert problem.what == "machines m0, m1, m2 and 1 more: checking their host keys failed: they are not known here"
    assert command in str(problem.hint)


def test_what_one_command_cannot_do_is_told_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine has its own hint, and so have machines behind a command or several jumps, or whose keys have another name."""
    assert [p.what for p in together([unknown("m0", "a")])] == ["m0"]
    for settings in ({"proxycommand": "nc %h"}, {"proxyjump": "a,b"}, {"hostkeyalias": "x"}):
        monkeypatch.setattr("wke.act.connection.hostkeys.settings_of", lambda *_, settings=settings: settings)
        assert [p.what for p in together([unknown("m0", "a"), unknown("m1", "b")])] == ["m0", "m1"]

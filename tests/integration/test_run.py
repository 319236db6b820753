"""`wke run` on real machines, emulated and over ssh: what reaches the scripts, what comes back, how it ends, and that nothing stays."""

import hashlib
import json
import os
import random
import re
import signal
import stat
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Done, Project
from support import LEASE_S, eventually, limit, marked

SEPARATOR = " │ "


def said(done: Done, machine: str = "m0") -> list[str]:
    """Return the lines that a machine wrote to stdout, in their order."""
    return [text for name, _, text in (line.partition(SEPARATOR) for line in done.out.splitlines()) if name.strip() == machine]


# -- targets, machines, statuses


def test_targets_run_one_after_the_other_until_one_fails(project: Project) -> None:
    """Each target on all machines before the next; what comes after a failure does not run; one line a machine says what failed."""
    project.targets(
        first="echo first $WKE_MACHINE; sleep 0.$((RANDOM % 3))",
        second='echo second; test "$WKE_MACHINE" != m1 || exit 3',
        third="echo third",
    )
    done = project.wke("run", "kv", "m0,m1", "all")
    words = [line.split()[2] for line in done.out.splitlines()]
    assert words == ["first", "first", "second", "second"]
    assert [line.rpartition(" after ")[0] for line in done.err.splitlines()] == ["m1: second failed(3)"]
    assert done.status == 1
    again = project.wke("run", "kv", "m0,m1", "third,first")
    assert ([line.split()[2] for line in again.out.splitlines()], again.err, again.status) == (["third"] * 2 + ["first"] * 2, "", 0)


def test_the_exit_status_tells_how_it_ended(project: Project) -> None:
    """A failure is 1, a signal too, a timeout 124; a timeout beside a failure is a failure."""
    project.targets(
        fails="#!/no/such/interpreter",
        dies="kill -11 $$",
        hangs="echo begun; sleep 100",
        both="test $WKE_MACHINE = m0 && exit 1; sleep 100",
    )
    fails, dies = (project.wke("run", "kv", "m0", name) for name in ("fails", "dies"))
    assert (fails.status, dies.status) == (1, 1)
    assert "m0: fails failed(127) after" in fails.err
    assert fails.err.endswith(": the script's first line asks for /no/such/interpreter, which is not on this machine\n")
    assert "m0: dies signalled(11) after" in dies.err
    late = project.wke("run", "kv", "m0", "hangs", "--timeout", "300ms")
    assert (late.status, late.out) == (124, "m0 │ begun\n")
    assert "m0: hangs timed-out after" in late.err
    assert project.wke("run", "kv", "m0,m1", "both", "--timeout", "300ms").status == 1


def test_options_arrive_as_they_are_typed(project: Project) -> None:
    """One argument a value whatever it contains, in the order of the definition, and the same in the environment."""
    values = [
        "two words",
        "a;b&c|d",
        "*",
        "'",
        '"',
        "line\nbreak",
        "",
        "a=b=c",
        "$HOME ${x} `id` $(id)",
        "\\n\\",
        "%s%n",
        "müßig ✓",
        "-n",
        "@me",
    ]
    names = [f"my-value-{n:02}" for n in range(len(values))]
    dump = "import json, os, sys\nprint(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith('WKE_OPTION')}]))\n"
    shell = 'exec python3 - "$@" <<"END"\n' + dump + "END\n"
    options = "[" + ", ".join(f'{{ name = "{name}", type = "str" }}' for name in names) + "]"
    project.targets({"python": options, "shell": options}, python="#!/usr/bin/env python3\n" + dump, shell=shell)
    given = [word for name, value in sorted(zip(names, values, strict=True), reverse=True) for word in ("-D", f"{name}={value}")]
    for target in ("python", "shell"):
        done = project.wke("run", "kv", "m0", target, *given)
        arguments, environment = json.loads(said(done)[0])
        assert arguments == values
        assert environment == {"WKE_OPTION_" + name.upper().replace("-", "_"): value for name, value in zip(names, values, strict=True)}


def test_macros_differ_from_task_to_task(project: Project) -> None:
    """Each copy on each machine knows its place among all, and its machine; defaults may be macros too."""
    project.targets({"who": '["place", ["size", "@GROUP_SIZE"], "name", "internal", "external", "user"]'}, who='echo "$@"')
    macros = {"place": "@GROUP_INDEX", "name": "@NAME", "internal": "@INTERNAL", "external": "@EXTERNAL", "user": "@USERNAME"}
    given = [word for name, macro in macros.items() for word in ("-D", f"{name}={macro}")]
    done = project.wke("run", "kv", "m0,m2", "who", "--multiply", "2", *given)
    facts = {name: project.wke("show-machine", name, "--json").json for name in ("m0", "m2")}
    user = facts["m0"]["username"] or "root"

    def line(label: str, index: int, name: str) -> str:
        internal = facts[name]["internal-addr"]
        return f"{label} │ {index} 4 {name} {internal} {facts[name]['external-addr'] or internal} {user}"

    expected = [line("m0", 0, "m0"), line("m0.1", 1, "m0"), line("m2", 2, "m2"), line("m2.1", 3, "m2")]
    assert (done.lines, done.status) == (sorted(expected), 0)


def test_preludes_come_before_targets_of_any_language(project: Project) -> None:
    """Their environment reaches a Python target; another one or none can be asked for; one that fails fails the target."""
    project.targets(
        config="""
        [config]
        default-prelude = "usual"
        [preludes]
        usual = "Sets things"
        other = "Sets other things"
        broken = "Fails"
        """,
        show="#!/usr/bin/env python3\nimport os, sys\nprint(os.environ.get('SETTING', 'unset'), sys.stdin.read() == '')\n",
        shell='#!/bin/sh\necho "$SETTING $local"\n',
    )
    project.write("kv/preludes/usual", "local=seen\nexport SETTING='the usual'\n")
    project.write("kv/preludes/other", 'export SETTING="other"\n')
    project.write("kv/preludes/broken", "export SETTING=1\nfalse\n")
    assert said(project.wke("run", "kv", "m0", "show,shell")) == ["the usual True", "the usual seen"]
    assert said(project.wke("run", "kv", "m0", "show", "--prelude", "other")) == ["other True"]
    assert said(project.wke("run", "kv", "m0", "show", "--prelude", "none")) == ["unset True"]
    broken = project.wke("run", "kv", "m0", "show", "--prelude", "broken")
    assert (broken.status, said(broken)) == (1, [])
    assert "its prelude failed" in broken.err


def test_targets_run_in_the_home_folder_or_where_they_are_told(project: Project) -> None:
    """--workdir wins; a folder that is not there is a failure that names it."""
    project.targets(where='pwd; echo "$HOME"')
    home = said(project.wke("run", "kv", "m0", "where"))
    assert home[0] == home[1]
    assert said(project.wke("run", "kv", "m0", "where", "--workdir", "/usr"))[0] == "/usr"
    lost = project.wke("run", "kv", "m0", "where", "--workdir", "/no/such/folder")
    assert lost.status == 1
    assert "/no/such/folder: No such file or directory" in lost.err


def test_output_and_errors_stay_apart(project: Project) -> None:
    """What a script writes to stdout comes on stdout, what it writes to stderr on stderr; signs that would steer a terminal do not."""
    project.targets(both="echo out; echo err >&2; printf 'red \\033[31m bad\\377'; printf end >&2; exit 2")
    done = project.wke("run", "kv", "m0", "both")
    assert done.out == "m0 │ out\nm0 │ red \\x1b[31m bad\\xff\n"
    assert done.err.splitlines()[:2] == ["m0 │ err", "m0 │ end"]
    assert "m0: both failed(2) after" in done.err.splitlines()[2]
    assert len(done.err.splitlines()) == 3


def test_quiet_prints_what_failed_only(project: Project) -> None:
    """With -q a task's output is shown when it did not end well, on stderr."""
    project.targets(mixed="echo from $WKE_MACHINE; test $WKE_MACHINE = m0")
    done = project.wke("run", "kv", "m0,m1", "mixed", "-q")
    assert done.out == ""
    assert done.err.splitlines()[0] == "m1 │ from m1"
    assert "m0" not in done.err


def test_a_dry_run_says_what_would_run_and_touches_nothing(project: Project, tmp_path: Path) -> None:
    """No ssh is started and no machine made; mistakes are found all the same."""
    project.targets({"load": '["key", ["n", 1]]'}, load="true", stop="true")
    trace = tmp_path / "started"
    for program in ("ssh", "nsenter", "unshare"):
        stand_in = project.write(f"bin/{program}", f"#!/bin/sh\necho {program} >> {trace}\nexit 1\n")
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    nowhere = {"PATH": f"{project.folder}/bin:{os.environ['PATH']}", "WKE_EMULATION_FOLDER": str(tmp_path / "keepers")}
    done = project.wke("run", "kv", "clients", "load", "-D", "key=two words", "--multiply", "2", "--dry-run", "--timeout", "90s", **nowhere)
    assert (done.out, done.err, done.status) == ("load key='two words' n='1': on m1, m2 (2 tasks each), at most 1 min 30 s\n", "", 0)
    assert project.wke("run", "kv", "all", "all", "--dry-run", **nowhere).status == 2  # load needs its key
    assert not trace.exists()
    assert not (tmp_path / "keepers").exists()


def test_connect_opens_a_shell(project: Project) -> None:
    """It reads commands from where wke does, runs on the machine, and its status is the command's."""
    done = project.wke("connect", "[1]", typed='test "$SSH_CONNECTION" || hostname\necho $((6 * 7))\nexit 5\n')
    assert done.out.split()[-1] == "42"
    assert done.status == 5
    if 'provider = "local"' in project.cluster:
        assert done.out == "m1\n42\n"


# -- scripts, byte for byte

PRINT_HASH = {
    "sh": b'#!/bin/sh\nsha256sum < "$0" | cut -d" " -f1; exit 0\n',
    "python": b"#!/usr/bin/env python3\nimport hashlib\nprint(hashlib.sha256(open(__file__, 'rb').read()).hexdigest())\n",
    "perl": b'#!/usr/bin/perl\nuse Digest::SHA; print Digest::SHA->new(256)->addfile($0)->hexdigest, "\\n"; exit;\n__END__\n',
    "none": b'sha256sum < "$0" | cut -d" " -f1; exit 0\n',
}
TRICKY = b"""# %s %d %% 100% 'single' "double" `back` \\ \\\\ \\n $HOME ${x} $$ '''three''' \"\"\"three\"\"\" !history! ~ \t tab \x01\x7f \xff\xfe\xc3\x28"""
BINARY = bytes(random.Random(5).randrange(1, 256) for _ in range(5000))
CONTENTS = {
    "tricky-sh": PRINT_HASH["sh"] + TRICKY + b"\n",
    "no-newline-at-the-end": PRINT_HASH["sh"] + TRICKY,
    "binary-after-exit": PRINT_HASH["sh"] + BINARY,
    "windows-lines-after-exit": PRINT_HASH["sh"] + b"\r\n\r\n",
    "no-first-line": PRINT_HASH["none"] + TRICKY,
    "one-megabyte": PRINT_HASH["sh"] + b"# 0123456789 %s ' \" \\\n" * (1 << 20 >> 4),
    "one-long-line": PRINT_HASH["sh"] + b"x" * (1 << 20),
    "tricky-python": PRINT_HASH["python"] + b"# " + TRICKY.replace(b"\xff\xfe\xc3\x28", "ü".encode()),
    "tricky-perl": PRINT_HASH["perl"] + TRICKY + BINARY,
}


@pytest.mark.parametrize("prelude", ["none", "usual"])
def test_scripts_arrive_byte_for_byte(project: Project, prelude: str) -> None:
    """What runs on the machine has the same SHA-256 as the file in the folder, with a prelude before it and without."""
    project.targets(config='[preludes]\nusual = "Sets things"', **CONTENTS)
    project.write("kv/preludes/usual", "export SETTING=1\n")
    done = project.wke("run", "kv", "m0", "all", "--prelude", prelude)
    assert dict(zip(CONTENTS, said(done), strict=True)) == {name: hashlib.sha256(script).hexdigest() for name, script in CONTENTS.items()}
    assert (done.err, done.status) == ("", 0)


# -- out of reach


@pytest.mark.sshd
def test_a_machine_out_of_reach_is_status_3(new_project: Callable[[str], Project], ssh_cluster: str) -> None:
    """Nothing runs anywhere when one machine refuses the connection or has an unknown host key. The command that the error names shows the keys and accepts them."""
    project = new_project(ssh_cluster)
    project.targets(leave=f"touch {project.folder}/ledger/ran")
    project.write("refused.toml", re.sub(r"(m2 = .* ssh-port = )\d+", r"\g<1>1", ssh_cluster))
    refused = project.wke("run", "kv", "all", "leave", "-f", "refused.toml")
    assert "machine m2: connecting failed: " in refused.err
    assert "Connection refused" in refused.err
    assert (refused.out, refused.status) == ("", 3)
    nobody = project.write("known_hosts", "")
    stranger = ssh_cluster.replace("ssh-options = [", f'ssh-options = ["-oUserKnownHostsFile={nobody}", ')
    project.write("stranger.toml", stranger)
    unknown = project.wke("run", "kv", "all", "leave", "-f", "stranger.toml")
    assert unknown.status == 3
    assert "machines m0, m1, m2: checking their host keys failed: they are not known here" in unknown.err
    assert not (project.folder / "ledger" / "ran").exists()
    command = unknown.err.partition("answer yes: ")[2]
    for answer, status in (("no", 1), ("yes", 0)):
        assert nobody.read_text() == ""
        said = subprocess.run(command, shell=True, input=f"{answer}\n", capture_output=True, text=True, check=False)
        assert (said.returncode, said.stdout.count("SHA256:")) == (status, 3)
    assert project.wke("run", "kv", "all", "leave", "-f", "stranger.toml").status == 0


# -- nothing stays


@pytest.mark.parametrize("how", ["ends", "fails", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_nothing_is_left_running(project: Project, how: str) -> None:
    """However the command ends, all that its target started is gone, a daemon with an empty environment too; the status tells which way."""
    mark = f"wke-mark-{uuid.uuid4().hex}"
    stay = {"ends": "exit 0", "fails": "exit 1"}.get(how, "sleep 1000")
    project.targets(
        spawn=f"""#!/bin/bash
[ "$MARK" = {mark} ] || MARK={mark} exec "$BASH" "$0" "$@"
(setsid env -i bash -c 'exec -a {mark} sleep 1000' >/dev/null 2>&1 &)
nohup sleep 1000 >/dev/null 2>&1 &
until pgrep -f '^{mark}' >/dev/null; do sleep 0.01; done
touch {project.folder}/ledger/up-$WKE_MACHINE
{stay}
"""
    )
    process = project.start("run", "kv", "m0,m1", "spawn")
    if how not in {"ends", "fails"}:
        eventually(lambda: len(list((project.folder / "ledger").glob("up-*"))) == 2, within_s=30)
        assert len(marked(mark)) >= 4
        process.send_signal(getattr(signal, how))
    out, err = process.communicate(timeout=limit(60))
    if how == "SIGKILL":
        eventually(lambda: not marked(mark), within_s=LEASE_S + 5)
    assert marked(mark) == []
    assert "Traceback" not in err
    statuses = {"ends": 0, "fails": 1, "SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143, "SIGKILL": -9}
    assert (process.returncode, out) == (statuses[how], "")
    notes = {"SIGINT": "interrupted", "SIGTERM": "asked to end by SIGTERM", "ends": "stopped what was left running"}
    assert notes.get(how, "") in err

"""The command line in a process of its own: it starts fast and reports every mistake in the same way."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import limit

from wke.cli.main import COMMANDS, GROUPS, STATUSES

HEAVY = {"numpy", "scipy", "matplotlib", "rich", "asyncio", "sqlite3"}


def wke(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [sys.executable, "-m", "wke.cli", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=limit(60)
    )


def test_help_imports_nothing_heavy() -> None:
    """`wke --help` is fast because it loads no command."""
    code = "import sys, wke.cli.main as m\ntry: m.main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "Deploy and measure distributed systems" in done.stdout
    assert not HEAVY & {name.split(".")[0] for name in done.stderr.split()}


def test_a_run_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """A command that runs a target over ssh does not import what experiments, results and emulated machines need.

    Before ssh is started, it does without the event loop, too.
    """
    (tmp_path / "cluster.toml").write_text('[machines]\na = "a.example.org"\n')
    (tmp_path / "kv" / "targets").mkdir(parents=True)
    (tmp_path / "kv" / "config.toml").write_text("[targets]\nhello = []\n")
    (tmp_path / "kv" / "targets" / "hello").write_text("#!/bin/sh\necho hello\n")
    told = "print(*sys.modules, file=sys.stderr)"
    code = f"import sys, wke.cli.main as m\ntry: m.main()\nexcept SystemExit: pass\n{told}\nimport wke.cli.run_steps\n{told}"
    command = [sys.executable, "-c", code, "run", "--dry-run", "kv", "all", "hello"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "hello: on a\n"
    before, modules = (set(line.split()) for line in done.stderr.splitlines())
    assert not before & {"asyncio", "ssl", "subprocess"}
    assert "wke.act.connection.connection" in modules
    assert not (HEAVY - {"asyncio"}) & modules
    assert not {"wke.describe.experiment.experiment", "wke.keep.store", "wke.act.emulation.emulation", "wke.act.trials.runner"} & modules


def test_help_lists_every_command_and_exit_status() -> None:
    """`wke --help` lists all commands, by group, and all exit statuses."""
    text = wke("--help").stdout
    assert [line[:-1] for line in text.splitlines() if line in {f"{title}:" for title in GROUPS}] == list(GROUPS)
    assert [name for name in COMMANDS if f"\n  {name} " not in text] == []
    assert [meaning for meaning in STATUSES.values() if meaning not in text] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mesure"], 'there is no command "mesure"; did you mean "measure"?'),
        (["run", "kv"], "Missing argument 'SELECTOR'."),
        (["measure", "--frobnicate"], "No such option"),
        (["run", "kv", "all", "x", "--cwd", "nowhere"], "--cwd nowhere: No such file or directory"),
        (["show-cluster"], "cluster.toml: there is no such file"),
    ],
)
def test_wrong_input_is_told_with_status_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    """No traceback, one message on stderr, status 2."""
    done = wke(*arguments, cwd=tmp_path)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)

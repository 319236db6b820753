"""What a person reads who types something wrong: the whole text, status 2, no traceback, and nothing was started or made."""

import shlex

import pytest
from projects import Project

CLUSTER = """
[cluster]
provider = "local"
[machines]
m0 = { class = "servers" }
m1 = { class = "clients" }
"""
EXPERIMENT = """
[experiment]
configuration = "kv"
[parameters]
n = [1, 2]
[[steps]]
target = "TARGET"
on = "ON"
measure = true
options = { key = "k", n = "{n}" }
"""
USAGE = "Usage: python -m wke.cli"

CASES = {
    "run kv all start": """
configuration kv has no target "start"
  hint: known: load, stop, lost, install-packages
""",
    "run kv all load+stop": """
targets are joined by commas, not "+": load+stop
  hint: write load,stop
""",
    "run kv all load,stop -D n=1": """
-D needs a single target
  hint: run the targets one by one, each with its options
""",
    "run kv all load": """
target "load" needs option "key"
  hint: give it a value
""",
    "run kv all load -D key=a -D n=many": """
target "load", option "n": must be a whole number, not the text "many"
""",
    "run kv all load -D key=a -D how=wel": """
target "load", option "how": must be one of "well", "badly", not the text "wel"
""",
    "run kv all load -D key=a -D kei=b -D n=x -D how=no": """
target "load" has no option "kei"
  hint: did you mean "key"?
target "load", option "n": must be a whole number, not the text "x"
target "load", option "how": must be one of "well", "badly", not the text "no"
""",
    "run kv all load -D key": """
-D key is not NAME=VALUE
  hint: write -D name=value
""",
    "run kv all load -D key=a -D key=b": """
-D key is given twice
""",
    "run kv all load -D key=@NAMES": """
target "load", option "key": there is no macro @NAMES
  hint: did you mean "@NAME"?
""",
    "run kw all load": """
there is no configuration "kw": kw is not a folder
  hint: known: broken, kv
""",
    "run kv serves stop": """
selector "serves" names "serves", which is neither a machine nor a class
  hint: did you mean "servers"? machines: m0, m1; classes: servers, clients
""",
    "run kv [3] stop": """
selector "[3]" goes past the end with [3]
  hint: the cluster has 2 machines, at positions 0 to 1
""",
    "run kv [2:1] stop": """
selector "[2:1]" has the range [2:1], which ends before it begins
  hint: write [1:2]; the cluster has 2 machines, at positions 0 to 1
""",
    "run kv all,!all stop": """
selector "all,!all" selects no machine
  hint: machines: m0, m1; classes: servers, clients
""",
    "run kv '' stop": """
selector "" is empty
  hint: machines: m0, m1; classes: servers, clients
""",
    "run kv all ''": """
configuration kv has no target ""
  hint: known: load, stop, lost, install-packages
""",
    "run kv all lost": """
target "lost" has no script
  hint: write it to kv/targets/lost
""",
    "run kv all stop --prelude lod": """
configuration kv has no prelude "lod"
  hint: did you mean "load"?
""",
    "run kv all stop --timeout soon": """
--timeout soon: must be a duration such as "200ms", "5s" or "2h", not the text "soon"
""",
    "run kv all stop --timeout 0s": """
--timeout 0s: must be more than 0
""",
    "run kv all stop --multiply 0": """
USAGE run [OPTIONS] CONFIG SELECTOR TARGETS
Invalid value for '--multiply': 0 is not in the range x>=1.
""",
    "run kv all stop --frob": """
USAGE run [OPTIONS] CONFIG SELECTOR TARGETS
No such option '--frob'.
""",
    "run kv": """
USAGE run [OPTIONS] CONFIG SELECTOR TARGETS
Missing argument 'SELECTOR'.
""",
    "run kv all stop -f other.toml": """
other.toml: there is no such file
  hint: did you mean "cluster.toml"?
""",
    "run kv all stop -f kv": """
kv: is a folder, not a file
  hint: name the .toml file in it
""",
    "run kv all stop -f binary.toml": """
binary.toml:1:1: is not UTF-8 text: byte 0xff
  hint: save the file as UTF-8
""",
    "run broken all stop -f broken.toml": """
broken.toml:2:1: machines.a: must be an address, not the number 5
  hint: write "host", ["external", "internal"] or { external-addr = "host" }
broken/config.toml:2:1: targets.stop: must be a list of options or a table, not the number 5
  hint: write [] for a target without options
""",
    "measure experiments/none.toml": """
experiments/none.toml: there is no such file
  hint: did you mean "wrong.toml"?
""",
    "measure experiments": """
experiments: is a folder, not a file
  hint: name the .toml file in it
""",
    "measure experiments/series.toml --only n=3": """
--only n=3: n is never 3
  hint: known: 1, 2
""",
    "measure experiments/series.toml --only m=3": """
--only m=3: there is no parameter "m"
  hint: known: n
""",
    "measure experiments/series.toml --limit 0": """
USAGE measure [OPTIONS] FILE
Invalid value for '--limit': 0 is not in the range x>=1.
""",
    "plot experiments/series.toml": """
experiments/series.toml:1:2: experiment: has no [[plots]]
  hint: a plot needs type, x-axis and y-axis
""",
    "show-machine all": """
"all" names 2 machines, not one
  hint: name one: m0, m1
""",
    "get-machine-attribute m1 internal": """
a machine has no attribute "internal"
  hint: did you mean "internal-addr"?
""",
    "connect all": """
"all" names 2 machines; connect takes one
  hint: for example wke connect m0
""",
    "cluster up -f ssh.toml": """
ssh.toml: cluster.provider: the machines of provider "ssh" exist already; only those of "local" and "command" are made
  hint: write provider = "local" in [cluster] to emulate the machines on this computer
""",
    "cluster upp": """
USAGE cluster [OPTIONS] COMMAND [ARGS]...
No such command 'upp'. Did you mean 'up'?
""",
    "init .": """
. has cluster.toml, kv/config.toml, kv/targets/load already; nothing was written
  hint: name an empty or new folder: wke init NAME
""",
    "mesure": """
USAGE [OPTIONS] COMMAND [ARGS]...
there is no command "mesure"; did you mean "measure"?
""",
    "check experiments/wrong.toml": """
experiments/wrong.toml:6:1: steps[0].target: configuration kv has no target "lod"
  hint: did you mean "load"?
experiments/wrong.toml:7:1: steps[0].on: selector "client" names "client", which is neither a machine nor a class
  hint: did you mean "clients"? machines: m0, m1; classes: servers, clients
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project without a mistake in `kv`, cluster.toml and experiments/series.toml, and with some beside them."""
    folder = tmp_path_factory.mktemp("wrong")
    project = Project(folder, CLUSTER, {"WKE_EMULATION_FOLDER": str(folder / "keepers")})
    project.targets(
        {"load": '["key", ["n", 1], { name = "how", default = "well", choices = ["well", "badly"] }]'},
        '[preludes]\nload = "Sets things"',
        load="true",
        stop="true",
        lost="",
    )
    (folder / "kv/targets/lost").unlink()
    project.write("kv/preludes/load", "true")
    project.write("ssh.toml", '[machines]\na = "host"\n')
    project.write("broken.toml", "[machines]\na = 5\n")
    project.write("broken/config.toml", "[targets]\nstop = 5\n")
    project.write("binary.toml", b"\xff\xfe\x00")
    project.write("experiments/series.toml", EXPERIMENT.replace("TARGET", "load").replace("ON", "clients"))
    project.write("experiments/wrong.toml", EXPERIMENT.replace("TARGET", "lod").replace("ON", "client"))
    return project


@pytest.mark.parametrize("command", CASES)
def test_wrong_input_is_told_in_full(project: Project, command: str) -> None:
    """What is wrong, where, and what would mend it."""
    done = project.wke(*shlex.split(command))
    assert done.err == CASES[command].removeprefix("\n").replace("USAGE", USAGE)
    assert (done.out, done.status) == ("", 2)
    assert not (project.folder / "keepers").exists()
    assert not (project.folder / "results").exists()


def test_a_file_that_may_not_be_read_is_told(project: Project) -> None:
    """Root may read all files; a link that leads nowhere stands for those that cannot be read."""
    (project.folder / "loop.toml").symlink_to("loop.toml")
    done = project.wke("show-cluster", "-f", "loop.toml")
    assert (done.out, done.status) == ("", 2)
    assert done.err == "loop.toml: cannot be read: Too many levels of symbolic links\n  hint: check its owner and mode\n"


def test_no_arguments_are_answered_with_help(project: Project) -> None:
    """The help, once, on stderr, and status 2."""
    done = project.wke()
    assert (done.out, done.status, done.err.count("Usage:")) == ("", 2, 1)
    assert "Exit status:" in done.err

"""What a user reads about a wrong cluster.toml or config.toml: the entire text, with file, line, column, key and hint."""

from pathlib import Path
from textwrap import dedent

import pytest

from wke.describe.cluster.cluster import read_cluster
from wke.describe.configuration.configuration import read_configuration
from wke.errors import InputError


def complaint(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> str:
    """Write a project, read its cluster.toml or else its configuration `kv`, and return what is said about it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).removeprefix("\n"))
    monkeypatch.chdir(folder)
    with pytest.raises(InputError) as caught:
        read_cluster(Path("cluster.toml")) if "cluster.toml" in files else read_configuration("kv", Path())
    assert caught.value.exit_status == 2
    return f"{caught.value}\n"


CLUSTERS = {
    "empty": (
        "",
        """
        cluster.toml: the cluster has no machines
          hint: write machines = 3 in [cluster], or a = "host" in [machines]
        """,
    ),
    "not-toml": (
        """
        [machines]
        node1 = host1
        """,
        """
        cluster.toml:2:9: is not TOML: Invalid value
          hint: put text in quotes: key = "text"; other values are numbers, true, false, [lists] and { tables }
        """,
    ),
    "unquoted-fold": (
        """
        [machines]
        node[1-3] = {}
        """,
        """
        cluster.toml:2:5: is not TOML: Expected '=' after a key in a key/value pair
          hint: a line is [table] or key = value; put keys with other characters than A-Z a-z 0-9 _ - in quotes: "node[1-3]"
        """,
    ),
    "limits": (
        """
        [cluster]
        machines = 2
        limits = "maybe"
        [limits]
        m0 = { cpus = 2, memory = "12", disk-rate = "fast", cores = [-1] }
        m1 = { cpu = 1 }
        """,
        """
        cluster.toml:3:1: cluster.limits: must be one of "require", "try", not the text "maybe"
        cluster.toml:5:18: limits.m0.memory: must be at least 1048576, not 12
        cluster.toml:5:33: limits.m0.disk-rate: must be a rate such as "50MB/s" or "1MiB/s", not the text "fast"
        cluster.toml:5:62: limits.m0.cores[0]: must be at least 0, not -1
        cluster.toml:6:8: limits.m1.cpu: unknown key
          hint: did you mean "cpus"?
        """,
    ),
    "limits-that-contradict": (
        """
        [cluster]
        machines = 2
        [limits]
        servers = { cpus = 1 }
        m0 = { cpus = 2, cores = [1] }
        m1 = { cores = [] }
        """,
        """
        cluster.toml:4:1: limits.servers: selector "servers" names "servers", which is neither a machine nor a class
          hint: machines: m0, m1
        cluster.toml:5:8: limits.m0.cpus: allows 2 processors, but lists only 1 of them in cores
          hint: lower cpus, or list more cores
        cluster.toml:6:8: limits.m1.cores: lists no core
          hint: list the numbers of cores, or remove the key
        """,
    ),
    "limits-of-real-machines": (
        """
        [cluster]
        limits = "try"
        [machines]
        a = "host"
        [limits]
        all = { cpus = 1 }
        """,
        """
        cluster.toml:2:1: cluster.limits: only emulated machines can be limited, not those of provider "ssh"
          hint: remove it, or write provider = "local" in [cluster]; machines of your own keep the limits that they have
        cluster.toml:5:2: limits: only emulated machines can be limited, not those of provider "ssh"
          hint: remove it, or write provider = "local" in [cluster]; machines of your own keep the limits that they have
        """,
    ),
    "many-mistakes-at-once": (
        """
        [cluster]
        provider = "slurn"
        usernam = "joe"
        ssh-port = "22"
        lease = "2 weeks"
        connect-limit = 0
        [machines]
        a = 5
        b = []
        c = ["x", ""]
        d = ["x", 5]
        e = ""
        f = { external-addr = "h", prot = 22 }
        g = "-oProxyCommand=evil"
        h = { external-addr = "h", ssh-port = 70000 }
        [classes]
        x = -1
        y = []
        z = true
        w = ["a", 5]
        [links]
        default = { dely = "1ms", loss = "150%", rate = "fast" }
        [machine]
        """,
        """
        cluster.toml:2:1: cluster.provider: must be one of "ssh", "local", "command", "slurm", not the text "slurn"
          hint: did you mean "slurm"?
        cluster.toml:3:1: cluster.usernam: unknown key
          hint: did you mean "username"?
        cluster.toml:4:1: cluster.ssh-port: must be a whole number, not the text "22"
          hint: write it without quotes: 22
        cluster.toml:5:1: cluster.lease: must be a duration such as "200ms", "5s" or "2h", not the text "2 weeks"
        cluster.toml:6:1: cluster.connect-limit: must be at least 1, not 0
        cluster.toml:8:1: machines.a: must be an address, not the number 5
          hint: write "host", ["external", "internal"] or { external-addr = "host" }
        cluster.toml:9:1: machines.b: must list one or two addresses, external and internal, not 0
        cluster.toml:10:11: machines.c[1]: must not be empty
        cluster.toml:11:11: machines.d[1]: must be an address, not the number 5
        cluster.toml:12:1: machines.e: must not be empty
        cluster.toml:13:28: machines.f.prot: unknown key
          hint: known: external-addr, internal-addr, class, ssh-port, username, python
        cluster.toml:14:1: machines.g: must be one word that does not start with a dash, not "-oProxyCommand=evil"
        cluster.toml:15:28: machines.h.ssh-port: must be at most 65535, not 70000
        cluster.toml:17:1: classes.x: asks for -1 machines; the smallest class has 0
        cluster.toml:19:1: classes.z: must be a list or a number of machines, not true
        cluster.toml:20:11: classes.w[1]: must be a machine's name, not the number 5
        cluster.toml:22:13: links.default.dely: unknown key
          hint: did you mean "delay"?
        cluster.toml:22:27: links.default.loss: must be a share between 0 and 1 (100%), not 150%
        cluster.toml:22:42: links.default.rate: must be a rate such as "10Mbit" or "1Gbit", not the text "fast"
        cluster.toml:23:2: machine: unknown key
          hint: did you mean "machines"?
        """,
    ),
    "names-and-what-they-mean": (
        """
        [cluster]
        usernam = "joe"
        [machines]
        all = "h"
        "node[1-2]" = "node[1-2].org"
        node1 = "other"
        "a b" = "h"
        "p[3-1]" = "h"
        "q[1-3]" = "q[1-2]"
        lost = { internal-addr = "10.0.0.1" }
        own = { external-addr = "h", class = "node2" }
        [classes]
        big = 20
        lost = ["node2"]
        some = ["node[2-3]", "own", "own"]
        [links]
        "some - own" = {}
        "some -> others" = {}
        """,
        """
        cluster.toml:2:1: cluster.usernam: unknown key
          hint: did you mean "username"?
        cluster.toml:4:1: machines.all: "all" is reserved and cannot be the name of a machine
        cluster.toml:6:1: machines.node1: machine "node1" is defined twice, the first time in line 5
        cluster.toml:7:1: machines."a b": "a b" cannot be the name of a machine: it contains a space or one of , ! & / [ ] or starts with a dash or a dot
        cluster.toml:8:1: machines."p[3-1]": the range 3-1 ends before it begins
        cluster.toml:9:1: machines."q[1-3]": means 3 machines, but its external-addr means 2
        cluster.toml:10:1: machines.lost: has no external-addr, which wke connects to
          hint: write external-addr = "host", or provider = "local" in [cluster] for emulated machines
        cluster.toml:11:30: machines.own.class: "node2" is already the name of a machine
        cluster.toml:13:1: classes.big: asks for 20 machines, but only 4 of 6 machines are in no other class
        cluster.toml:14:1: classes.lost: "lost" is already the name of a machine
        cluster.toml:15:9: classes.some[0]: there is no machine "node3"
          hint: did you mean "node2"?
        cluster.toml:15:29: classes.some[2]: lists machine "own" twice
        cluster.toml:17:1: links."some - own": "some - own" is not a link
          hint: write "clients -> servers", selectors on both sides, or default
        cluster.toml:18:1: links."some -> others": selector "others" names "others", which is neither a machine nor a class
          hint: machines: all, node1, node2, a b, lost, own; classes: big, lost, some, node2
        """,
    ),
    "pythons": (
        """
        [cluster]
        python = { all = "bin/python3", others = "python3", m0 = 3 }
        [machines]
        m0 = { external-addr = "h", python = "-I" }
        """,
        """
        cluster.toml:2:12: cluster.python.all: must be an absolute path or a name in $PATH, not "bin/python3"
        cluster.toml:2:53: cluster.python.m0: must be text, not the number 3
          hint: write it in quotes: "3"
        cluster.toml:4:29: machines.m0.python: must be one word that does not start with a dash, not "-I"
        """,
    ),
    "pythons-of-nothing": (
        """
        [cluster]
        python = { others = "python3" }
        [machines]
        m0 = "h"
        """,
        """
        cluster.toml:2:12: cluster.python.others: selector "others" names "others", which is neither a machine nor a class
          hint: machines: m0
        """,
    ),
    "python-is-no-program": (
        """
        [cluster]
        python = 3
        [machines]
        m0 = "h"
        """,
        """
        cluster.toml:2:1: cluster.python: must be a program or a table of programs by selectors, not the number 3
          hint: write "/opt/python3.12/bin/python3"
        """,
    ),
    "machines-twice": (
        """
        [cluster]
        machines = 3
        [machines]
        a = "h"
        """,
        """
        cluster.toml:2:1: cluster.machines: machines are given here and in [machines]
          hint: keep one of the two
        """,
    ),
    "machines-in-the-wrong-place": (
        "machines = 5",
        """
        cluster.toml:1:1: machines: must be a table or a list of machines, not the number 5
          hint: to ask for this number of machines, write machines = 5 in [cluster]
        """,
    ),
    "a-list-of-machines": (
        """
        machines = [
            "a",
            "a",
            { internal-addr = "b" },
        ]
        """,
        """
        cluster.toml:3:5: machines[1]: machine "a" is defined twice, the first time in line 2
        cluster.toml:4:5: machines[2]: has no external-addr, which in a list of machines is also the name
        """,
    ),
    "no-address-where-we-should-connect": (
        """
        [cluster]
        provider = "ssh"
        machines = 3
        """,
        """
        cluster.toml:3:1: cluster.machines: has no external-addr, which wke connects to
          hint: write external-addr = "host", or provider = "local" in [cluster] for emulated machines
        """,
    ),
    "class-all": (
        """
        [cluster]
        machines = 3
        [classes]
        all = 2
        """,
        """
        cluster.toml:4:1: classes.all: "all" is reserved and cannot be the name of a class
        """,
    ),
}

CONFIGURATIONS = {
    "no-folder": (
        {"kvs/config.toml": "", "redis/config.toml": ""},
        """
        there is no configuration "kv": kv is not a folder
          hint: did you mean "kvs"?
        """,
    ),
    "no-file": (
        {"kv/README": ""},
        """
        kv/config.toml: there is no such file
          hint: no .toml file is in kv
        """,
    ),
    "many-mistakes-at-once": (
        {
            "kv/config.toml": """
            [config]
            default-preludes = "env"
            inherits = 5
            [ubuntu]
            required-packages = "git"
            required-repositories = ["ppa:x", ""]
            [preludes]
            env = 5
            [targets]
            a = "script"
            b = [5]
            c = [["x", 1, 2]]
            d = [["x", []]]
            e = [""]
            f = [{ default = 1 }]
            g = [{ name = "x", type = "integr" }]
            h = { option = [] }
            i = [{ name = "x", choices = 5 }]
            """
        },
        """
        kv/config.toml:2:1: config.default-preludes: unknown key
          hint: did you mean "default-prelude"?
        kv/config.toml:3:1: config.inherits: must be text, not the number 5
          hint: write it in quotes: "5"
        kv/config.toml:5:1: ubuntu.required-packages: must be a list, not the text "git"
          hint: write it in brackets: ["git"]
        kv/config.toml:6:35: ubuntu.required-repositories[1]: must be one line that is not empty
        kv/config.toml:8:1: preludes.env: must be a description, not the number 5
          hint: write "what it does" or { about = "what it does" }
        kv/config.toml:10:1: targets.a: must be a list of options or a table, not the text "script"
          hint: write [] for a target without options
        kv/config.toml:11:6: targets.b[0]: must be an option, not the number 5
          hint: write "name", ["name", default] or { name = "name" }
        kv/config.toml:12:6: targets.c[0]: must be a name, or a name and a default, not 3 values
          hint: write ["name", default]
        kv/config.toml:13:12: targets.d[0][1]: must be a default: text, a number, true or false, not a list
        kv/config.toml:14:6: targets.e[0]: must not be empty: it is the name of an option
        kv/config.toml:15:6: targets.f[0].name: is missing
        kv/config.toml:16:20: targets.g[0].type: must be one of "bool", "boolean", "str", "string", "int", "integer", "float", "any", not the text "integr"
          hint: did you mean "integer"?
        kv/config.toml:17:7: targets.h.option: unknown key
          hint: did you mean "options"?
        kv/config.toml:18:20: targets.i[0].choices: must be a list, not the number 5
        """,
    ),
    "names-and-what-they-mean": (
        {
            "kv/preludes/env": "",
            "kv/config.toml": """
            [config]
            default-prelude = "evn"
            inherit = "base"
            [preludes]
            help = "no"
            env = "yes"
            [targets]
            all = []
            copy-data = []
            "a/b" = []
            "a,b" = []
            start = ["x", ["x", 1], { name = "x=y" }]
            stop = [{ name = "how", choices = ["soft", "hard"], default = "sofd" }]
            load = [{ name = "n", type = "int", default = "many" }, { name = "m", type = "bool", choices = [true, 1] }]
            size = { options = [{ name = "s", choices = [] }, ["where", "@NAMES"]] }
            """,
        },
        """
        kv/config.toml:2:1: config.default-prelude: there is no prelude "evn"
          hint: did you mean "env"?
        kv/config.toml:3:1: config.inherit: unknown key
          hint: did you mean "inherits"?
        kv/config.toml:5:1: preludes.help: "help" is reserved and cannot be the name of a prelude
          hint: choose another name
        kv/config.toml:8:1: targets.all: "all" is reserved and cannot be the name of a target
          hint: choose another name
        kv/config.toml:9:1: targets.copy-data: "copy-data" is reserved and cannot be the name of a target
          hint: choose another name
        kv/config.toml:10:1: targets."a/b": "a/b" cannot be the name of a target
          hint: names are file names without , and +
        kv/config.toml:11:1: targets."a,b": "a,b" cannot be the name of a target
          hint: names are file names without , and +
        kv/config.toml:12:15: targets.start[1]: option "x" is defined twice
          hint: remove or rename one of the two
        kv/config.toml:12:25: targets.start[2]: "x=y" cannot be the name of an option
          hint: leave out the equals sign
        kv/config.toml:13:53: targets.stop[0].default: must be one of "soft", "hard", not the text "sofd"
        kv/config.toml:14:37: targets.load[0].default: must be a whole number, not the text "many"
        kv/config.toml:14:103: targets.load[1].choices[1]: must be true or false, not the number 1
          hint: choices are of the option's type
        kv/config.toml:15:35: targets.size.options[0].choices: must not be empty
          hint: leave it out to allow every value
        kv/config.toml:15:51: targets.size.options[1].default: there is no macro @NAMES
          hint: did you mean "@NAME"?
        """,
    ),
    "circle": (
        {
            "kv/config.toml": '[config]\ninherits = "b"',
            "b/config.toml": '[config]\ninherits = "c"',
            "c/config.toml": '[config]\ninherits = "b"',
        },
        """
        c/config.toml:2:1: config.inherits: inherits in a circle: b -> c -> b
          hint: remove inherits from one of them
        """,
    ),
    "inherits-itself": (
        {"kv/config.toml": '[config]\ninherits = "kv"'},
        """
        kv/config.toml:2:1: config.inherits: inherits in a circle: kv -> kv
          hint: remove inherits from one of them
        """,
    ),
    "inherits-nobody": (
        {"kv/config.toml": '[config]\ninherits = "bose"\ndefault-prelude = "env"', "base/config.toml": ""},
        """
        kv/config.toml:2:1: config.inherits: there is no configuration "bose": bose is not a folder
          hint: did you mean "base"?
        kv/config.toml:3:1: config.default-prelude: there is no prelude "env"
          hint: none is defined
        """,
    ),
    "inherits-from-elsewhere": (
        {"kv/config.toml": '[config]\ninherits = "../kv"'},
        """
        kv/config.toml:2:1: config.inherits: must be the name of a sibling folder, not "../kv"
        """,
    ),
    "parent-and-child-are-wrong": (
        {
            "kv/config.toml": '# a comment\n\n\n[config]\ninherits = "base"\n[targts]',
            "base/config.toml": "[targets]\na = 5\nb = 6",
        },
        """
        kv/config.toml:6:2: targts: unknown key
          hint: did you mean "targets"?
        base/config.toml:2:1: targets.a: must be a list of options or a table, not the number 5
          hint: write [] for a target without options
        base/config.toml:3:1: targets.b: must be a list of options or a table, not the number 6
          hint: write [] for a target without options
        """,
    ),
    "default-prelude-without-a-script": (
        {"kv/config.toml": '[config]\ndefault-prelude = "env"\n[preludes]\nenv = "sets PATH"'},
        """
        kv/config.toml:2:1: config.default-prelude: prelude "env" has no script
          hint: write kv/preludes/env
        """,
    ),
}


@pytest.mark.parametrize("case", CLUSTERS)
def test_a_wrong_cluster_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Every mistake of the file is told, in the order of lines."""
    text, expected = CLUSTERS[case]
    assert complaint(tmp_path, monkeypatch, {"cluster.toml": text}) == dedent(expected).removeprefix("\n")


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_wrong_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Every mistake of the file and of those it inherits from is told, its own first."""
    files, expected = CONFIGURATIONS[case]
    assert complaint(tmp_path, monkeypatch, files) == dedent(expected).removeprefix("\n")

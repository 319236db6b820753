"""The presets of `via`: argument lists by name that start a program on a machine which is no ssh host.

A word may hold placeholders: facts of the machine (FACTS), and settings of the preset, whose values may hold facts again. Words in a tuple
of their own are left out unless the file gives all their settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field

from wke.values import dataclass

FACTS = ("name", "index", "external-addr", "internal-addr", "username")

Part = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preset:
    """One way to start a program: its words, the settings that have a default, and which of `needs` at least one must be given.

    For a person's shell `terminal` has words to take instead of others. `shares_disk` says that its machines write to this computer's
    disk; `lacks` is what its machines do not have, in a sentence.
    """

    words: Sequence[Part]
    defaults: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[str] = ()
    terminal: Mapping[str, str] = field(default_factory=dict)
    shares_disk: bool = False
    lacks: str = ""


PRESETS: Mapping[str, Preset] = {
    "docker": Preset(
        ("docker", ("--context={context}",), "exec", "-i", ("--user={user}",), "{container}"),
        {"container": "{name}"},
        terminal={"-i": "-it"},
    ),
    "podman": Preset(
        ("podman", ("--connection={connection}",), "exec", "-i", ("--user={user}",), "{container}"),
        {"container": "{name}"},
        terminal={"-i": "-it"},
    ),
    "kubectl": Preset(
        (
            "kubectl",
            ("--context={context}",),
            ("--namespace={namespace}",),
            *("exec", "-i", "{pod}"),
            ("--container={container}",),
            "--",
        ),
        {"pod": "{name}"},
        terminal={"-i": "-it"},
        lacks="a pod that was replaced is another machine: its disk and its processes are gone",
    ),
    "lxc": Preset(
        ("lxc", ("--project={project}",), "exec", "--mode=non-interactive", ("--user={user}",), "{container}", "--"),
        {"container": "{name}"},
        terminal={"--mode=non-interactive": "--mode=interactive"},
    ),
    "nsenter": Preset(
        (
            "nsenter",
            ("--target={target}", "--mount", "--uts", "--ipc", "--net", "--pid"),
            ("--mount={mount}",),
            ("--net={net}",),
            "--",
        ),
        needs=("target", "mount", "net"),
        shares_disk=True,
        lacks="they share this computer's processors, memory and clock, and every namespace that is not entered",
    ),
    "sudo": Preset(
        ("sudo", "-n", "-H", ("--user={user}",), "--"),
        shares_disk=True,
        lacks="they are this computer itself: its address, ports, disks and processes",
    ),
}

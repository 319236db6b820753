"""A wke project with one target that does nothing; old wke can read it too."""

from pathlib import Path

from fleet import Fleet

CONFIG = "nothing"
TARGET = "true"
IN_BASH = "true-in-bash"  # old wke accepts no other shell


def write_project(folder: Path, script: str = "#!/bin/sh\ntrue\n", **clusters: str) -> Path:
    """Write the configuration, whose target has this script, and one cluster file NAME.toml per keyword; return the folder."""
    targets = folder / CONFIG / "targets"
    targets.mkdir(parents=True)
    (folder / CONFIG / "config.toml").write_text(f"[targets]\n{TARGET} = []\n{IN_BASH} = []\n")
    (targets / TARGET).write_text(script)
    (targets / IN_BASH).write_text("#!/usr/bin/env bash\ntrue\n")
    (folder / "logs").mkdir()  # old wke needs it
    for name, text in clusters.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def emulated_cluster(count: int) -> str:
    """Return the cluster file of `count` machines emulated here."""
    return f'[cluster]\nprovider = "local"\nmachines = {count}\n'


def ssh_cluster(fleet: Fleet) -> str:
    """Return the cluster file of a fleet for old wke, which finds key and known_hosts in its HOME."""
    machines = "".join(f'm{number} = "{host}"\n' for number, host in enumerate(fleet.hosts))
    return f'[cluster]\nusername = "{fleet.user}"\nssh-port = {fleet.port}\nworkdir = "{fleet.home}"\n[machines]\n{machines}'


def configured_ssh_cluster(fleet: Fleet) -> str:
    """Return the same for this wke, which passes the fleet's configuration file to OpenSSH."""
    return ssh_cluster(fleet).replace("[machines]", f'ssh-options = ["-F", "{fleet.config}"]\n[machines]')

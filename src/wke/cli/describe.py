"""`wke show-cluster`, `show-machine`, `show-config`, `get-machine-attribute`: print what the files say."""

import shlex
from pathlib import Path

import click

from wke.cli.options import as_json, project
from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, facts_of, read_cluster
from wke.describe.cluster.selector import select
from wke.describe.configuration.configuration import ConfigurationSpec, OptionSpec, read_configuration
from wke.errors import InputError, did_you_mean
from wke.tell.terminal.console import Printer


def machine_facts(machine: MachineSpec, cluster: ClusterSpec) -> dict[str, object]:
    """Return what the file says about a machine; None for what it leaves to ssh or to wke."""
    return {
        "external-addr": machine.external_addr,
        "internal-addr": machine.internal_addr,
        "index": machine.index,
        "classes": list(machine.classes),
        "ssh-port": machine.ssh_port or cluster.ssh_port,
        "username": machine.username or cluster.username,
        "workdir": cluster.workdir,
        "python": machine.python,
        **({} if machine.via is None else {"via": list(machine.via.filled(facts_of(machine, cluster.username)))}),
    }


@click.command()
@project
@as_json
def show_cluster(cluster_file: Path, *, as_json: bool) -> None:
    """Print the cluster's machines, addresses and classes."""
    cluster = read_cluster(cluster_file)
    out = Printer()
    if as_json:
        machines = {m.name: machine_facts(m, cluster) for m in cluster.machines}
        classes = {name: list(members) for name, members in cluster.classes.items()}
        noted = {"notes": list(cluster.notes)} if cluster.notes else {}
        out.document({"provider": cluster.provider, "machines": machines, "classes": classes, **noted})
        return
    rows = [("machine", "index", "external", "internal", "classes")]
    rows += [(m.name, str(m.index), m.external_addr or "–", m.internal_addr or "–", ", ".join(m.classes) or "–") for m in cluster.machines]
    out.table(rows)
    for note in cluster.notes:
        out.talk(note)


@click.command()
@click.argument("machine")
@project
@as_json
def show_machine(machine: str, cluster_file: Path, *, as_json: bool) -> None:
    """Print what cluster.toml says about MACHINE."""
    facts = _facts(machine, cluster_file)
    out = Printer()
    if as_json:
        out.document(facts)
    else:
        out.table([(name, _text(name, value)) for name, value in facts.items()])


@click.command()
@click.argument("machine")
@click.argument("attribute")
@project
def get_machine_attribute(machine: str, attribute: str, cluster_file: Path) -> None:
    """Print one ATTRIBUTE of MACHINE, such as external-addr; `show-machine` prints all of them."""
    facts = _facts(machine, cluster_file)
    if attribute not in facts:
        raise InputError(f'a machine has no attribute "{attribute}"', hint=did_you_mean(attribute, facts))
    Printer().data(_text(attribute, facts[attribute]))


@click.command()
@click.argument("config")
@click.option("-v", "--verbose", is_flag=True, help="Also print the options of targets.")
@project
@as_json
def show_config(config: str, cluster_file: Path, *, verbose: bool, as_json: bool) -> None:  # noqa: ARG001 - all commands accept it
    """Print the targets, options and preludes of configuration CONFIG."""
    configuration = read_configuration(config, Path())
    out = Printer()
    if as_json:
        out.document(_config_json(configuration, verbose=verbose))
    else:
        for line in _config_lines(configuration, verbose=verbose):
            out.data(line)
    for warning in configuration.warnings:
        out.talk(f"warning: {warning}")


def _facts(machine: str, cluster_file: Path) -> dict[str, object]:
    cluster = read_cluster(cluster_file)
    found = select(cluster, machine)
    if len(found) != 1:
        raise InputError(f'"{machine}" names {len(found)} machines, not one', hint="name one: " + ", ".join(m.name for m in found[:5]))
    return machine_facts(found[0], cluster)


def _text(name: str, value: object) -> str:
    if isinstance(value, list):
        return shlex.join(value) if name == "via" else ",".join(map(str, value))
    return "" if value is None else str(value)


def _config_json(configuration: ConfigurationSpec, *, verbose: bool) -> dict[str, object]:
    targets = configuration.targets.values()
    facts: dict[str, object] = {
        "preludes": {prelude.name: prelude.about for prelude in configuration.preludes.values()},
        "targets": {t.name: {"about": t.about, "options": [_option_json(o) for o in t.options]} if verbose else t.about for t in targets},
    }
    if configuration.default_prelude:
        facts["default-prelude"] = configuration.default_prelude
    ubuntu = {"required-packages": configuration.required_packages, "required-repositories": configuration.required_repositories}
    if any(ubuntu.values()):
        facts["ubuntu"] = {key: list(value) for key, value in ubuntu.items() if value}
    return facts


def _option_json(option: OptionSpec) -> dict[str, object]:
    if option.required:
        return {"name": option.name, "required": True}
    return {"name": option.name, "required": False, "default-value": option.default}


def _config_lines(configuration: ConfigurationSpec, *, verbose: bool) -> list[str]:
    lines = ["targets:"]
    for target in configuration.targets.values():
        lines.append(f"  {target.name}: {target.about}")
        lines += [f"    {_option_words(option)}" for option in target.options if verbose]
    if configuration.preludes:
        lines.append("preludes:")
    for prelude in configuration.preludes.values():
        default = " (default)" if prelude.name == configuration.default_prelude else ""
        lines.append(f"  {prelude.name}{default}: {prelude.about}")
    return lines


def _option_words(option: OptionSpec) -> str:
    value = "required" if option.required else f"default {option.default!r}"
    choices = f", one of {', '.join(map(str, option.choices))}" if option.choices else ""
    about = f": {option.about}" if option.about else ""
    secret = ", secret" if option.secret else ""
    return f"{option.name} ({option.value_type}, {value}{choices}{secret}){about}"

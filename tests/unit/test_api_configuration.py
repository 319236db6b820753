"""Configurations as scripts see them."""

from pathlib import Path

import pytest

from wke import Configuration, ConfigurationError

TOML = """
[config]
default-prelude = "env"
[ubuntu]
required-packages = ["gcc"]
required-repositories = ["ppa:x/y"]
[preludes]
env = "What all need"
[targets]
plain = []
[targets.load]
about = "Make load"
arguments = [["clients", 4], { name = "mode", choices = ["a", "b"] }, ["address"]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration `kv`."""
    for name, content in {
        "config.toml": TOML,
        "targets/plain": "echo hi\n",
        "targets/load": "#!/bin/bash\n",
        "preludes/env": ":\n",
    }.items():
        (tmp_path / "kv" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "kv" / name).write_text(content)
    return tmp_path


def test_a_configuration_says_what_its_folder_holds(folder: Path) -> None:
    """Names, targets, preludes, packages; the built-in target is found but not listed."""
    config = Configuration("kv", base_path=folder)
    assert (config.name, config.target_names, config.prelude_names, config.default_prelude) == ("kv", ["plain", "load"], ["env"], "env")
    assert (config.required_ubuntu_packages, config.required_ubuntu_repositories) == (["gcc"], ["ppa:x/y"])
    assert [target.name for target in config.targets] == config.target_names
    assert config.get_target("nope") is None
    assert config.get_target("install-packages").about == "Install the required debian packages"


def test_a_target_says_what_it_takes(folder: Path) -> None:
    """Options in the order of the definition, under both names; an option's type follows from its default, but not that of `arguments`."""
    target = Configuration("kv", folder).get_target("load")
    assert (target.about, target.command, target.option_names) == ("Make load", "#!/bin/bash\n", ["clients", "mode", "address"])
    assert (target.arguments, target.argument_names) == (target.options, target.option_names)
    clients, mode, _ = target.options
    assert (clients.default_value, clients.required, clients.value_type) == (4, False, "any")
    assert (mode.default_value, mode.required, mode.choices) == (None, True, ("a", "b"))
    assert target.get_option("mode") == mode
    assert target.get_option("nope") is None
    assert Configuration("kv", folder).get_target("plain").command == "echo hi\n"
    (folder / "kv" / "config.toml").write_text(TOML.replace("arguments", "options"))
    assert Configuration("kv", folder).get_target("load").options[0].value_type == "int"


def test_a_wrong_configuration_is_a_configuration_error(folder: Path) -> None:
    """Missing, or wrong inside."""
    with pytest.raises(ConfigurationError, match='there is no configuration "nope"'):
        Configuration("nope", folder)
    (folder / "kv" / "config.toml").write_text(TOML + "option = 1\n")
    with pytest.raises(ConfigurationError, match=r"config.toml:14:1: targets.load.option: unknown key"):
        Configuration("kv", folder)

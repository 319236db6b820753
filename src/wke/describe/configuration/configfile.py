"""The shape of config.toml and its short forms. Checks that involve several keys are in configuration.py."""

from collections.abc import Mapping
from typing import Annotated

from wke.describe.configuration.optionvalue import TYPE_NAMES, Scalar, TypeName, ValueType
from wke.describe.toml.shape import After, Before, FlawError, Items, Name, TableModel
from wke.describe.toml.wording import quoted, shown
from wke.documents import TomlValue
from wke.errors import did_you_mean


def _scalar(value: TomlValue) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        raise FlawError(f"must be text, a number, true or false, not {shown(value)}")
    return value


def _value_type(value: TomlValue) -> ValueType:
    if not isinstance(value, str) or value not in TYPE_NAMES:
        known = ", ".join(map(quoted, TYPE_NAMES))
        near = did_you_mean(value, TYPE_NAMES) if isinstance(value, str) else ""
        raise FlawError(f"must be one of {known}, not {shown(value)}", near if near.startswith("did") else None)
    return TYPE_NAMES[value]


AnyScalar = Annotated[Scalar, Before(_scalar, Scalar)]


class OptionEntry(TableModel):
    """One option."""

    name: Name
    """Its name. The script gets its value as an argument, in the order of this list, and in the environment as WKE_OPTION_<NAME>."""
    default: AnyScalar | None = None  # `given` tells whether there is one
    """Its value if none is given; an option without a default is required. It may be a macro such as `@NAME`."""
    type: Annotated[ValueType, Before(_value_type, TypeName)] | None = None
    """The type of its values; by default the type of the default, else of the choices."""
    choices: Items[AnyScalar] | None = None
    """The values that it may have."""
    required: bool | None = None
    """Whether a value must be given; by default only if it has no default. An optional option without a default is the empty text."""
    about: str | None = None
    """A one-line description."""
    secret: bool = False
    """Whether its value is never shown or stored. The script finds it in the environment only: its argument is the variable's name."""


def _as_option_table(value: TomlValue) -> TomlValue:
    """Turn the short forms `"name"`, `["name"]` and `["name", default]` into a table."""
    if isinstance(value, str):
        if not value:
            raise FlawError("must not be empty: it is the name of an option")
        return {"name": value}
    if isinstance(value, list):
        if len(value) not in {1, 2}:
            raise FlawError(f"must be a name, or a name and a default, not {len(value)} values", 'write ["name", default]')
        if not isinstance(value[0], str) or not value[0]:
            raise FlawError(f"must be an option's name, not {shown(value[0])}", key=(0,))
        if not isinstance(value[-1], bool | int | float | str):
            raise FlawError(f"must be a default: text, a number, true or false, not {shown(value[-1])}", key=(1,))
        return dict(zip(("name", "default"), value, strict=False))
    if not isinstance(value, dict):
        raise FlawError(f"must be an option, not {shown(value)}", 'write "name", ["name", default] or { name = "name" }')
    return value


OptionForm = Annotated[OptionEntry, Before(_as_option_table, str | list[Scalar] | OptionEntry)]


class TargetEntry(TableModel):
    """One target."""

    about: str | None = None
    """A one-line description."""
    options: Items[OptionForm] | None = None
    """Its options, in the order in which the script gets their values."""


def _as_target_table(value: TomlValue) -> TomlValue:
    """Turn the short form, a list of options, into a table."""
    if isinstance(value, list):
        return {"options": value}
    if not isinstance(value, dict):
        raise FlawError(f"must be a list of options or a table, not {shown(value)}", "write [] for a target without options")
    return value


TargetForm = Annotated[TargetEntry, Before(_as_target_table, list[OptionForm] | TargetEntry)]


class PreludeEntry(TableModel):
    """One prelude."""

    about: str | None = None
    """A one-line description."""


def _as_prelude_table(value: TomlValue) -> TomlValue:
    """Turn the short form, a description, into a table."""
    if isinstance(value, str):
        return {"about": value}
    if not isinstance(value, dict):
        raise FlawError(f"must be a description, not {shown(value)}", 'write "what it does" or { about = "what it does" }')
    return value


PreludeForm = Annotated[PreludeEntry, Before(_as_prelude_table, str | PreludeEntry)]


def _one_line(value: str) -> str:
    """Refuse texts of several lines."""
    if not value.strip() or "\n" in value:
        raise FlawError("must be one line that is not empty")
    return value


OneLine = Annotated[str, After(_one_line)]


class UbuntuSection(TableModel):
    """What `install-packages` installs."""

    required_packages: Items[OneLine] | None = None
    """Debian packages."""
    required_repositories: Items[OneLine] | None = None
    """Arguments of `apt-add-repository`; repositories are added before packages are installed."""


class ConfigSection(TableModel):
    """Settings of the whole configuration."""

    default_prelude: Name | None = None
    """The prelude that runs before each target, unless a step or `--prelude` names another one."""
    inherits: Name | None = None
    """A sibling folder whose definitions this configuration inherits, except for those that this file repeats."""
    versions: Mapping[str, OneLine] = {}
    """NAME = a command that prints a version, such as `etcd = "etcd --version"`. `wke measure` runs it for each deployment on every machine
    that takes part, after the default prelude, and stores what it prints. Results do not depend on it."""


class ConfigurationFile(TableModel):
    """All of config.toml."""

    config: ConfigSection = ConfigSection()
    """Settings of the whole configuration."""
    ubuntu: UbuntuSection = UbuntuSection()
    """What the built-in target `install-packages` installs."""
    preludes: Mapping[str, PreludeForm] = {}
    """NAME = a description or a table. The shell lines are in `preludes/NAME`."""
    targets: Mapping[str, TargetForm] = {}
    """NAME = a list of options or a table. The script is `targets/NAME`, or `targets/name_with_underscores.py`."""

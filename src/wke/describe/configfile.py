"""The shape of config.toml, its short forms spelled out. What its words mean together is configuration.py's business."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from wke.describe.optionvalue import TYPE_NAMES, Scalar, TypeName, ValueType
from wke.describe.tables import FlawError, Items, TableModel
from wke.describe.wording import quoted, shown
from wke.errors import did_you_mean


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise FlawError(f"must be text, a number, true or false, not {shown(value)}")
    return value


def _value_type(value: Any) -> Any:
    if not isinstance(value, str) or value not in TYPE_NAMES:
        known = ", ".join(map(quoted, TYPE_NAMES))
        near = did_you_mean(value, TYPE_NAMES) if isinstance(value, str) else ""
        raise FlawError(f"must be one of {known}, not {shown(value)}", near if near.startswith("did") else None)
    return TYPE_NAMES[value]


AnyScalar = Annotated[Any, BeforeValidator(_scalar, json_schema_input_type=Scalar)]
NonEmpty = Annotated[str, Field(min_length=1)]


class OptionEntry(TableModel):
    """One option."""

    name: NonEmpty
    default: AnyScalar = None  # `model_fields_set` tells whether there is one
    type: Annotated[ValueType, BeforeValidator(_value_type, json_schema_input_type=TypeName)] | None = None
    choices: Items[AnyScalar] | None = None
    required: bool | None = None
    about: str | None = None


def _as_option_table(value: Any) -> Any:
    """Turn `"name"`, `["name"]` and `["name", default]` into the table they are short for."""
    if isinstance(value, str):
        if not value:
            raise FlawError("must not be empty: it is an option's name")
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


OptionForm = Annotated[OptionEntry, BeforeValidator(_as_option_table, json_schema_input_type=str | list[Scalar] | OptionEntry)]


class TargetEntry(TableModel):
    """One target."""

    about: str | None = None
    options: Items[OptionForm] | None = None


def _as_target_table(value: Any) -> Any:
    """Turn a list of options into the table it is short for."""
    if isinstance(value, list):
        return {"options": value}
    if not isinstance(value, dict):
        raise FlawError(f"must be a list of options or a table, not {shown(value)}", "write [] for a target without options")
    return value


TargetForm = Annotated[TargetEntry, BeforeValidator(_as_target_table, json_schema_input_type=list[OptionForm] | TargetEntry)]


class PreludeEntry(TableModel):
    """One prelude."""

    about: str | None = None


def _as_prelude_table(value: Any) -> Any:
    """Turn a description into the table it is short for."""
    if isinstance(value, str):
        return {"about": value}
    if not isinstance(value, dict):
        raise FlawError(f"must be a description, not {shown(value)}", 'write "what it does" or { about = "what it does" }')
    return value


PreludeForm = Annotated[PreludeEntry, BeforeValidator(_as_prelude_table, json_schema_input_type=str | PreludeEntry)]


def _one_line(value: str) -> str:
    """Refuse what cannot be passed on line by line."""
    if not value.strip() or "\n" in value:
        raise FlawError("must be one line that is not empty")
    return value


OneLine = Annotated[str, AfterValidator(_one_line)]


class UbuntuSection(TableModel):
    """What `install-packages` installs."""

    required_packages: Items[OneLine] | None = None
    required_repositories: Items[OneLine] | None = None


class ConfigSection(TableModel):
    """What holds for the configuration as a whole."""

    default_prelude: NonEmpty | None = None
    inherits: NonEmpty | None = None


class ConfigurationFile(TableModel):
    """All of config.toml."""

    config: ConfigSection = ConfigSection()
    ubuntu: UbuntuSection = UbuntuSection()
    preludes: Mapping[str, PreludeForm] = Field(default_factory=dict)
    targets: Mapping[str, TargetForm] = Field(default_factory=dict)

"""A configuration as synchronous scripts see it: its targets and their options."""

from pathlib import Path

from wke.api.scripterrors import ConfigurationError
from wke.describe.configuration import configuration as describe
from wke.describe.configuration.optionvalue import Scalar
from wke.errors import InputError
from wke.legacy.names import OldTargetNames
from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a target takes. `default_value` is None if there is none, `choices` is empty if any value of its type is allowed."""

    name: str
    default_value: Scalar | None
    required: bool
    choices: tuple[Scalar, ...]
    value_type: str


@dataclass(frozen=True, slots=True)
class Target(OldTargetNames):
    """A script. `command` is its text."""

    name: str
    about: str
    command: str
    options: tuple[Option, ...]

    @property
    def option_names(self) -> list[str]:
        """The names of its options, in the order in which the script gets them."""
        return [option.name for option in self.options]

    def get_option(self, name: str) -> Option | None:
        """Return an option by its name, None if there is none."""
        return next((option for option in self.options if option.name == name), None)


class Configuration:
    """The folder `name` in `base_path`, read when this is made. Raises ConfigurationError with all that is wrong in it."""

    def __init__(self, name: str, base_path: str | Path = ".") -> None:
        try:
            self.description = describe.read_configuration(name, Path(base_path))
        except InputError as error:
            raise ConfigurationError(*error.problems) from error

    def __repr__(self) -> str:
        return f"Configuration({self.name!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.description.name

    @property
    def targets(self) -> list[Target]:
        """The targets that the configuration and its parents define."""
        return [_target(target) for target in self.description.targets.values() if not target.builtin]

    @property
    def target_names(self) -> list[str]:
        """The names of these targets."""
        return [target.name for target in self.targets]

    def get_target(self, name: str) -> Target | None:
        """Return a target by its name, built-in ones too; None if there is none."""
        target = self.description.targets.get(name)
        return None if target is None else _target(target)

    @property
    def prelude_names(self) -> list[str]:
        """The names of the preludes."""
        return list(self.description.preludes)

    @property
    def default_prelude(self) -> str | None:
        """The prelude that runs before a target unless another one is asked for."""
        return self.description.default_prelude

    @property
    def required_ubuntu_packages(self) -> list[str]:
        """The packages that `install-packages` installs."""
        return list(self.description.required_packages)

    @property
    def required_ubuntu_repositories(self) -> list[str]:
        """The repositories that `install-packages` adds before."""
        return list(self.description.required_repositories)


def _target(target: describe.TargetSpec) -> Target:
    options = tuple(Option(o.name, o.default, o.required, o.choices, o.value_type) for o in target.options)
    return Target(target.name, target.about, (target.content or b"").decode(errors="replace"), options)

"""Names that wke 0.1 had for things with a better one now: base classes of what has them."""

from collections.abc import Iterable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Target(Protocol[T_co]):
    @property
    def options(self) -> tuple[T_co, ...]:
        """Its options."""

    @property
    def option_names(self) -> list[str]:
        """Their names."""


class OldTargetNames:
    """Options used to be called arguments."""

    __slots__ = ()

    @property
    def arguments(self: _Target[T]) -> tuple[T, ...]:
        """The same as `options`."""
        return self.options

    @property
    def argument_names(self: _Target[T]) -> list[str]:
        """The same as `option_names`."""
        return self.option_names


def told_apart(given: Iterable[object]) -> dict[str, Any]:
    """Return arguments of a session's methods under their names, in whatever order a version of wke 0.1 took them."""
    kinds = ((Mapping, "options"), (str, "prelude"), (bool, "quiet_fail"), (int | float, "timeout"), (object, "config"))
    return {next(name for kind, name in kinds if isinstance(value, kind)): value for value in given if value is not None}


class _Session(Protocol[P, T_co]):
    def background_run(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Start a target in the background."""
        ...


class OldSessionNames:
    """`background_run` used to be called `run_background`."""

    def run_background(self: _Session[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same as `background_run`."""
        return self.background_run(*args, **kwargs)

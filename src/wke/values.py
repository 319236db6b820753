"""Frozen values: `dataclass` as in `dataclasses`, made in a third of the time.

The standard library compiles six methods for every frozen class. That takes 0.8 ms, and a command makes up to 200 classes before it does
anything. Here `__init__` alone is compiled; the other methods are closures, and work alike.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, repr: bool = True, eq: bool = True) -> Any:  # noqa: A002
        """Return the class as `dataclasses.dataclass` does. Values are compared and hashed by all their fields."""
        if not frozen:
            return dataclasses.dataclass(cls, slots=slots, repr=repr, eq=eq)
        return (lambda one: _frozen(one, slots, repr, eq)) if cls is None else _frozen(cls, slots, repr, eq)


def _frozen(cls: type, slots: bool, shown: bool, compared: bool) -> type:  # noqa: FBT001 - private
    own = set(vars(cls))
    cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    fields = dataclasses.fields(cls)
    methods: dict[str, Callable[..., object]] = {
        "__init__": _init(fields, hasattr(cls, "__post_init__")),
        "__setattr__": _refuse_assignment,
        "__delattr__": _refuse_deletion,
        "__setstate__": _restore,
    }
    if shown:
        methods["__repr__"] = _repr([field.name for field in fields if field.repr])
    if compared:
        methods["__eq__"], methods["__hash__"] = _comparison([field.name for field in fields if field.compare])
        own.discard("__hash__" if "__eq__" in own and vars(cls)["__hash__"] is None else "")
    for name, method in methods.items():
        if name not in own:
            method.__qualname__ = f"{cls.__qualname__}.{name}"
            setattr(cls, name, method)
    return cls


def _init(fields: tuple["dataclasses.Field[Any]", ...], has_more: bool) -> Callable[..., None]:  # noqa: FBT001 - private
    """Return `__init__`, the one method that has to be compiled: its parameters are the fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    places, named, lines = ["self"], list[str](), list[str]()
    for field in fields:
        name, value = field.name, field.name
        parameter = name
        if field.default is not MISSING:
            known[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
            value = name if field.init else f"_default_{name}"
        elif field.default_factory is not MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameter = f"{name}=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}" if field.init else f"_make_{name}()"
        if field.init:
            (named if field.kw_only else places).append(parameter)
        elif value == name:
            continue  # __post_init__ sets it
        lines.append(f" _set(self,{name!r},{value})")
    lines.append(" self.__post_init__()" if has_more else " pass")
    parameters = ",".join((*places, *(("*", *named) if named else ())))
    exec(f"def __init__({parameters}):\n" + "\n".join(lines), known)  # noqa: S102 - names of fields only
    return known["__init__"]  # type: ignore[no-any-return]


def _repr(names: list[str]) -> Callable[[object], str]:
    def __repr__(self: object) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _comparison(names: list[str]) -> tuple[Callable[[object, object], object], Callable[[object], int]]:
    content: Callable[[object], object] = attrgetter(*names) if names else lambda _: ()

    def __eq__(self: object, other: object) -> object:  # noqa: N807
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(content(self))

    return __eq__, __hash__


def _refuse_assignment(_: object, name: str, value: object) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _restore(self: object, state: "tuple[dict[str, object] | None, dict[str, object]]") -> None:
    """Take the state of a copy or a pickle: the attributes, and the slots."""
    for part in state if isinstance(state, tuple) else (state,):
        for name, value in (part or {}).items():
            object.__setattr__(self, name, value)

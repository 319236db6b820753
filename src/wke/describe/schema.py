"""JSON Schemas of the three files that users write, for editors: generated from the models that read them.

`python -m wke.describe.schema` writes them to the folder `schemas/` of this package; a test fails if they are out of date. The string
below a key's annotation is its description.
"""

import ast
import inspect
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from wke.describe.cluster.clusterfile import ClusterFile
from wke.describe.configuration.configfile import ConfigurationFile
from wke.describe.experiment.experimentfile import ExperimentFile
from wke.describe.toml.shape import Before, Bounds, Filled, Most, TableModel
from wke.documents import Json, TomlValue

FOLDER = Path(__file__).parent.parent / "schemas"

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_FILES: dict[str, tuple[type[TableModel], str]] = {
    "cluster": (ClusterFile, "cluster.toml of wke: the machines"),
    "configuration": (ConfigurationFile, "config.toml of wke: the targets and preludes of a configuration"),
    "experiment": (ExperimentFile, "An experiment of wke: what to vary, run and measure"),
}


def schema(kind: str) -> dict[str, Json]:
    """Return the JSON Schema of a kind of file: "cluster", "configuration" or "experiment". Old spellings are not in it."""
    model, title = _FILES[kind]
    tables: dict[str, Json] = {}
    whole = _table(model, tables)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "$defs": dict(sorted(tables.items())), **whole}


def _table(model: type[TableModel], tables: dict[str, Json]) -> dict[str, Json]:
    """Return the schema of a table; those of the tables in it are added to `tables`, by name."""
    texts = _descriptions(model)
    annotations = get_type_hints(model, include_extras=True)
    properties: dict[str, Json] = {}
    for key, name in model.keys.items():
        described: dict[str, Json] = {"description": texts[key]} if key in texts else {}
        default = getattr(model, name, None)
        if isinstance(default, str | int | float | tuple):
            described["default"] = list(default) if isinstance(default, tuple) else default
        properties[key] = described | dict(sorted(_value(annotations[name], tables).items()))
    required = [key for key, name in model.keys.items() if not hasattr(model, name)]
    whole = {"additionalProperties": model.open, "description": inspect.getdoc(model), "properties": properties, "type": "object"}
    return {**whole, "required": required} if required else whole


def _value(annotation: Any, tables: dict[str, Json]) -> dict[str, Json]:
    """Return the schema of the values that a file may have for an annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        return _simple(annotation, tables)
    if origin is Annotated:
        form = next((rule.form for rule in arguments if isinstance(rule, Before)), arguments[0])
        return _value(form, tables) | _limits(arguments)
    if origin is Literal:
        return {"enum": list(arguments), "type": "string"}
    if origin in {tuple, list}:
        return {"type": "array", "items": _value(arguments[0], tables)}
    if origin in {UnionType, Union}:
        forms = [_value(form, tables) for form in arguments if form is not NoneType]
        return {"anyOf": [one for form in forms for one in form.get("anyOf", [form])]} if len(forms) > 1 else forms[0]
    return {"type": "object", "additionalProperties": _value(arguments[1], tables) or True}


def _simple(annotation: Any, tables: dict[str, Json]) -> dict[str, Json]:
    if annotation is TomlValue:
        return {}
    if annotation in _JSON_TYPES:
        return {"type": _JSON_TYPES[annotation]}
    if annotation.__name__ not in tables:
        tables[annotation.__name__] = {}  # a table may contain itself
        tables[annotation.__name__] = _table(annotation, tables)
    return {"$ref": f"#/$defs/{annotation.__name__}"}


def _limits(rules: Iterable[object]) -> dict[str, Json]:
    limits: dict[str, Json] = {}
    for rule in rules:
        if isinstance(rule, Filled):
            limits["minLength"] = 1
        elif isinstance(rule, Most):
            limits |= {"maxItems": rule.number, "maxProperties": rule.number}
        elif isinstance(rule, Bounds):
            bounds = {"minimum": rule.at_least, "exclusiveMinimum": rule.over, "maximum": rule.at_most}
            limits |= {name: bound for name, bound in bounds.items() if bound is not None}
    return limits


def _descriptions(model: type[TableModel]) -> dict[str, str]:
    """Return the string below the annotation of each key of a table."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    keys = {name: key for key, name in model.keys.items()}
    return {
        keys[field.target.id]: inspect.cleandoc(below.value.value)
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def texts() -> dict[str, str]:
    """Return the text of each file in the folder, by the file's name."""
    return {f"{kind}.schema.json": json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in _FILES}


def write() -> None:
    """Write the folder."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()

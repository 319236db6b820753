"""JSON Schemas of the three files that users write, for editors: generated from the models that read them.

`python -m wke.describe.schema` writes them into the folder `schemas/` of this package; a test fails when they are out of date. A key is
described by the string below its field; pydantic could read those strings too, but would do so whenever wke starts.
"""

import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from wke.describe.clusterfile import ClusterFile
from wke.describe.configfile import ConfigurationFile
from wke.describe.experimentfile import ExperimentFile
from wke.describe.tables import TableModel

FOLDER = Path(__file__).parent.parent / "schemas"

_FILES: dict[str, tuple[type[TableModel], str]] = {
    "cluster": (ClusterFile, "cluster.toml of wke: the machines"),
    "configuration": (ConfigurationFile, "config.toml of wke: the targets and preludes of a configuration"),
    "experiment": (ExperimentFile, "An experiment of wke: what to vary, run and measure"),
}


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file: "cluster", "configuration" or "experiment". Old spellings are not in it."""
    model, title = _FILES[kind]
    generated = _for_toml(model.model_json_schema())
    definitions = generated.get("$defs", {}) | {model.__name__: generated}
    for table in TableModel.__subclasses__():
        for key, about in _descriptions(table).items() if table.__name__ in definitions else ():
            properties = definitions[table.__name__]["properties"]
            properties[key] = {"description": about, **properties[key]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **generated}


def _descriptions(model: type[TableModel]) -> dict[str, str]:
    """Return, for each key of a table, the string that stands below its field."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        str(model.model_fields[field.target.id].alias): inspect.cleandoc(below.value.value)
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def _for_toml(node: Any) -> Any:
    """Leave out what says nothing to a writer of TOML: null, which it does not have, titles that repeat a name, defaults of tables."""
    if isinstance(node, list):
        return [_for_toml(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"properties", "$defs"}:
            kept[key] = {name: _for_toml(inner) for name, inner in value.items()}
        elif key != "title" and not (key == "default" and (value is None or isinstance(value, dict))):
            kept[key] = _for_toml(value)
    alternatives = kept.get("anyOf", ())
    if len(alternatives) == 1:
        del kept["anyOf"]
        kept |= alternatives[0]
    return kept


def texts() -> dict[str, str]:
    """Return what belongs into each file of the folder, by the file's name."""
    return {f"{kind}.schema.json": json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in _FILES}


def write() -> None:
    """Bring the folder up to date."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()

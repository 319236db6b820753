"""JSON Schemas of the three files that users write, for editors: generated from the models that read them.

`python -m wke.describe.schema` writes them into the folder `schemas/` of this package; a test fails when they are out of date.
"""

import json
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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **generated}


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

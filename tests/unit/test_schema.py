"""The JSON Schemas that editors use."""

import pytest

from wke.describe import schema


def test_the_shipped_schemas_are_up_to_date() -> None:
    """What is in the folder is what the models say now; `python -m wke.describe.schema` brings it up to date."""
    assert {path.name: path.read_text() for path in schema.FOLDER.iterdir()} == schema.texts()


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("cluster", {"cluster", "machines", "classes", "links", "limits"}),
        ("configuration", {"config", "ubuntu", "preludes", "targets"}),
        ("experiment", {"experiment", "parameters", "classes", "steps", "metrics", "plots"}),
    ],
)
def test_a_schema_speaks_of_the_keys_of_its_file(kind: str, keys: set[str]) -> None:
    """All sections are there, spelled as in the file, with all forms a value may have and without null."""
    described = schema.schema(kind)
    assert set(described["properties"]) >= keys
    assert "null" not in str(described)
    assert "_" not in "".join(described["properties"])


def test_short_forms_are_in_the_schema() -> None:
    """An editor does not complain of `a = "host"` or `start = []`."""
    machines = schema.schema("cluster")["properties"]["machines"]["anyOf"]
    assert {form["type"] for form in machines} == {"object", "array"}
    assert {"type": "string"} in machines[0]["additionalProperties"]["anyOf"]
    targets = schema.schema("configuration")["properties"]["targets"]["additionalProperties"]["anyOf"]
    assert targets[0]["type"] == "array"

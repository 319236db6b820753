"""`wke why`: what changed since the nearest stored trial, in a project that is edited."""

import pytest
from projects import Project

pytestmark = pytest.mark.netns

SERIES = """
[experiment]
configuration = "kv"
seed = 1
[parameters]
size = [1, 2]
[[steps]]
target = "work"
on = "m0"
measure = true
options = { size = "{size}" }
[metrics]
value = {}
"""


def ids(project: Project) -> list[str]:
    return [trial["id"] for trial in project.wke("plan", "experiments/series.toml", "--json").json["trials"]]


def test_what_changed_is_named(emulated: Project) -> None:
    """Stored, never measured, failed, edited (the script's lines, an option), and no longer planned: each is told from the others."""
    emulated.targets({"work": '["size", ["pace", 5]]'}, work="#!/bin/sh\n# first\necho wke: value=$1\n")
    emulated.write("experiments/series.toml", SERIES)
    one, two = ids(emulated)
    assert emulated.measure("--limit", "1").status == 0
    assert emulated.wke("why", one[:6]).out == f"{one} is stored and reused: nothing that it depends on has changed\n"
    parameter = emulated.wke("why", two).out.splitlines()
    assert parameter[0] == f"{two} is to run; since {one}, the nearest result:"
    assert [line.split(" was ")[0] for line in parameter[1:]] == ["  parameter size", "  work: option size"]

    assert emulated.wke("why", "experiments/series.toml").out.splitlines()[0] == "1 trial: stored"

    emulated.edit("kv/targets/work", "# first", "# second")
    emulated.edit("kv/config.toml", '["pace", 5]', '["pace", 6]')
    changed = ids(emulated)[0]
    expected = f"""\
{changed} is to run; since {one}, the nearest result:
  work: option pace was 5, is 6
  work: script changed
    @@ -1,3 +1,3 @@
     #!/bin/sh
    -# first
    +# second
     echo wke: value=$1
"""
    assert emulated.wke("why", changed).out == expected
    summed = emulated.wke("why", "series").out
    assert summed.startswith("1 trial: to run (pace changed, script changed)\nfor example\n" + expected) or expected in summed
    groups = emulated.wke("why", "series", "--json").json["groups"]
    assert sorted(trial for group in groups for trial in group["trials"]) == sorted(ids(emulated))
    gone = emulated.wke("why", one, "--json").json
    assert (gone["trial"], gone["nearest"], len(gone["changes"])) == (one, changed, 2)
    assert emulated.wke("why", "nonsense").status == 2

    emulated.edit("kv/targets/work", "echo wke", "exit 4; echo wke")
    failing = ids(emulated)[0]
    assert emulated.measure("--limit", "1").status == 1
    assert f"{failing} is to run: its last attempt was failed(4): work on m0" in emulated.wke("why", failing).out

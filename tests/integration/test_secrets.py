"""A secret option in a whole series: the script gets the value, and nothing else has it."""

from pathlib import Path

from projects import Project, emulated_cluster

SECRET = "correct horse"
LOAD = """#!/bin/bash
echo "argument $2, value $WKE_OPTION_PASSWORD"
printf 'in two '; printf 'correct '; sleep 0.05; printf 'horse\\n'
echo "to stderr $WKE_OPTION_PASSWORD" >&2
echo '{"length": '${#WKE_OPTION_PASSWORD}'}' >> "$WKE_METRICS"
tr '\\0' '\\n' < /proc/$$/cmdline
echo "password=$WKE_OPTION_PASSWORD" > "$WKE_DIR/conf"
"""
SERIES = """
[experiment]
configuration = "kv"
seed = 1
[parameters]
n = [1]
[[steps]]
target = "load"
measure = true
options = { n = "{n}" }
collect = ["conf"]
[metrics]
length = {}
"""


def having(folder: Path) -> list[str]:
    """Return the files below a folder that have the secret."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_secret_is_nowhere_in_the_clear(tmp_path: Path) -> None:
    """The metric shows that the script has it; output, files, the store, the plan and every message have three asterisks."""
    project = Project(tmp_path, emulated_cluster(1), environment={"WKE_SECRET_PASSWORD": SECRET})
    project.targets({"load": '["n", { name = "password", secret = true }]'}, load=LOAD)
    project.write("experiments/series.toml", SERIES)
    done = project.measure()
    assert done.status == 0, done.err
    (trial,) = project.trials()
    assert trial.observations["length"] == len(SECRET)
    logs = project.wke("logs", trial.id)
    assert "argument WKE_OPTION_PASSWORD, value ***" in logs.out
    assert "in two ***" in logs.out
    assert "to stderr ***" in logs.out
    assert (trial.folder if trial.folder.is_absolute() else tmp_path / trial.folder).exists()
    run = project.wke("run", "kv", "all", "load", "-D", "n=1", "--log-dir", "kept")
    shown = [done, logs, run, *(project.wke(*line.split()) for line in ("plan experiments/series.toml --json", f"show {trial.id} --json"))]
    shown += [
        project.wke(*line.split()) for line in (f"why {trial.id}", "run kv all load -D n=1 --dry-run", "show-config kv -v", "check --store")
    ]
    assert [one.status for one in shown] == [0] * len(shown)
    assert [one for one in shown if SECRET in one.out + one.err] == []
    assert having(tmp_path) == []
    assert project.due() == []
    assert len(project.wke("plan", "experiments/series.toml", "--json", WKE_SECRET_PASSWORD="another one").json["trials"]) == 1
    assert project.measure("--dry-run", WKE_SECRET_PASSWORD="another one").out.count("to run: 1") == 1

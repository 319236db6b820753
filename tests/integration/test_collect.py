"""What scripts leave beside their output: metrics in $WKE_METRICS, files that are collected."""

from projects import Project

LEAVES = """#!/bin/sh
mkdir -p "$WKE_DIR/out/deep" "$WKE_DIR/data"
echo "log of $WKE_MACHINE.$WKE_COPY" > "$WKE_DIR/out/a.log"
echo more > "$WKE_DIR/out/b.log"
echo deep > "$WKE_DIR/out/deep/c.log"
echo raw > "$WKE_DIR/data/large"
echo note > "$WKE_DIR/.note.1"
ln -s .note.1 "$WKE_DIR/note.txt"
ln -s out "$WKE_DIR/latest"
ln -s / "$WKE_DIR/out/root.lnk"
echo "{\\"ops\\": 5, \\"p99\\": \\"$WKE_COPY.5 ms\\"}" >> "$WKE_METRICS"
echo '{"ops": 7}' >> "$WKE_METRICS"
"""
SERVES = """#!/bin/sh
echo serving > "$WKE_DIR/server.log"
trap 'sleep 0.1; echo served >> "$WKE_DIR/server.log"; echo "{\\"requests\\": 42}" > "$WKE_METRICS"; exit 0' TERM
echo up
while :; do sleep 0.05; done
"""
COLLECTED = """
[experiment]
configuration = "kv"
[[steps]]
target = "serve"
on = "m0"
background = true
ready = { log = "up" }
collect = "server.log"
[[steps]]
target = "load"
on = "m1"
measure = true
multiply = 2
collect = ["out/*.log", "note.txt", "latest/a.*"]
[metrics]
ops = { join = "sum" }
p99 = { join = "max", unit = "us" }
requests = { step = "serve" }
"""


def project(emulated: Project, load: str = LEAVES) -> Project:
    emulated.targets(serve=SERVES, load=load)
    emulated.write("experiments/series.toml", COLLECTED)
    return emulated


def test_files_and_metrics_come_back(emulated: Project) -> None:
    """Of each task what its step names, links followed, and nothing else; what the background step wrote as it was stopped, too."""
    done = project(emulated).measure()
    assert done.status == 0, done.err
    (trial,) = emulated.trials()
    assert trial.observations == {"ops": 14.0, "p99": 1500.0, "requests": 42.0}
    found = [path for path in trial.folder.rglob("*") if path.is_file() and path.suffix not in {".idx", ".out", ".err", ".wke"}]
    files = {str(path.relative_to(trial.folder)): path.read_text() for path in found}
    left = {name: text for name, text in files.items() if ".files/" in name}
    assert left == {
        "00-serve/m0.files/server.log": "serving\nserved\n",
        "01-load/m1.files/out/a.log": "log of m1.0\n",
        "01-load/m1.files/out/b.log": "more\n",
        "01-load/m1.files/note.txt": "note\n",
        "01-load/m1.files/latest/a.log": "log of m1.0\n",
        "01-load/m1.1.files/latest/a.log": "log of m1.1\n",
        "01-load/m1.1.files/out/a.log": "log of m1.1\n",
        "01-load/m1.1.files/out/b.log": "more\n",
        "01-load/m1.1.files/note.txt": "note\n",
    }
    assert files["01-load/m1.metrics"].endswith('{"ops": 7}\n')


def test_missing_files_and_nonsense_fail_the_trial(emulated: Project) -> None:
    """The first by the file's name; metrics that are none, too many, or no file at all are told in words."""
    project(emulated, LEAVES.replace("/note.txt", "/other.txt"))
    assert emulated.measure().status == 1
    (trial,) = emulated.trials()
    assert (trial.outcome, trial.why) == (
        "failed",
        "load on m1 left no note.txt in $WKE_DIR; load on m1.1 left no note.txt in $WKE_DIR",
    )
    hostile = 'if [ "$WKE_COPY" = 0 ]; then head -c 2000000 /dev/zero > "$WKE_METRICS"; else mkfifo "$WKE_METRICS"; fi\n'
    kept = "\n".join(line for line in LEAVES.splitlines() if "WKE_METRICS" not in line) + "\n"
    emulated.write("kv/targets/load", kept + hostile)
    assert emulated.measure().status == 1
    (trial,) = emulated.trials()
    assert "load on m1 wrote more than 1048576 bytes to $WKE_METRICS" in trial.why
    assert "ops: load on m1, m1.1 reported no value" in trial.why

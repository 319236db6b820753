"""`wke measure --ci`: a slow-down between two commits is confirmed, equals and improvements are no failure, whatever the luck."""

import contextlib
import os
import pty
import subprocess
from pathlib import Path

import pytest
from projects import Done, Project
from support import limit

pytestmark = pytest.mark.netns

LOAD = """#!/usr/bin/env python3
# revision NAME
import math, os, random, sys
before = len(open("FOLDER/ledger/ran").readlines())
with open("FOLDER/ledger/ran", "a") as ledger:
    ledger.write("%s %s\\n" % (os.environ.get("WKE_REVISION", "-"), os.environ.get("WKE_COMPARED", "-")))
noise = math.exp(random.Random("SEED %d" % before).gauss(0, 0.01))
print("wke: latency=%.6f ms" % (FACTOR * float(sys.argv[1]) * 1.005 ** before * noise))
"""
EXPERIMENT = """
[experiment]
configuration = "kv"
iterations = 8
seed = 5
threshold = "1%"
[parameters]
size = [1, 2]
[[steps]]
target = "load"
on = "m0"
measure = true
options = { size = "{size}" }
[metrics]
latency = { unit = "ms", better = "lower" }
"""


def git(project: Project, *arguments: str) -> str:
    """Run git in a project, as nobody in particular."""
    who = ["-c", "user.name=anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=project.folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def load(project: Project, name: str, factor: float, seed: int = 1) -> None:
    """Write the script of a revision, which takes `factor` times as long."""
    script = LOAD.replace("NAME", name).replace("FACTOR", str(factor)).replace("SEED", str(seed))
    project.targets({"load": '["size"]'}, load=script.replace("FOLDER", str(project.folder)))


def committed(project: Project, message: str) -> str:
    git(project, "add", "-A", ":(exclude)results")
    git(project, "commit", "-q", "-m", message)
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def history(emulated: Project) -> Project:
    """Return a project in git whose first commit is called main; luck depends on the seed and on what has run."""
    emulated.write("experiments/series.toml", EXPERIMENT)
    emulated.write("ledger/ran", "")
    emulated.write(".gitignore", "ledger/\n")
    git(emulated, "init", "-q")
    load(emulated, "main", 1.0)
    committed(emulated, "main")
    git(emulated, "tag", "base")
    return emulated


def ci(project: Project, *arguments: str, **environment: str) -> Done:
    return project.wke("measure", "experiments/series.toml", "--ci", *arguments, **environment)


def cells(text: str, block: int = 2) -> list[list[str]]:
    """Return the rows of a summary's first table, without its head."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n\n")[block].splitlines()]
    return rows[2:-1] if rows[-1][0].startswith("×") else rows[2:]


def test_a_slow_down_between_two_commits_is_confirmed(history: Project, tmp_path: Path) -> None:
    """Both are measured in turns on the same machines; the summary has factors, machines, commits and seed; the job fails, by status 4."""
    load(history, "slower", 1.1)
    head, base = committed(history, "slower"), git(history, "rev-parse", "base")
    page = tmp_path / "summary.md"
    done = ci(history, "--baseline", "base", GITHUB_STEP_SUMMARY=str(page))
    assert done.status == 4, done.err
    assert done.out.startswith(f"## series: compared with base ({base[:12]})\n\n**2 regressions confirmed** (2 comparisons: 2 worse).\n")
    rows = cells(done.out)
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [(size, "latency (ms)", "8", "**higher: worse**") for size in ("1", "2")]
    assert all(1.07 < float(row[3].split()[0]) < 1.13 for row in rows)
    for fact in (f"| head | {head} |", f"| baseline | {base}, measured beside it", "| seed | 5 |", "| m0 | processor: "):
        assert fact in done.out
    assert page.read_text() == done.out
    assert "\x1b" not in done.err
    ran = [line.split() for line in (history.folder / "ledger/ran").read_text().splitlines()]
    assert [revision for revision, _ in ran].count(base) == [revision for revision, _ in ran].count(head) == 16
    assert {compared for _, compared in ran} == {f"{base[:12]}..{head[:12]}"}
    rounds = [{revision for revision, _ in ran[start : start + 4]} for start in range(0, 32, 4)]
    assert rounds == [{base, head}] * 8
    again = ci(history, "--baseline", "base")
    assert (again.status, cells(again.out), len((history.folder / "ledger/ran").read_text().splitlines())) == (4, rows, 32)
    assert git(history, "status", "--porcelain") == "?? results/"
    assert git(history, "worktree", "list").count("\n") == 0


def test_equal_commits_are_no_regression(history: Project) -> None:
    """In spite of noise, and of drift of half a percent a trial: what differs in a comment does not differ in speed. Neither confirmed nor failed.

    How often that is so, tests/simulations/test_operating_characteristics.py counts.
    """
    load(history, "no other", 1.0)
    committed(history, "a comment")
    done = ci(history, "--baseline", "base")
    assert done.status == 0, done.out
    assert "\n\nNo regression is confirmed (2 comparisons: " in done.out
    assert {row[4].split(":")[0] for row in cells(done.out)} <= {"same within 1 %", "inconclusive"}


def test_an_improvement_is_no_failure_and_changes_need_no_commit(history: Project) -> None:
    """The working tree is measured as it is; that it is not committed is told, and makes another revision each time."""
    load(history, "faster", 0.9)
    done = ci(history, "--baseline", "base", "--threshold", "5%")
    assert (done.status, [row[4] for row in cells(done.out)]) == (0, ["lower: better", "lower: better"])
    assert f"| head | {git(history, 'rev-parse', 'HEAD')} with uncommitted changes |" in done.out
    load(history, "slower", 1.3)
    done = ci(history, "--baseline", "base", "--limit", "2")
    assert (done.status, "No regression is confirmed (nothing could be compared: no round has both values)." in done.out) == (1, True)
    assert [row[4] for row in cells(done.out)] == ["incomplete: 0 of 8 rounds"] * 2
    history.write("unnamed", "nothing depends on it")
    allowed = ci(history, "--baseline", "base", "--limit", "2", "--allow-incomplete")
    assert (allowed.status, "(2 comparisons: 2 incomplete)" in allowed.out) == (0, True)
    assert "2 trials to run; 0 of 32 are stored already" in done.err  # those of the baseline were measured beside another revision
    assert "2 trials to run; 2 of 32 are stored already" in allowed.err


def test_each_revision_has_what_it_deployed(history: Project) -> None:
    """What a step with a scope did for one revision does not serve the other, also where only that step differs."""
    note = history.folder / "ledger/deployed"
    load = f"read -r latency revision < {note}; [ $revision = $WKE_REVISION ] || exit 9; echo wke: latency=$latency"
    history.edit("experiments/series.toml", "[[steps]]", '[[steps]]\ntarget = "deploy"\non = "m0"\nscope = "deploy"\n[[steps]]')
    for latency, tag in ((10, "base"), (13, "head")):
        history.targets({"load": '["size"]'}, deploy=f"echo {latency} $WKE_REVISION > {note}", load=load)
        committed(history, tag)
        git(history, "tag", "-f", tag)
    done = ci(history, "--baseline", "base")
    assert (done.status, [row[3] for row in cells(done.out)]) == (4, ["1.300"] * 2)


def test_a_candidate_that_fails_is_a_regression(history: Project) -> None:
    """Where the baseline fails as well nothing can be compared, and the job fails in another way."""
    history.targets({"load": '["size"]'}, load="exit 3")
    done = ci(history, "--baseline", "base", "--only", "size=1")
    assert (done.status, [row[-1] for row in cells(done.out)]) == (4, ["incomplete: 0 of 8 rounds", "**higher: worse**"])
    assert "| failed trials | 8 | 8 of 8, baseline 0 of 8 |" in done.out
    history.edit("experiments/series.toml", "seed = 5", "seed = 5\nstop-after = 0")
    git(history, "tag", "-f", "base", committed(history, "broken"))
    done = ci(history, "--baseline", "base", "--only", "size=1")
    assert done.status == 1
    assert "No regression is confirmed (nothing could be compared: no round has both values).\n" in done.out
    assert [row[-1] for row in cells(done.out)] == ["incomplete: 0 of 8 rounds"]


def test_few_failures_decide_nothing(history: Project) -> None:
    """A candidate that fails in a third of its trials is no confirmed regression, and no success: its comparison lacks rounds."""
    history.targets({"load": '["size"]'}, load="echo wke: latency=500")
    git(history, "tag", "-f", "base", committed(history, "sound"))
    count = f"echo >> {history.folder}/ledger/ran; [ $(( $(wc -l < {history.folder}/ledger/ran) % 3 )) != 2 ] || exit 7"
    history.targets({"load": '["size"]'}, load=f"{count}; echo wke: latency=500")
    done = ci(history, "--baseline", "base", "--only", "size=1")
    assert (done.status, cells(done.out)) == (
        1,
        [
            ["latency (ms)", "5", "1", "incomplete: 5 of 8 rounds"],
            ["failed trials", "8", "3 of 8, baseline 0 of 8", "inconclusive: so few failures may be luck"],
        ],
    )
    assert "\n\nNo regression is confirmed (2 comparisons: 1 inconclusive, 1 incomplete).\n" in done.out


def test_each_revision_deploys_its_own_files(history: Project) -> None:
    """A commit that changes only what a step copies is seen; a file that git does not hold belongs to no revision, and is refused."""
    copy = '[[steps]]\ntarget = "copy-data"\non = "m0"\noptions = { source = "code/.", destination = "code" }\n[[steps]]'
    history.edit("experiments/series.toml", "[[steps]]", copy)
    history.targets({"load": '["size"]'}, load="echo wke: latency=$(cat code/latency)")
    for latency, tag in ((10, "base"), (13, "head")):
        history.write("code/latency", str(latency))
        committed(history, tag)
        git(history, "tag", "-f", tag)
    done = ci(history, "--baseline", "base", "--only", "size=1", GIT_DIR="/nowhere", GIT_INDEX_FILE="/nowhere/index")
    assert (done.status, [row[2] for row in cells(done.out)]) == (4, ["1.300"])
    again = history.wke("compare", "git:base", "git:head", "--json")
    assert isinstance(again.json, dict)
    assert (again.status, again.json["confirmed"], again.json["together"]) == (4, 1, True)
    table = history.wke("compare", "git:base", "git:head")
    assert (table.status, table.out.splitlines()[1].split()) == (4, ["1", "latency", "8", "1.300", "higher:", "worse"])
    assert table.err.splitlines()[-2].endswith(": compared with git:base: 1 regression confirmed (2 comparisons: 1 worse, 1 incomplete)")
    why = history.wke("compare", "git:base", "git:head", "--why")
    assert [line[4:] for line in why.out.splitlines()[1:2]] == ["the copied files of copy-data are changed"], why.err
    history.write("code/built", "by hand")
    refused = ci(history, "--baseline", "base")
    assert (refused.status, refused.err.splitlines()[0]) == (2, "git does not hold code/built, so that it belongs to no revision")
    assert "from the commit in WKE_REVISION" in refused.err


def test_results_from_elsewhere_suggest_and_never_confirm(history: Project, tmp_path: Path) -> None:
    """A results folder that was copied is compared round by round; days differ, so the job is asked to measure side by side."""
    assert history.measure().status == 0
    (history.folder / "results").rename(tmp_path / "artifact")
    load(history, "slower", 1.5)
    done = ci(history, "--baseline", str(tmp_path / "artifact"))
    assert (done.status, [row[4] for row in cells(done.out, 3)]) == (1, ["**higher: worse, not confirmed**"] * 2)
    assert "**2 regressions suggested, none confirmed** (2 comparisons: 2 worse): measure both in the same rounds" in done.out
    assert "\n\n- the baseline was measured at another time, so that it cannot confirm a regression\n\n" in done.out
    assert f"| head | {git(history, 'rev-parse', 'HEAD')} with uncommitted changes |" in done.out
    assert ci(history, "--baseline", str(tmp_path / "artifact"), "--allow-incomplete").status == 0
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(tmp_path / "artifact/wke.sqlite") as sql:
        sql.execute("UPDATE machines SET json = json_set(json, '$.processor', 'another')")
    sql.close()
    doubtful = ci(history, "--baseline", str(tmp_path / "artifact"))
    assert doubtful.status == 1
    assert "- m0 is not the same: processor was another, and is " in doubtful.out
    history.edit("experiments/series.toml", "size = [1, 2]", "size = [3, 4]")
    elsewhere = ci(history, "--baseline", str(tmp_path / "artifact"))
    assert (elsewhere.status, elsewhere.out) == (2, "")
    assert "no point of the experiment is one of " in elsewhere.err
    assert ": size=3, size=4 against size=1, size=2\n" in elsewhere.err


def test_a_gate_fails_closed(history: Project) -> None:
    """A value of 0, and errors where there were none, are no reason to say nothing."""
    history.edit(
        "experiments/series.toml",
        'latency = { unit = "ms", better = "lower" }',
        'errors = { better = "lower" }\nops = { better = "higher" }',
    )
    history.edit("experiments/series.toml", "size = [1, 2]", "size = [1]")
    count = f"echo >> {history.folder}/ledger/ran; n=$(wc -l < {history.folder}/ledger/ran)"
    history.targets({"load": '["size"]'}, load=f"{count}; echo wke: errors=0; echo wke: ops=$((1000 + n))")
    git(history, "tag", "-f", "base", committed(history, "sound"))
    broken = f"{count}; echo wke: errors=$((500 + n)); echo wke: ops=$(( n > 12 ? 0 : 500 + n ))"
    history.targets({"load": '["size"]'}, load=broken)
    done = ci(history, "--baseline", "base")
    assert (done.status, [row[-1] for row in cells(done.out)]) == (4, ["**higher: worse**", "**lower: worse**"])


def test_a_point_of_the_experiment_may_be_the_baseline(history: Project) -> None:
    """As `baseline` in the file does; there it need not be given again."""
    done = ci(history, "--baseline", "size=2")
    assert (done.status, cells(done.out)[0][-1]) == (0, "lower: better")
    history.edit("experiments/series.toml", "seed = 5", "seed = 5\nbaseline = { size = 1 }")
    assert (ci(history).status, len((history.folder / "ledger/ran").read_text().splitlines())) == (4, 16)


def test_nothing_is_redrawn_on_a_terminal_either(history: Project) -> None:
    """Jobs may have a terminal; what they keep of it is a log. Without --ci the same terminal has a display."""
    said = []
    for arguments in (["--ci", "--baseline", "size=2"], ["--no-figures"]):
        ours, theirs = pty.openpty()
        process = history.start("measure", "experiments/series.toml", "--limit", "1", *arguments, into=theirs, together=True, TERM="xterm")
        os.close(theirs)
        said.append(b"")
        with contextlib.suppress(OSError):  # the kernel's way to say that nobody writes any more
            while True:
                said[-1] += os.read(ours, 1 << 16)
        os.close(ours)
        process.communicate(timeout=limit(60))
    assert ["iteration 1: ok" in text.decode() for text in said] == [True, True]
    assert [b"\x1b[?25l" in text for text in said] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "change", "words"),
    [
        (["--ci"], None, "--ci needs something to compare with"),
        (["--ci", "--baseline", "nothing"], None, "--baseline nothing: there is no such commit, folder or series"),
        (["--ci", "--baseline", "size=3"], None, "--baseline size=3: size is never 3"),
        (["--ci", "--baseline", "length=3"], None, '--baseline length=3: there is no parameter "length"'),
        (["--ci", "--baseline", "base", "--threshold", "much"], None, "--threshold much: "),
        (["--ci", "--baseline", "HEAD:kv"], None, "--baseline HEAD:kv: there is no such commit, folder or series"),
        (["--ci", "--baseline", "base", "--detach"], None, "--detach does not work with --ci"),
        (["--baseline", "base"], None, "--baseline, --threshold, --strict and --allow-incomplete need --ci"),
        (["--ci", "--baseline", "base"], ("iterations = 8", "iterations = 4"), "a comparison needs at least 5 rounds"),
        (["--ci", "--baseline", "base"], ("seed = 5", 'seed = 5\norder = "sequential"'), "comparisons need rounds of all points"),
        (["--ci", "--baseline", "base"], (', better = "lower"', ""), "no metric says which way is better"),
        (
            ["--ci", "--baseline", "base"],
            ('unit = "ms"', 'unit = "ms", step = "other"'),
            "baseline base: metric latency is read from a step that is not there",
        ),
        (
            ["--ci", "--baseline", "base"],
            ("seed = 5", 'seed = 5\nfiles = ["ledger/ran"]'),
            "git does not hold ledger/ran, so that it belongs to",
        ),
        (
            ["--ci", "--baseline", "base"],
            ("seed = 5", 'seed = 5\nfiles = ["/etc/hosts"]'),
            "/etc/hosts is an absolute path, which is the same file",
        ),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_runs(
    history: Project, arguments: list[str], change: tuple[str, str] | None, words: str
) -> None:
    """With status 2 and nothing stored."""
    if change is not None:
        history.edit("experiments/series.toml", *change)
    if "from a step" in words:
        history.targets({"other": '["size"]'}, other="true")
        history.edit("experiments/series.toml", 'target = "load"', 'target = "other"')
    done = history.wke("measure", "experiments/series.toml", *arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert not (history.folder / "results").exists()

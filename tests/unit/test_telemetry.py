"""Telemetry: from samples to rows, to the file and back, to a figure."""

import math
import re
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.act.telemetry.loadrows import LoadRows
from wke.errors import InputError
from wke.judge.loads import EvenLoads, is_wanted, load_between
from wke.keep.output.telemetry import COLUMNS, LOADS, LoadsFile, Recording, read_loads, record_window, write_recording
from wke.records import Sample

TENTH_NS = 100_000_000
STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
BEFORE = dict(zip([f"cpu.{state}" for state in STATES], (100, 0, 50, 800, 40, 0, 5, 5), strict=True)) | {
    "memory.used": 2000,
    "disk.a.read": 500,
    "disk.b.read": 12,
    "disk.a.written": 1024,
    "net.eth0.received": 1000,
    "net.eth0.sent": 2000,
}
AFTER = dict(zip([f"cpu.{state}" for state in STATES], (108, 1, 53, 804, 42, 0, 6, 6), strict=True)) | {
    "memory.used": 2500,
    "disk.a.read": 1000,
    "disk.b.read": 24,
    "disk.new.read": 10**9,
    "disk.a.written": 1024,
    "net.eth0.received": 1500,
    "net.eth0.sent": 2001,
}

# -- loads


def test_a_load_is_the_difference_of_two_samples() -> None:
    """Busy is all but idle and waiting, of all ticks; what was sent is netout; rates are for the time that really passed."""
    load = load_between(Sample("m", 0, BEFORE), Sample("m", 2 * TENTH_NS, AFTER))
    assert dict(zip(COLUMNS, load, strict=True)) == {
        "cpu": pytest.approx(100 * 14 / 20),
        "mem": 2500,
        "disk-read": pytest.approx(2560),
        "disk-write": 0,
        "netout": pytest.approx(5),
        "netin": pytest.approx(2500),
    }


def without(numbers: dict[str, int], prefix: str) -> dict[str, int]:
    return {name: value for name, value in numbers.items() if not name.startswith(prefix)}


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ({}, {}, set(COLUMNS)),
        (BEFORE, without(AFTER, "disk."), {"disk-read", "disk-write"}),
        (without(BEFORE, "cpu.idle"), AFTER, {"cpu"}),
        (BEFORE, AFTER | {name: value for name, value in BEFORE.items() if name.startswith("cpu.")}, {"cpu"}),  # no tick passed
        (without(BEFORE, "net."), AFTER | {"memory.used": None}, {"mem", "netin", "netout"}),
    ],
)
def test_what_a_sample_does_not_tell_is_not_known(before: dict, after: dict, missing: set[str]) -> None:
    """What cannot be read takes nothing but its own columns."""
    load = load_between(Sample("m", 0, before), Sample("m", TENTH_NS, after))
    assert {column for column, value in zip(COLUMNS, load, strict=True) if value is None} == missing


def test_counters_that_fall_give_no_load_below_zero() -> None:
    """The kernel's idle time may fall by a tick; what another agent counted may be anything."""
    fallen = BEFORE | {"cpu.user": 110, "cpu.idle": 799, "disk.a.read": 0, "disk.a.written": 0, "net.eth0.received": 0, "net.eth0.sent": 0}
    assert load_between(Sample("m", 0, BEFORE), Sample("m", TENTH_NS, fallen)) == (100, 2000, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "name", ["net.lo.sent", "net.eth0.drops", "disk.vda.reads", "cpu.busy", "cpu.0.steal", "memory.total", "", "load.1"]
)
def test_loads_are_of_whole_machines(name: str) -> None:
    """Loopback traffic, operations and single processors are in no load."""
    assert not is_wanted(name)
    assert all(map(is_wanted, BEFORE))


# -- loads at even moments


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 10**9)), min_size=2, max_size=60))
def test_loads_at_even_moments_add_up_to_what_was_counted(steps: list[tuple[int, int]]) -> None:
    """However late and close together samples are taken, no byte is lost or counted twice, and each moment comes once."""
    moments_ns = [1_000_000 * ms for ms in accumulate(ms for ms, _ in steps)]
    counted = list(accumulate(count for _, count in steps))
    loads = EvenLoads(0, TENTH_NS)
    samples = [Sample("m", at, {"net.eth0.sent": count}) for at, count in zip(moments_ns, counted, strict=True)]
    reached = [row for sample in samples if (row := loads.add(sample))]
    moments = [at for at, _ in reached]
    assert moments == sorted(set(moments))
    assert all(at % TENTH_NS == 0 for at in moments)
    moved = sum((at - before) / 1e9 * load[4] for (before, _), (at, load) in pairwise(reached))
    near = TENTH_NS // 10  # what was counted up to a sample near a moment is taken as counted up to that moment
    ends = [moments[0], moments[-1]] if moments else [0, 0]
    least, most = (np.interp([ends[0] + side, ends[1] - side], moments_ns, counted) for side in (near, -near))
    assert least[1] - least[0] - 2 <= moved <= most[1] - most[0] + 2


def test_a_clock_that_is_set_back_begins_anew() -> None:
    """No load spans a moment at which the machine's clock was set back."""
    loads = EvenLoads(0, 100)
    told = [loads.add(Sample("m", at, {"memory.used": at})) for at in (0, 100, 210, 150, 300, 400)]
    assert [at for at, _ in filter(None, told)] == [100, 200, 300, 400]
    assert told[4] == (300, load_between(Sample("m", 150, {}), Sample("m", 300, {"memory.used": 300})))


# -- rows


def load(value: float) -> tuple[float, ...]:
    return (value,) * len(COLUMNS)


def test_a_row_waits_for_all_machines() -> None:
    """Samples belong to the nearest row; a row is told when every machine has come as far, with those that told."""
    rows = LoadRows(["a", "b"], 1_000, 100)
    assert rows.add("a", 1_000, None) == []
    assert rows.add("a", 1_104, load(1)) == []
    assert rows.add("b", 1_001, None) == []
    assert rows.add("b", 1_097, load(2)) == [(1, {"a": load(1), "b": load(2)})]
    assert rows.add("b", 1_199, load(3)) == []
    assert rows.add("a", 1_301, load(4)) == [(2, {"b": load(3)})]
    assert rows.finish() == [(3, {"a": load(4)})]
    assert rows.finish() == []


def test_a_row_does_not_wait_for_ever() -> None:
    """A machine that says nothing holds rows up for three seconds; what it says too late is dropped; rows of which nobody told are none."""
    rows = LoadRows(["a", "b"], 0, 100)
    told = [number for k in [*range(1, 34), 40] for number, _ in rows.add("a", 100 * k, load(k))]
    assert told == list(range(1, 11))
    assert rows.add("b", 500, load(0)) == []
    assert [number for number, _ in rows.add("b", 3_300, load(0))] == list(range(11, 34))
    assert rows.finish() == [(40, {"a": load(40)})]


# -- the file


def recorded(folder: Path, rows: dict[float, dict[str, tuple]], names: tuple[str, ...] = ("m0", "b.example.org")) -> Path:
    file = LoadsFile(folder, names)
    write_recording(folder, Recording(5_000_000_000, 0.1))
    for at, loads in rows.items():
        file.append(at, loads)
    file.close()
    return folder


ROWS = {0.1: {"m0": (12.34, 2e9, 0.0, 1.0, 2.0, 1234567.89), "b.example.org": load(7)}, 0.2: {"m0": (None, *load(1)[1:])}}


def test_the_file_is_as_documented(tmp_path: Path) -> None:
    """A header, a row a moment, nothing where nothing is known; only its owner may read it."""
    folder = recorded(tmp_path / "new" / "logs", ROWS)
    titles = ",".join(f"{name}.{column}" for name in ("m0", "b.example.org") for column in COLUMNS)
    assert (folder / LOADS).read_text() == (f"time,{titles}\n0.100,12.3,2000000000,0,1,2,1234567.9,7,7,7,7,7,7\n0.200,,1,1,1,1,1,,,,,,\n")
    assert list(COLUMNS) == ["cpu", "mem", "disk-read", "disk-write", "netout", "netin"]
    assert (folder / LOADS).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Names with dots, empty fields, and windows on the recording's own time axis."""
    folder = recorded(tmp_path, ROWS)
    record_window(folder, 5_050_000_000, 5_150_000_000)
    record_window(folder, 6_000_000_000, 7_000_000_000)
    loads = read_loads(folder)
    assert loads.times == (0.1, 0.2)
    assert {name: list(columns) for name, columns in loads.machines.items()} == {"m0": list(COLUMNS), "b.example.org": list(COLUMNS)}
    assert loads.machines["m0"]["netin"] == (1234567.9, 1)
    assert loads.machines["b.example.org"]["mem"][0] == 7
    assert math.isnan(loads.machines["m0"]["cpu"][1])
    assert math.isnan(loads.machines["b.example.org"]["mem"][1])
    assert loads.windows == ((0.05, 0.15), (1, 2))


def test_a_file_that_was_cut_off_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    """At whatever byte a killed controller left it, what is read is the beginning of what was written."""
    folder = recorded(tmp_path, ROWS)
    whole = (folder / LOADS).read_bytes()
    for size in range(len(whole)):
        (folder / LOADS).write_bytes(whole[:size])
        assert read_loads(folder).times == (0.1, 0.2)[: max(0, whole[:size].count(b"\n") - 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read LOADS: No such file or directory"),
        ("uid,throughput\n1,2\n", "LOADS is not a recording of machines' loads"),
        ("time,m0.cpu,m0.heat\n", "LOADS is not a recording of machines' loads"),
        ("time,m0.cpu\n0.1,much\n", "LOADS has a value that is not a number: could not convert string to float: 'much'"),
        ("time,m0.cpu\n0.1,1,2\n", "LOADS has a row of 3 fields under a header of 2"),
        ("time,m0.cpu\n0.1,1\n0.2\n", "LOADS has a row of 1 fields under a header of 2"),
    ],
)
def test_a_file_that_is_no_recording_is_an_input_error(tmp_path: Path, text: str | None, message: str) -> None:
    """Each with the file's path."""
    if text is not None:
        (tmp_path / LOADS).write_text(text)
    with pytest.raises(InputError, match=re.escape(message.replace("LOADS", str(tmp_path / LOADS)))):
        read_loads(tmp_path)


def test_titles_without_a_name_are_machines_in_order(tmp_path: Path) -> None:
    """A file with six bare columns for each machine, and nothing beside it, is read too."""
    (tmp_path / LOADS).write_text(f"time,{','.join([*COLUMNS, *COLUMNS])}\n0.1,{','.join('12')},{','.join('3456789012')}\n")
    loads = read_loads(tmp_path)
    assert {name: columns["cpu"] for name, columns in loads.machines.items()} == {"0": (1,), "1": (7,)}
    assert loads.windows == ()


# -- the figure
